// `deploy ssh` on real servers, by the system's ssh.
#include <cstdlib>

#include "integration/at_terminal.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using kirikae::golden::Pty;

namespace {

// The answer can't be what was typed.
void check_shell(Pty& terminal, const std::string& folder) {
  terminal.type("test -t 0 && echo \"at $(pwd -P) $((41 + 1))\"\n");
  const bool there = says(terminal, "at " + folder + " 42");
  INFO(terminal.output());
  REQUIRE(there);
  terminal.type("exit 7\n");
  CHECK(end_of(terminal) == 7);
}

}  // namespace

TEST_CASE("ssh is a shell at a terminal in the live release, whatever the login shell, and ends with its exit code") {
  const std::string shell = GENERATE(from_range(some_of(std::vector<std::string>{"", "fish", "tcsh", "zsh", "dash"}, 2)));
  CAPTURE(shell);
  if (!shell.empty() && !installed(shell)) return;
  World world({.login_shell = shell});
  world.write_app("1");
  const std::string odd = "it's an \"odd\" $(name) 100% !wow \\0 ünï";
  const auto tree = world.host(0).tree().parent_path() / odd;
  const std::string set = "deploy_to=" + (std::filesystem::path(world.deploy_to()).parent_path() / odd).string();
  REQUIRE(world.deploy({"production", "--set", set}).status == 0);
  Pty terminal = at_terminal(world, {"ssh", "production", "--set", set});
  check_shell(terminal, std::filesystem::canonical(tree / "current").string());
}

TEST_CASE("ssh goes to the host that is named, to the primary one, or asks which") {
  World world({.hosts = 3});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const auto live = [&](std::size_t i) { return (world.host(i) / "releases" / world.host(i).live()).string(); };
  {
    Pty terminal = at_terminal(world, {"production", "ssh", "*.2"});
    check_shell(terminal, live(1));
  }
  {
    Pty terminal = at_terminal(world, {"ssh", "production"});
    REQUIRE(says(terminal, "   2  127.0.0.2"));
    REQUIRE(says(terminal, "which host? its number or name"));
    terminal.type("9\n");
    REQUIRE(says(terminal, "no host of the stage has the name '9'"));
    terminal.type("3\n");
    check_shell(terminal, live(2));
  }
  Ran ran = world.deploy({"ssh", "production"});
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK(ran.err ==
        "error: which host? there are several, and nobody can be asked here\n  name one behind the stage: 127.0.0.1, "
        "127.0.0.2, "
        "127.0.0.3\n");
  ran = world.deploy({"ssh", "production", "127.0.0.9"});
  CHECK(ran.status == 2);
  CHECK(ran.err == "error: no host of the stage has the name '127.0.0.9'\n  did you mean '127.0.0.1'?\n");
  ran = world.deploy({"ssh", "production", "127.0.0.3", "--exclude", "*.3"});
  CHECK(ran.status == 2);
  CHECK(ran.err == "error: '127.0.0.3' isn't one of the hosts that are selected\n  --hosts, --roles or --exclude leave it out\n");
  world.write_recipe("", "[127.0.0.1, {address: 127.0.0.2, primary: true}, 127.0.0.3]");
  // Without a terminal it is a shell that reads commands.
  ran = world.type("echo 'pwd -P; exit 5' | PATH=/usr/bin:/bin " KIRIKAE_DEPLOY " ssh production");
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.out, ContainsSubstring(live(1) + "\n"));
}

TEST_CASE("ssh is a shell in the live release where ssh_config has a command of its own for the host") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write("config", "Host *\n  RemoteCommand echo mine\n  RequestTTY yes\n");
  Pty terminal = at_terminal(world, {"ssh", "production", "--set", "ssh.config=config"});
  check_shell(terminal, (world.host(0) / "releases" / world.host(0).live()).string());
}

TEST_CASE("ssh tells jump hosts what the recipe says, as a deploy does") {
  World world;
  world.write_app("1");
  const SshdFixture gate, inner;
  const auto block = [](const std::string& name, const SshdFixture& sshd, const std::string& more) {
    return "Host " + name + "\n  HostName " + sshd.address() + "\n  Port " + std::to_string(sshd.port()) + "\n" + more;
  };
  world.write("config", block("gate", gate, "") + block("inner", inner, "  ProxyJump gate\n") + "Host 127.0.0.1\n  ProxyJump inner\n");
  for (const SshdFixture* jump : {&gate, &inner}) {
    world.write("../known_hosts", world.read("known_hosts") + jump->known_hosts_lines(jump->address(), jump->port()));
  }
  const std::vector<std::string> set{"--set", "ssh.config=config"};
  REQUIRE(world.deploy({"production", set[0], set[1]}).status == 0);
  Pty terminal = at_terminal(world, {"ssh", "production", set[0], set[1]});
  check_shell(terminal, (world.host(0) / "releases" / world.host(0).live()).string());
  for (const SshdFixture* jump : {&gate, &inner}) CHECK_THAT(jump->log(), ContainsSubstring("Accepted publickey"));
}

TEST_CASE("ssh trusts no other key than a deploy does, and asks nothing; without a client it says what to install") {
  World world;
  world.write("nobody", "");
  Ran ran = world.deploy({"ssh", "production", "--set", "ssh.known_hosts_file=nobody"});
  INFO(ran);
  CHECK(ran.status == 255);
  CHECK_THAT(ran.err, ContainsSubstring("Host key verification failed"));
  world.environment = {"PATH=/nowhere"};
  ran = world.deploy({"ssh", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK(ran.err == "error: there is no 'ssh' on this machine\n  install OpenSSH's client (Debian: openssh-client)\n");
}
