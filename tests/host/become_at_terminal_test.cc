// Commands as another user who have a terminal, by the system's sudo, which may insist on one: for root, who may mount rules of our own
// over the system's. What runs on the "host" is an ordinary user (Disk).
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <numeric>
#include <vector>

#include "host/sudo.h"
#include "host/terminal_channel.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"
#include "support/thorough.h"

namespace kirikae::test {
namespace {

using Catch::Matchers::ContainsSubstring;

const std::string on_ours = "Defaults requiretty,!use_pty\n";   // the command is at the channel's terminal
const std::string on_sudos = "Defaults requiretty,use_pty\n";  // and at one that sudo makes
const std::string on_none = "Defaults !requiretty,!use_pty\n";  // nobody insists on one

// Each has one step.
struct TerminalSite {
  TempDir rules;
  Disk disk;
  TerminalChannel channel;

  TerminalSite(const Shell& shell, const std::string& sudoers, const std::string& first_rule = {})
      : channel(shell, disk, nobodys_sudo(rules, sudoers, first_rule)) {}
};

host::Command command_as(const host::Become& become, const std::string& run, const std::map<std::string, std::string>& environment = {},
                         const SecretSet* secrets = nullptr) {
  return host::task_at_terminal_as(become, "t", run, "/", environment, secrets);
}

// As a user's own signal, which doesn't reach what runs as root.
void terminate_as_nobody(pid_t group) {
  constexpr uid_t nobody = 65534;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::setgid(nobody) == 0 && ::setuid(nobody) == 0 && ::kill(-group, SIGTERM) == 0 ? 0 : 1);
  int status = 1;
  REQUIRE((::waitpid(pid, &status, 0) == pid && status == 0));
}

}  // namespace

TEST_CASE("A task as another user at a terminal has one on all its streams, and nothing is shown there but what it says") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(all_shells())));
  const std::string terminal = GENERATE(on_ours, on_sudos, on_none);
  const std::string rules = GENERATE(free_of_charge, with_password);
  INFO(shell << ", " << terminal << rules);
  SecretSet secrets;
  const std::string odd = "it's $HOME \\ \"q\"\n second; `id` %s\n" + std::string(70000, 'x') + "\n";  // more than a pipe takes
  secrets.add("KEY", Secret("top secret value"));
  const auto ended = TerminalSite(shell, terminal + rules).channel.run(command_as(
      {"daemon", sudo_password}, "test -t 0 && test -t 1 && test -t 2; : >/dev/tty; id -un; pwd; printf '%s' \"$ODD\"; echo \"$KEY $HOME $TERM\"; wc -c; cat; stty size; echo err >&2; exit 7",
      {{"ODD", odd}}, &secrets));
  INFO(ended);
  CHECK(ended.status == 7);
  CHECK(ended.out == "daemon\n/\n" + odd + "top secret value /usr/sbin dumb\n0\n24 80\nerr\n");
}

TEST_CASE("A task as another user at a terminal says how it ended, by a signal as well, whatever the recipe's PATH is") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(all_shells())));
  const std::string terminal = GENERATE(on_ours, on_sudos);
  INFO(shell << ", " << terminal);
  const auto ended = [&](const std::string& user, const std::string& run, const std::map<std::string, std::string>& environment = {}) {
    TerminalSite site(shell, terminal + free_of_charge);
    const auto end = site.channel.run(command_as({user}, run, environment));
    CHECK(fs::is_empty(site.disk.temporary()));
    return std::to_string(end.status) + " " + end.out;
  };
  CHECK(ended("root", "false; echo no") == "1 ");
  CHECK(ended("root", "kill -KILL $$") == "137 ");
  CHECK(ended("daemon", "kill -TERM $$") == "143 ");
  CHECK(ended("daemon", "echo \"here $TERM\"", {{"PATH", "/nowhere"}, {"TERM", "vt100"}}) == "0 here vt100\n");
}

TEST_CASE("sudo at a terminal is told the password where it asks, and nobody else is") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(all_shells())));
  const std::string terminal = GENERATE(on_ours, on_sudos), rules = GENERATE(with_password, free_of_charge);
  INFO(shell << ", " << terminal << rules);
  TerminalSite site(shell, terminal + rules);
  const Never never;  // until the test writes
  site.channel.begin(command_as({"root", sudo_password}, "echo here; read -r go <" + never.path() + "; env; tr '\\0' ' ' </proc/self/environ"));
  REQUIRE(site.channel.says("here\n"));
  CHECK(processes_that_show(sudo_password_start).empty());
  std::ofstream(never.path()) << "go\n";
  const auto ended = site.channel.end();
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK_THAT(ended.out, ContainsSubstring("SUDO_USER=nobody"));
  CHECK(site.channel.output().find(sudo_password_start) == std::string::npos);
  CHECK(fs::is_empty(site.disk.temporary()));
}

