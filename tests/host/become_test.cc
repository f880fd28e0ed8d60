// Commands as another user, by the system's sudo, which sees an account and rules of our own: for root, who may mount those over the
// system's files. What runs on the "host" is an ordinary user (Disk).
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "host/control.h"
#include "host/sudo.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

struct BecomeSite {
  TempDir rules;
  Disk disk;
  Shell shell;
  Control control;

  BecomeSite(const Shell& with, const std::string& sudoers, const std::string& first_rule = {})
      : shell(with), control(with, disk, "control", ":", nobodys_sudo(rules, sudoers, first_rule)) {}

  host::Command as(const host::Become& become, const std::string& run, const std::map<std::string, std::string>& environment = {},
                   const SecretSet* secrets = nullptr) const {
    auto command = host::task_as(become, "t", run, "/", environment, secrets);
    command.text = with_shell(command.text, shell);
    return command;
  }
};

}  // namespace

TEST_CASE("A task as another user has its environment, its folder, an empty input, and says how it ended") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  BecomeSite site(shell, free_of_charge);
  SecretSet secrets;
  const std::string odd = "it's $HOME \\ \"q\"\n second; `id` %s\n";
  secrets.add("KEY", Secret("top secret value"));
  const auto ended = site.control.run(site.as({"daemon"}, "id -un; pwd; printf '%s' \"$ODD\"; echo \"$KEY $HOME\"; wc -c; echo err >&2; exit 7",
                                              {{"ODD", odd}}, &secrets));
  INFO(ended);
  CHECK(ended.status == 7);
  CHECK(ended.out == "daemon\n/\n" + odd + "top secret value /usr/sbin\n0\n");
  CHECK(ended.err == "err\n");
  CHECK(site.control.run(site.as({"daemon"}, "echo here", {{"PATH", "/nowhere"}})).out == "here\n");
  CHECK(site.control.run(site.as({"root"}, "false; echo no")).status == 1);
  CHECK(site.control.run(site.as({"root"}, "id -un")).out == "root\n");
  CHECK(site.control.run(site.as({"root"}, "kill -KILL $$")).status == 137);
  CHECK(fs::is_empty(site.disk.temporary()));
}

TEST_CASE("sudo is told the password where it asks, and nobody else is") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  const std::string rules = GENERATE(with_password, free_of_charge);
  BecomeSite site(shell, rules);
  const std::string fifo = site.disk / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0666) == 0);
  chmod(fifo.c_str(), 0666);
  auto command = site.as({"root", sudo_password}, "wc -c; echo here; read -r go <" + fifo + "; env; tr '\\0' ' ' </proc/self/environ");
  CHECK(command.text.find(sudo_password) == std::string::npos);
  site.control.begin(1, command);
  REQUIRE(site.control.wait_for_output("0\nhere\n"));
  CHECK(processes_that_show(sudo_password_start).empty());
  std::ofstream(fifo) << "go\n";
  const auto ended = site.control.end(1);
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out.find(sudo_password_start) == std::string::npos);
  CHECK(ended.err.empty());
  CHECK(fs::is_empty(site.disk.temporary()));
}

TEST_CASE("What keeps sudo from it is said with what to do") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  const auto said = [&](const std::string& rules, const host::Become& become) {
    BecomeSite site(shell, rules);
    const auto ended = site.control.run(site.as(become, "echo no"));
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    const bool warned = ended.err.starts_with("sudo: unable to resolve host ");  // where this machine doesn't know its own name
    return warned ? ended.err.substr(ended.err.find('\n') + 1) : ended.err;
  };
  CHECK(said(with_password, {"root"}) ==
        "sudo: a password is required\n"
        "sudo wants a password of 'nobody' here: name a secret with it by 'become_password', or allow it without one in sudoers (NOPASSWD)\n");
  CHECK(said(with_password, {"root", "wrong"}) ==
        "the password is wrong that sudo was given for 'nobody': check the secret that 'become_password' names\n");
  CHECK_THAT(said("", {"root", sudo_password}),
             Catch::Matchers::ContainsSubstring("sudo doesn't let 'nobody' run " + shell.program + " as 'root' here, which 'become' needs: allow that in sudoers\n"));
  CHECK_THAT(said("nobody ALL=(ALL) /bin/true\n", {"root", sudo_password}),
             Catch::Matchers::ContainsSubstring("sudo doesn't let 'nobody' run " + shell.program + " as 'root' here"));
  CHECK_THAT(said("Defaults requiretty\n" + free_of_charge, {"root"}),
             Catch::Matchers::ContainsSubstring("sudo wants a terminal here: give the task one ('pty: true'), or write 'Defaults:nobody !requiretty' into sudoers\n"));
  CHECK_THAT(said(free_of_charge, {"nobody-there"}), Catch::Matchers::ContainsSubstring("there is no user 'nobody-there' on this host\n"));
}

