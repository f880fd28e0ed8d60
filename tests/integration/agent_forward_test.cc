// ssh.forward_agent on a whole run: a hook on the host clones from a server that only the operator's agent has a key for.
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/real_agent.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A git server whose one key is in the operator's agent alone.
struct Clone {
  TempDir folder;
  RealAgent agent{folder, {key_pair("ed25519", "operator")}};
  SshdFixture git{{.host_keys = {"ecdsa"}}};  // not the host's own key
  World world;

  Clone() {
    git.folder().write("authorized_keys", run_program({"cat", key_pair("ed25519", "operator") + ".pub"}).output);
    const std::string repository = folder / "code.git";
    REQUIRE(run_program({"sh", "-ec",
                         "git init -q -b main \"$1\" && cd \"$1\" && echo of-the-repository >file && git add file && "
                         "git -c user.name=a -c user.email=a@b commit -q -m one",
                         "sh", repository})
                .status == 0);
    world.write_app("1");
    // As a person would write it, but for where the host's known_hosts are.
    world.write_recipe("tasks: {clone: \"echo \\\"agent: ${SSH_AUTH_SOCK:+there}\\\"; GIT_SSH_COMMAND='ssh -o BatchMode=yes -o IdentityFile=none -o UserKnownHostsFile=" +
                       git.known_hosts() + "' git clone -q ssh://" + SshdFixture::user() + "@" + git.address() + ":" + std::to_string(git.port()) +
                       repository + " code\"}\nhooks: {build: clone}\n");
    world.environment = {"SSH_AUTH_SOCK=" + agent.socket()};
  }
};

}  // namespace

TEST_CASE("a hook clones over ssh with a key of the operator's agent, where the recipe allows it") {
  Clone clone;
  World& world = clone.world;
  Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);  // off by default
  CHECK_THAT(ran.out, !ContainsSubstring("agent: there"));
  CHECK_THAT(ran.err, ContainsSubstring("Permission denied (publickey)"));
  ran = world.deploy({"production", "--set", "ssh.forward_agent=true"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("agent: there"));
  CHECK(world.host(0).read("current/code/file") == "of-the-repository\n");
}

// ssh-add -h: a key for the hosts that are named, by whom they may be reached, alone.
TEST_CASE("keys that were added to the agent for some hosts alone log in there, and not elsewhere by way of them") {
  Clone clone;
  World& world = clone.world;
  const auto listed = [](const SshdFixture& sshd) { return "[" + sshd.address() + "]:" + std::to_string(sshd.port()); };
  const std::string host = listed(world.sshd()), git = listed(clone.git);
  const std::string known = clone.folder.write("known", world.read("known_hosts") + run_program({"cat", clone.git.known_hosts()}).output);
  const auto add = [&](std::vector<std::string> where) {
    std::vector<std::string> argv = {"env", "SSH_AUTH_SOCK=" + clone.agent.socket(), "ssh-add", "-q", "-H", known};
    for (const std::string& each : where) argv.insert(argv.end(), {"-h", each});
    argv.push_back(key_pair("ed25519", "operator"));
    REQUIRE(run_program({"env", "SSH_AUTH_SOCK=" + clone.agent.socket(), "ssh-add", "-q", "-D"}).status == 0);
    REQUIRE(run_program(argv).status == 0);
  };
  world.sshd().authorize(run_program({"cat", key_pair("ed25519", "operator") + ".pub"}).output);
  world.write("config", "Host *\n  IdentityFile none\n  ForwardAgent yes\n");
  const auto deploy = [&] {
    return world.deploy({"production", "--set", "ssh.config=config", "--set", "ssh.identity=" + key_pair("ed25519", "operator") + ".pub"});
  };
  SECTION("the host, and the git server from there") {
    add({host, host + ">" + git});
    const Ran ran = deploy();
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK(world.host(0).read("current/code/file") == "of-the-repository\n");
  }
  SECTION("the host alone") {
    add({host});
    const Ran ran = deploy();
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("Permission denied (publickey)"));
  }
  SECTION("both, but not the one from the other") {
    add({host, git});
    const Ran ran = deploy();
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("Permission denied (publickey)"));
  }
  SECTION("another host") {
    add({git});
    const Ran ran = deploy();
    INFO(ran);
    CHECK(ran.status == 5);
    CHECK_THAT(ran.err, ContainsSubstring("the ssh-agent won't sign with this key"));
  }
}

TEST_CASE("ssh_config's ForwardAgent is followed where the recipe says nothing, and config --ssh shows it") {
  Clone clone;
  World& world = clone.world;
  world.environment.push_back("OTHER_AGENT=" + clone.agent.socket());
  world.environment[0] = "SSH_AUTH_SOCK=/nowhere";
  const std::string said = GENERATE(as<std::string>(), "yes", "$OTHER_AGENT", "path");
  const std::string value = said == "path" ? clone.agent.socket() : said;
  CAPTURE(value);
  world.write("config", "Host *\n  ForwardAgent " + value + "\n");
  if (said == "yes") world.environment[0] = "SSH_AUTH_SOCK=" + clone.agent.socket();
  Ran ran = world.deploy({"config", "production", "--ssh", "--set", "ssh.config=config"});
  INFO(ran);
  CHECK_THAT(ran.out, ContainsSubstring("forward_agent: " + clone.agent.socket()));
  ran = world.deploy({"production", "--set", "ssh.config=config"});
  INFO(ran);
  CHECK(ran.status == 0);
  ran = world.deploy({"production", "--set", "ssh.config=config", "--set", "ssh.forward_agent=false"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.out, !ContainsSubstring("agent: there"));
}