TEST_CASE("What keeps sudo from it at a terminal is said with what to do") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(all_shells())));
  const std::string terminal = GENERATE(on_ours, on_sudos);
  INFO(shell << ", " << terminal);
  const auto said = [&](const std::string& rules, const host::Become& become) {
    const auto ended = TerminalSite(shell, terminal + rules).channel.run(command_as(become, "echo no"));
    CHECK(ended.status == 1);
    return ended.out;
  };
  CHECK_THAT(said(with_password, {"root"}), ContainsSubstring("sudo wants a password of 'nobody' here: name a secret with it by 'become_password'"));
  CHECK_THAT(said(with_password, {"root", "wrong"}),
             ContainsSubstring("the password is wrong that sudo was given for 'nobody': check the secret that 'become_password' names\n"));
  CHECK_THAT(said("", {"root", sudo_password}), ContainsSubstring("sudo doesn't let 'nobody' run " + shell.program + " as 'root' here"));
  CHECK_THAT(said("nobody ALL=(ALL) /bin/true\n", {"root", sudo_password}),
             ContainsSubstring("sudo doesn't let 'nobody' run " + shell.program + " as 'root' here"));
  CHECK_THAT(said(free_of_charge, {"nobody-there"}), ContainsSubstring("there is no user 'nobody-there' on this host\n"));
}

TEST_CASE("Without sudo, a task as another user at a terminal says what to install") {
  for (const auto& shell : shells()) {
    if (shell.name != "busybox") continue;  // whose PATH has nothing else
    const Disk disk;
    const auto ended = TerminalChannel(shell, disk).run(command_as({"root"}, "echo no"));
    CHECK(ended.status == 1);
    CHECK(ended.out == "there is no sudo on this host, which 'become' needs: install it, or log in as 'root'\n");
  }
}

TEST_CASE("A wrong password is said to sudo at a terminal once") {
  if (is_skipped_without_sudo()) return;
  const TempDir folder;  // where PAM counts
  const std::string count = folder.write("count", "#!/bin/sh\necho try >>" + (folder / "tries") + "\n", 0755);
  TerminalSite site(with_sudo(shells()).front(), on_ours + with_password, "auth required pam_exec.so quiet seteuid " + count + "\n");
  CHECK(site.channel.run(command_as({"root", "wrong\nsecond line"}, "echo no")).status == 1);
  CHECK(folder.read("tries") == "try\ntry\n");  // the second ends without a word
}

TEST_CASE("A task as another user at a terminal that is told to end ends with all that it has started, whatever it does about signals", "[slow]") {
  if (is_skipped_without_sudo()) return;
  std::vector<int> cases(16);
  std::iota(cases.begin(), cases.end(), 0);
  const int which = GENERATE_COPY(from_range(some_of(cases, 5)));  // of each two both, in a usual run
  const std::string terminal = which & 1 ? on_ours : on_sudos, user = which & 2 ? "daemon" : "root";
  const std::string signals = which & 4 ? "" : "trap '' TERM HUP INT\n";
  const bool typed = (which & 8) != 0;
  INFO(terminal << user << ' ' << signals << (typed ? "Ctrl-C" : "a signal that doesn't reach what runs as root"));
  const Never never;
  const auto left = [&] { return processes_with(never.path()); };
  std::vector<std::unique_ptr<TerminalSite>> sites;  // all at once: it takes seconds
  for (const auto& shell : with_sudo(all_shells())) {
    INFO(shell);
    TerminalChannel& channel = sites.emplace_back(std::make_unique<TerminalSite>(shell, terminal + free_of_charge))->channel;
    channel.begin(command_as({user}, signals + never.command() + " & (" + never.command() + " & echo all; wait) & wait\n"));
    REQUIRE(channel.says("all\n"));
  }
  for (const auto& site : sites) {
    if (typed) site->channel.interrupt();
    else terminate_as_nobody(site->channel.process());
  }
  for (const auto& site : sites) CHECK(site->channel.ends());
  CHECK(eventually([&] { return left().empty(); }, std::chrono::seconds(40)));
  for (const pid_t pid : left()) kill(pid, SIGKILL);
}

TEST_CASE("A task as another user at a terminal ends although it leaves somebody behind") {
  if (is_skipped_without_sudo()) return;
  const auto shell = GENERATE(from_range(with_sudo(all_shells())));
  const std::string terminal = GENERATE(on_ours, on_sudos);
  INFO(shell << ", " << terminal);
  const Never never;
  const auto ended = TerminalSite(shell, terminal + free_of_charge).channel.run(command_as({"daemon"}, "setsid " + never.command() + " & echo out"));
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "out\n");
  for (const pid_t pid : processes_with(never.path())) kill(pid, SIGKILL);
}

}  // namespace kirikae::test
