// ssh.password on a whole run: real servers that take passwords, for root, who may hide the system's shadow file from them.
#include "support/catch.h"
#include "support/farm.h"
#include "support/skip.h"
#include "support/process.h"
#include "support/real_agent.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string right = "Rq-login/pass word+9";

// A host that no key of ours opens, but a password.
struct Behind {
  TempDir folder;
  World world{{.sshd_config = {"PasswordAuthentication yes"}, .replaced = password_files(folder, right)}};

  Behind() {
    world.write_app("1");
    world.write_recipe("secrets: {LOGIN: {env: LOGIN}, OTHER: {env: OTHER}}\n"
                       "tasks: {tell: 'echo \"it has [${LOGIN-nothing}] [$OTHER]\"; tr \"\\\\0\" \"\\\\n\" </proc/$$/environ'}\n"
                       "hooks: {build: tell}\n");
    world.environment = {"LOGIN=" + right, "OTHER=another-secret"};
  }
  Ran run(std::vector<std::string> words) {
    words.insert(words.end(), {"--set", "ssh.identity=" + key_pair("ed25519", "stranger")});
    return world.deploy(words);
  }
};

}  // namespace

TEST_CASE("a recipe's password logs in where no key does, for every verb, and no command has it") {
  if (is_skipped_without_mounts()) return;
  Behind behind;
  Ran ran = behind.run({"production"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("the host accepts: publickey, password"));
  ran = behind.run({"production", "--set", "ssh.password=LOGIN"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("it has [nothing] [***]"));
  CHECK_THAT(ran.out, !ContainsSubstring("LOGIN="));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring(right));
  // A verb that runs no commands needs no other secret.
  behind.world.environment = {"LOGIN=" + right};
  ran = behind.run({"status", "production", "--set", "ssh.password=LOGIN"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring(behind.world.host(0).live()));
}

TEST_CASE("a recipe's password that is wrong is tried once, and the error names the secret") {
  if (is_skipped_without_mounts()) return;
  Behind behind;
  behind.world.environment[0] = "LOGIN=wrong-password";
  const Ran ran = behind.run({"production", "--set", "ssh.password=LOGIN"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("password: the secret 'LOGIN' was refused"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("wrong-password"));
  const std::string log = behind.world.sshd().log();
  const auto failed = log.find("Failed password");
  REQUIRE(failed != std::string::npos);
  CHECK(log.find("Failed password", failed + 1) == std::string::npos);
}

TEST_CASE("a recipe's password logs in through the system's ssh, too, with nobody at a terminal, and a wrong one is tried once") {
  if (is_skipped_without_mounts()) return;
  Behind behind;
  const std::vector<std::string> words = {"production", "--set", "ssh.password=LOGIN", "--set", "ssh.transport=openssh", "--set", "ssh.config=config"};
  // Asked for or not: nobody has to type it.
  behind.world.write("config", GENERATE("Host *\n  BatchMode yes\n", "Host *\n  PreferredAuthentications password\n", ""));
  Ran ran = behind.run(words);
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring(right));
  behind.world.environment[0] = "LOGIN=wrong-password";
  const auto before = behind.world.sshd().log().size();
  ran = behind.run(words);
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("ssh could not log in on") && ContainsSubstring("password: the secret 'LOGIN' was refused"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("wrong-password"));
  const std::string log = behind.world.sshd().log().substr(before);
  const auto failed = log.find("Failed password");
  REQUIRE(failed != std::string::npos);
  CHECK(log.find("Failed password", failed + 1) == std::string::npos);
}

// No key has signed, so nobody knows what the agent would have to be told of the session.
TEST_CASE("a host that was logged in on by password has the agent's keys but those that are for some hosts alone") {
  if (is_skipped_without_mounts()) return;
  Behind behind;
  World& world = behind.world;
  const RealAgent agent(behind.folder, {key_pair("ed25519", "plain")});
  const std::string host = "[" + world.sshd().address() + "]:" + std::to_string(world.port());
  REQUIRE(run_program({"env", "SSH_AUTH_SOCK=" + agent.socket(), "ssh-add", "-q", "-H", world.known_hosts(), "-h", host, key_pair("ecdsa", "bound")}).status == 0);
  world.environment.push_back("SSH_AUTH_SOCK=" + agent.socket());
  world.write("config", "Host *\n  PubkeyAuthentication no\n");
  world.write_recipe("secrets: {LOGIN: {env: LOGIN}}\ntasks: {list: ssh-add -l}\nhooks: {build: list}\n");
  const Ran ran = behind.run({"production", "--set", "ssh.password=LOGIN", "--set", "ssh.forward_agent=true", "--set", "ssh.config=config"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("(ED25519)"));
  CHECK_THAT(ran.out, !ContainsSubstring("(ECDSA)"));
}

TEST_CASE("a jump host is not told the recipe's password") {
  if (is_skipped_without_mounts()) return;
  Behind behind;
  SshdFixture gate({.config = {"PasswordAuthentication yes", "LogLevel DEBUG1"}, .replaced = password_files(behind.folder, right)});
  behind.world.write("config", "Host gate\n  HostName " + gate.address() + "\n  Port " + std::to_string(gate.port()) +
                                   "\nHost 127.0.0.1\n  ProxyJump gate\n");
  behind.world.write("known", behind.world.read("known_hosts") + gate.known_hosts_lines(gate.address(), gate.port()));
  const std::string carrier = GENERATE("libssh2", "openssh");
  CAPTURE(carrier);
  const Ran ran = behind.run({"production", "--set", "ssh.password=LOGIN", "--set", "ssh.config=config", "--set", "ssh.known_hosts_file=known", "--set",
                              "ssh.transport=" + carrier});
  INFO(ran);
  CHECK(ran.status == 5);
  if (carrier == "libssh2") CHECK_THAT(ran.err, ContainsSubstring("gate"));
  CHECK_THAT(gate.log(), ContainsSubstring("Failed publickey"));
  CHECK_THAT(gate.log(), !ContainsSubstring("method password"));
}