TEST_CASE("Without sudo, a task as another user says what to install") {
  const auto shell = GENERATE(from_range(shells()));
  if (shell.name != "busybox") return;  // whose PATH has nothing else
  const Disk disk;
  Control control(shell, disk);
  const auto ended = control.run(host::task_as({"root"}, "t", "echo no", "/", {}));
  CHECK(ended.status == 1);
  CHECK(ended.err == "there is no sudo on this host, which 'become' needs: install it, or log in as 'root'\n");
}

TEST_CASE("A wrong password is said to sudo once") {
  if (is_skipped_without_sudo()) return;
  const TempDir folder;  // where PAM counts
  const std::string count = folder.write("count", "#!/bin/sh\necho try >>" + (folder / "tries") + "\n", 0755);
  BecomeSite site(with_sudo(shells()).front(), with_password, "auth required pam_exec.so quiet seteuid " + count + "\n");
  CHECK(site.control.run(site.as({"root", "wrong"}, "echo no")).status == 1);
  CHECK(folder.read("tries") == "try\ntry\n");  // the second ends without a word
}

TEST_CASE("A task as another user that is told to end ends with all that it has started, whatever it does about signals") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  if (shell.name.ends_with("ksh")) return;
  const bool terminal = GENERATE(true, false);
  const std::string user = terminal ? "daemon" : "root";
  BecomeSite site(shell, (terminal ? "Defaults use_pty\n" : "Defaults !use_pty\n") + free_of_charge);
  const Never never;
  const auto left = [&] { return processes_with(never.path()); };
  const std::string family = "echo $$; " + never.command() + " & (" + never.command() + " & echo all; wait) & wait\n";
  SECTION("it doesn't mind signals") {
    site.control.begin(1, site.as({user}, family));
    REQUIRE(site.control.wait_for_output("all\n"));
    site.control.say("cancel 1\n");
    const auto ended = site.control.end(1);
    INFO(ended);
    CHECK(ended.status > 128);
    CHECK(left().empty());
    CHECK(site.control.run("echo next").out == "next\n");
  }
  SECTION("it ignores them") {
    site.control.begin(1, site.as({user}, "trap '' TERM HUP INT\n" + family));
    REQUIRE(site.control.wait_for_output("all\n"));
    site.control.say("cancel 1\n");
    CHECK(site.control.end(1).status > 128);
    CHECK(left().empty());
  }
  SECTION("nobody is left who asked for it") {
    site.control.begin(1, site.as({user}, "trap '' TERM HUP INT\n" + family));
    REQUIRE(site.control.wait_for_output("all\n"));
    site.control.close_input();
    CHECK(eventually([&] { return left().empty(); }));
  }
}

TEST_CASE("A task as another user ends with its line where sudo can't be signalled") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  TempDir programs;
  open_to_all(programs);
  programs.write("sudo", "#!/bin/sh\nexec /usr/bin/setsid --wait /usr/bin/sudo \"$@\"\n", 0755);
  Shell other = shell;
  other.path = programs.path().string() + ":" + shell.path;
  BecomeSite site(other, free_of_charge);
  const Never never;
  site.control.begin(1, site.as({"root"}, never.command() + " & echo all; wait"));
  REQUIRE(site.control.wait_for_output("all\n"));
  site.control.say("cancel 1\n");
  CHECK(site.control.end(1).status > 0);
  CHECK(eventually([&] { return processes_with(never.path()).empty(); }));
  for (const pid_t pid : processes_with(never.path())) kill(pid, SIGKILL);
}

TEST_CASE("A task as another user ends although it leaves somebody behind") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(shells())));
  INFO(shell);
  BecomeSite site(shell, "Defaults !use_pty\n" + free_of_charge);
  const Never never;
  const auto ended = site.control.run(site.as({"daemon"}, "setsid " + never.command() + " & echo out; echo err >&2"));
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "out\n");
  CHECK(ended.err == "err\n");
  const auto left = processes_with(never.path());
  CHECK(!left.empty());
  for (const pid_t pid : left) kill(pid, SIGKILL);
}

}  // namespace kirikae::test
