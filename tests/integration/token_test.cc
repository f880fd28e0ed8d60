// Keys that never leave a PKCS#11 token: SoftHSM's, whose tokens are files in a folder of the test's own.
#include <unistd.h>

#include <cstdlib>

#include "at_terminal.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/real_agent.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string provider = "/usr/lib/softhsm/libsofthsm2.so";  // of Debian; an ssh-agent loads from /usr/lib alone
const std::string pin = "482915";
const std::string asked = "Enter PIN for 'kirikae': ";

bool lacks_token() { return is_skipped(::access(provider.c_str(), R_OK) != 0 || !installed("softhsm2-util"), "softhsm2 is not installed"); }

// A token with one key. What is started while it lives finds it.
class Token {
 public:
  Token() {
    folder_.write("tokens/.keep", "");
    ::setenv(variable, folder_.write("conf", "directories.tokendir = " + (folder_ / "tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n").c_str(), 1);
    const std::string text =
        "cd \"$1\" && softhsm2-util --init-token --free --label kirikae --pin $2 --so-pin $2 &&"
        " openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve -out key &&"
        " softhsm2-util --import key --token kirikae --label deploy --id 01 --pin $2 && chmod 600 key && ssh-keygen -y -f key >key.pub && rm key";
    REQUIRE(run_program({"/bin/sh", "-c", text, "sh", folder_.path().string(), pin}).status == 0);
  }
  ~Token() { ::unsetenv(variable); }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  [[nodiscard]] std::string public_key() const { return folder_.read("key.pub"); }
  [[nodiscard]] std::string setting() const { return std::string(variable) + "=" + (folder_ / "conf"); }
  // As a person does it: the PIN is asked for by a program.
  void load_into(const RealAgent& agent) const {
    const std::string asks = folder_.write("asks", "#!/bin/sh\necho " + pin + "\n", 0755);
    REQUIRE(run_program({"env", "SSH_AUTH_SOCK=" + agent.socket(), "SSH_ASKPASS=" + asks, "SSH_ASKPASS_REQUIRE=force", "ssh-add", "-q", "-s", provider})
                .status == 0);
  }

 private:
  static constexpr const char* variable = "SOFTHSM2_CONF";
  TempDir folder_;
};

// Hosts that let in who has the token; ssh_config has no other key.
void write_hosts(const World& world, const Token& token, const std::string& transport, const std::string& more) {
  world.sshd().authorize(token.public_key());
  world.write_app("1");
  std::string config, names;
  for (const FarmHost& host : world.hosts()) {
    const std::string name = "web" + std::to_string(&host - world.hosts().data() + 1);
    names += (names.empty() ? "" : ", ") + name;
    config += "Host " + name + "\n  HostName " + host.name() + "\n";
  }
  world.write("ssh_config", config + "Host *\n  Port " + std::to_string(world.port()) + "\n  User " + SshdFixture::user() + "\n  UserKnownHostsFile " +
                                world.known_hosts() + "\n  IdentityFile none\n" + more);
  world.write("deploy.yml", "application: shop\ndeploy_to: " + world.deploy_to() + "\nsource: {directory: app}\nssh: {config: ssh_config, transport: " +
                                transport + "}\nstages:\n  production:\n    hosts: [" + names + "]\n");
}

}  // namespace

TEST_CASE("a key of a token that ssh-agent has loaded logs in") {
  if (lacks_token()) return;
  const Token token;
  World world;
  write_hosts(world, token, "libssh2", "");
  const TempDir folder;
  const RealAgent agent(folder, {});
  world.environment = {"SSH_AUTH_SOCK=" + agent.socket()};
  CHECK(world.deploy({"production"}).status == 5);  // no other key does
  token.load_into(agent);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(0).version() == "1");
}

TEST_CASE("a key of a token that ssh_config names logs in through the system's ssh, once the run has asked for its PIN") {
  if (lacks_token()) return;
  const Token token;
  World world({.hosts = 2});  // no more: the token of files fails now and then where several programs log in at once
  write_hosts(world, token, GENERATE("openssh", "auto"), "  PKCS11Provider " + provider + "\n");
  world.environment = {token.setting()};
  auto terminal = at_terminal(world, {"production"});
  REQUIRE(says(terminal, asked));
  terminal.type(pin + "\n");
  const int status = end_of(terminal);
  const std::string output = terminal.output();
  INFO(output);
  CHECK(status == 0);
  CHECK(output.find(pin) == std::string::npos);
  CHECK(output.find(asked, output.find(asked) + 1) == std::string::npos);
  for (const FarmHost& host : world.hosts()) CHECK(host.version() == "1");
}

TEST_CASE("a wrong PIN is tried once, whatever the number of hosts") {
  if (lacks_token()) return;
  const Token token;
  World world({.hosts = 2});
  write_hosts(world, token, "openssh", "  PKCS11Provider " + provider + "\n");
  world.environment = {token.setting()};
  auto terminal = at_terminal(world, {"production"});
  REQUIRE(says(terminal, asked));
  terminal.type("000000\n");
  const bool again = says(terminal, asked + "\r\n" + asked);
  INFO(terminal.output());
  REQUIRE(again);
  terminal.type(pin + "\n");
  CHECK(end_of(terminal) == 5);  // one host
  CHECK_THAT(terminal.output(), ContainsSubstring("ssh could not log in on"));
  for (const FarmHost& host : world.hosts()) CHECK(host.untouched());
}

TEST_CASE("a token that ssh_config names and libssh2 can't use is told with both ways out") {
  if (lacks_token()) return;
  const Token token;
  World world;
  write_hosts(world, token, "libssh2", "  PKCS11Provider " + provider + "\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("PKCS11Provider is not used here: load its keys into the ssh-agent (ssh-add -s), or set transport: openssh"));
  CHECK(world.host(0).untouched());
}
