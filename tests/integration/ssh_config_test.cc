// Hosts by the names that ssh_config has for them, and the ways to them that it knows.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "integration/live_tree.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// What ssh_config says of each host of a world: web1, web2 …
std::string block_of(const World& world, std::size_t index, const std::string& more = {}) {
  const SshdFixture& sshd = world.sshd(index);
  return fmt::format("Host web{}\n  HostName {}\n  Port {}\n  User {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n{}", index + 1,
                     world.host(index).name(), sshd.port(), SshdFixture::user(), SshdFixture::client_key(), world.known_hosts(), more);
}

// A recipe that says nothing of how its hosts are reached.
void write_recipe(const World& world, const std::string& hosts, const std::string& more = {}) {
  world.write("deploy.yml", "application: shop\ndeploy_to: " + world.deploy_to() + "\nsource: {directory: app}\nssh: {config: ssh_config}\n" +
                                more + "stages:\n  production:\n    hosts: " + hosts + "\n");
}

int logins_on(const World& world, std::size_t index) {
  const std::string log = world.sshd(index).log();
  int count = 0;
  for (auto at = log.find("Accepted publickey"); at != std::string::npos; at = log.find("Accepted publickey", at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a host that ssh reaches by a name of ssh_config is deployed to by that name", "[slow]") {
  World world;
  world.write_app("1");
  world.write("ssh_config", block_of(world, 0));
  world.write("hosts.mustache", "{{#hosts}}{{name}} {{user}} {{port}}\n{{/hosts}}");
  write_recipe(world, "[web1]", "templates:\n  - {from: hosts.mustache, to: HOSTS}\n");
  const Ran check = world.deploy({"check", "production"});
  INFO(check);
  REQUIRE(check.status == 0);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(0).version() == "1");
  REQUIRE(world.host(0).read("current/HOSTS") == fmt::format("web1 {} {}\n", SshdFixture::user(), world.sshd().port()));
  const Ran run = world.deploy({"run", "production", "--", "cat", "VERSION"});
  INFO(run);
  REQUIRE_THAT(run.out, ContainsSubstring("1"));
  REQUIRE(world.deploy({"ssh", "production"}).status == 0);  // the system's ssh, with nothing to type
}

TEST_CASE("a stop while ssh is asked for its settings says that nothing was done") {
  World world;
  const Never never;
  world.write_app("1");
  world.write("ssh_config", "Match exec \"touch " + (world / "asked").string() + "; " + never.command() + "\"\n" +
                                block_of(world, 0));
  write_recipe(world, "[web1]");
  Running running = world.start({"production"});
  REQUIRE(eventually([&] { return std::filesystem::exists(world / "asked"); }, std::chrono::seconds(60)));
  running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  CHECK(ran.status == 130);
  CHECK_THAT(ran.out + ran.err, ContainsSubstring("stopped before anything was connected; nothing was done"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("packing"));
  CHECK(processes_with(never.path()).empty());
}

TEST_CASE("a host's RSA key that is shorter than ssh_config wants is refused before anybody logs in") {
  World world;
  world.write_app("1");
  const SshdFixture sshd({.host_keys = {"rsa"}});
  world.write("ssh_config", fmt::format("Host web1\n  HostName {}\n  Port {}\n  IdentityFile {}\n  UserKnownHostsFile {}\n  RequiredRSASize 16384\n",
                                        sshd.address(), sshd.port(), SshdFixture::client_key(), sshd.known_hosts()));
  write_recipe(world, "[web1]");
  const Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("host key of 'web1' is an RSA key of 2048 bits, and ssh_config wants 16384 (RequiredRSASize)"));
  CHECK_THAT(sshd.log(), !ContainsSubstring("Accepted"));
}

TEST_CASE("what the recipe says of a host goes before ssh_config") {
  World world;
  world.write_app("1");
  world.write("ssh_config", block_of(world, 0) + "Host *\n  Port 1\n  User nobody\n");
  write_recipe(world, fmt::format("[\"{}@127.0.0.1:{}\"]", SshdFixture::user(), world.sshd().port()));
  const Ran unknown = world.deploy({"production"});
  INFO(unknown);
  REQUIRE(unknown.status == 5);  // neither this name's key nor its identity are known
  const Ran ran = world.deploy({"production", "--set", "ssh.known_hosts_file=" + world.known_hosts(), "--set",
                                "ssh.identity=" + SshdFixture::client_key()});
  INFO(ran);
  REQUIRE(ran.status == 0);
}

TEST_CASE("the agent's key that ssh_config names is tried before its others") {
  World world({.sshd_config = {"MaxAuthTries 2"}});
  world.write_app("1");
  // Its public half is enough to name it.
  world.write("person.pub", run_program({"cat", SshdFixture::client_key() + ".pub"}).output);
  std::string config = block_of(world, 0);
  const auto identity = config.find("  IdentityFile");
  config.replace(identity, config.find('\n', identity) - identity, "  IdentityFile " + (world.site() / "person").string());
  world.write("ssh_config", config);
  write_recipe(world, "[web1]");
  const std::string socket = (world / "agent").string();
  const std::string said = run_program({"ssh-agent", "-s", "-a", socket}).output;
  const std::string pid = said.substr(said.find("SSH_AGENT_PID=") + 14);
  for (const std::string& key : {key_pair("ed25519", "a"), key_pair("ed25519", "b"), key_pair("ed25519", "c"), SshdFixture::client_key()}) {
    REQUIRE(run_program({"env", "SSH_AUTH_SOCK=" + socket, "ssh-add", "-q", key}).status == 0);
  }
  world.environment = {"SSH_AUTH_SOCK=" + socket};
  const Ran ran = world.deploy({"production"});
  run_program({"kill", pid.substr(0, pid.find(';'))});
  INFO(ran);
  REQUIRE(ran.status == 0);
}

TEST_CASE("hosts behind a jump host are reached over one login on it") {
  World world({.hosts = 4, .own_servers = true});
  world.write_app("1");
  std::string config;
  for (std::size_t i = 0; i < 4; ++i) config += block_of(world, i, i == 0 ? "" : "  ProxyJump web1\n");
  world.write("ssh_config", config);
  write_recipe(world, "[web2, web3, web4]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (std::size_t i = 1; i < 4; ++i) REQUIRE(world.host(i).version() == "1");
  CHECK(logins_on(world, 0) == 1);
  CHECK(logins_on(world, 3) == 1);
  REQUIRE(world.deploy({"rollback", "production"}).status == 1);  // there is nothing to go back to
}

TEST_CASE("what a jump host alone has in ssh_config that libssh2 doesn't follow is warned of, and followed by auto") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  const std::string gate = block_of(world, 0, "  KnownHostsCommand /bin/cat " + world.known_hosts() + "\n");
  const std::string file = "UserKnownHostsFile ";
  world.write("ssh_config", gate.substr(0, gate.find(file)) + file + (world / "nobody").string() + gate.substr(gate.find('\n', gate.find(file))) +
                                block_of(world, 1, "  ProxyJump web1\n"));
  write_recipe(world, "[web2]");
  const Ran refused = world.deploy({"production"});
  INFO(refused);
  CHECK(refused.status == 5);
  CHECK_THAT(refused.out + refused.err, ContainsSubstring("ssh_config of jump host 'web1': KnownHostsCommand is not run") &&
                                            ContainsSubstring("jump host 'web1': host key of"));
  const Ran ran = world.deploy({"production", "--set", "ssh.transport=auto"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(1).version() == "1");
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("KnownHostsCommand"));
}

TEST_CASE("a release goes by rsync to hosts behind a jump host, too, and the next one shares with it what is the same", "[slow]") {
  World world({.hosts = 3, .own_servers = true});
  const std::string transport = GENERATE("libssh2", "openssh");
  world.write_app("1");
  std::string config;
  for (std::size_t i = 0; i < 3; ++i) config += block_of(world, i, i == 0 ? "" : "  ProxyJump web1\n");
  world.write("ssh_config", config);
  write_recipe(world, "[web2, web3]", "transfer: rsync\n");
  for (const std::string version : {"1", "2"}) {
    world.write("app/VERSION", version);
    world.write_manifest();
    const Ran ran = world.deploy({"production", "--set", "ssh.transport=" + transport});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (std::size_t i = 1; i < 3; ++i) CHECK(changed_on_the_way(world.site() / "app", world.host(i)) == "");
  }
  for (std::size_t i = 1; i < 3; ++i) {
    const FarmHost& host = world.host(i);
    CHECK(std::filesystem::hard_link_count(host.tree() / "releases" / host.live() / "bin/serve") == 2);
  }
  CHECK(world.host(0).untouched());
}

TEST_CASE("a chain of jump hosts is gone through in its order, each with its own key and user") {
  World world({.hosts = 4, .own_servers = true});
  world.write_app("1");
  world.write("ssh_config", block_of(world, 0) + block_of(world, 1) + block_of(world, 2) + block_of(world, 3, "  ProxyJump web1,web2,web3\n"));
  write_recipe(world, "[web4]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(3).version() == "1");
  for (std::size_t i = 0; i < 4; ++i) CHECK(logins_on(world, i) == 1);
}

TEST_CASE("a jump host whose key is not known is not logged in on, and is named") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  std::string gate = block_of(world, 0);
  gate.replace(gate.find(world.known_hosts()), world.known_hosts().size(), (world / "nobody").string());
  world.write("ssh_config", gate + block_of(world, 1, "  ProxyJump web1\n"));
  write_recipe(world, "[web2]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("jump host 'web1'") && ContainsSubstring("is not known"));
  CHECK(logins_on(world, 0) == 0);
  REQUIRE(world.host(1).untouched());
}

TEST_CASE("a jump host that forbids forwarding is told so") {
  World world({.hosts = 2, .own_servers = true, .sshd_config = {"AllowTcpForwarding no"}});
  world.write_app("1");
  world.write("ssh_config", block_of(world, 0) + block_of(world, 1, "  ProxyJump web1\n"));
  write_recipe(world, "[web2]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("jump host 'web1' can't reach 'web2'") && ContainsSubstring("AllowTcpForwarding"));
}

TEST_CASE("a proxy command is the way to a host; one that fails says what it said") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  const std::string config = (world.site() / "ssh_config").string();
  world.write("ssh_config", block_of(world, 0) + block_of(world, 1, "  ProxyCommand ssh -F " + config + " -W %h:%p web1\n"));
  write_recipe(world, "[web2]");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world.host(1).version() == "1");
  CHECK(logins_on(world, 0) == 1);

  world.write("ssh_config", block_of(world, 1, "  ProxyCommand sh -c 'echo no way to %h >&2; exit 3'\n"));
  ran = world.deploy({"production"});
  CAPTURE(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("no way to 127.0.0.2") && ContainsSubstring("exit status 3"));
  REQUIRE(ran.seconds < 20);
}

TEST_CASE("an error in ssh_config is exit 5 with its line, before a host is connected to") {
  World world;
  world.write_app("1");
  world.write("ssh_config", "Host web1\n  Prot 22\n");
  write_recipe(world, "[web1]");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("ssh_config: line 2: Bad configuration option: prot"));
  REQUIRE(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("an ssh command that an error advises leads to the same host in the same way, as it is typed") {
  World world({.hosts = 2, .own_servers = true, .sshd_config = {"ForceCommand echo $SSH_CONNECTION"}});
  world.write("ssh_config", fmt::format("Host web1\n  HostName {}\n  Port {}\nHost web2\n  HostName {}\n  ProxyJump {}\n", world.host(0).name(),
                                        world.sshd(0).port(), world.host(1).name(), GENERATE("none", "web1")));
  world.write_app("1");
  world.write("deploy.yml", fmt::format("application: shop\ndeploy_to: {}\nsource: {{directory: app}}\nuser: {}\n"
                                        "ssh: {{config: ssh_config, known_hosts_file: '{}', identity: '{}'}}\n"
                                        "stages:\n  production:\n    hosts: [\"web2:{}\"]\n",
                                        world.deploy_to(), SshdFixture::user(), world.known_hosts(), SshdFixture::client_key(), world.sshd(1).port()));
  const std::string advice = " or command= in authorized_keys: ";
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  const auto at = ran.err.find(advice);
  REQUIRE(at != std::string::npos);
  const auto begin = at + advice.size();
  const Ran typed = world.type(ran.err.substr(begin, ran.err.find('\n', begin) - begin));
  INFO(typed);
  CHECK(typed.status == 0);
  CHECK_THAT(typed.out, ContainsSubstring(fmt::format("{} {}\n", world.host(1).name(), world.sshd(1).port())));
}

TEST_CASE("'config --ssh' says how each host is reached, and where that is said") {
  World world;
  world.write("ssh_config",
              "Host web1\n  HostName web1.example.com\n  User deploy\n  ProxyJump ada@gate:2200,inner\n  UserKnownHostsFile /keys/known\n"
              "  GlobalKnownHostsFile none\n  IdentityFile /keys/%r\n  StrictHostKeyChecking no\n  IdentityAgent none\n");
  write_recipe(world, "[\"web1:2222\"]");
  const Ran ran = world.deploy({"config", "production", "--ssh", "--set", "ssh.keepalive=5s"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out == R"(web1:
  transport: libssh2               # default
  address: web1.example.com        # ssh_config
  port: 2222                       # recipe
  user: deploy                     # ssh_config
  ProxyJump: ada@gate:2200, inner  # ssh_config
  known_hosts_file: /keys/known    # ssh_config
  known_hosts: accept-new          # ssh_config
  identity: /keys/deploy           # ssh_config
  IdentityAgent: none              # default
  forward_agent: no                # default
  connect_timeout: 10s             # default
  keepalive: 5s                    # recipe
  # warning: StrictHostKeyChecking no is taken for accept-new: a host whose key has changed is refused all the same
)");
  REQUIRE(world.sshd().log().find("Connection from") == std::string::npos);
}

TEST_CASE("'config --ssh' says that the recipe names the transport, also where it is the usual one") {
  World world;
  world.write("ssh_config", "");
  const auto origins = [&](const std::string& hosts, const std::vector<std::string>& words = {}) {
    write_recipe(world, hosts);
    std::vector<std::string> all{"config", "production", "--ssh"};
    all.insert(all.end(), words.begin(), words.end());
    std::istringstream shown(world.deploy(all).out);
    std::string found;
    for (std::string line; std::getline(shown, line);) {
      if (line.find("transport: ") != std::string::npos) found += line.substr(line.rfind(' '));
    }
    return found;
  };
  REQUIRE(origins("[web1, {address: web2, transport: libssh2}, {address: web3, transport: auto}]") == " default recipe recipe");
  REQUIRE(origins("[web1, web2]", {"--set", "ssh.transport=libssh2", "--hosts", "web2"}) == " recipe");
}

TEST_CASE("'config --ssh' shows which methods ssh_config lets a login be tried by, where it says") {
  World world;
  world.write("ssh_config",
              "Host web1\n  PubkeyAuthentication no\n  PasswordAuthentication no\n  PreferredAuthentications password,publickey\n  BatchMode yes\n  NumberOfPasswordPrompts 1\n");
  write_recipe(world, "[web1]");
  const Ran ran = world.deploy({"config", "production", "--ssh"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const char* line : {"PubkeyAuthentication: no", "PasswordAuthentication: no", "PreferredAuthentications: password, publickey", "BatchMode: yes", "NumberOfPasswordPrompts: 1"}) {
    REQUIRE_THAT(ran.out, ContainsSubstring(std::string("\n  ") + line + " ") && ContainsSubstring("# ssh_config\n"));
  }
  REQUIRE_THAT(ran.out, !ContainsSubstring("KbdInteractiveAuthentication"));
}

TEST_CASE("what only ssh follows is told where libssh2 carries the run, and decides for ssh under auto") {
  World world;
  world.write("ssh_config", "Host web1\n  PKCS11Provider /lib/token.so\nHost web2\n  BindInterface lo\n");
  write_recipe(world, "[web1, {address: web2, transport: auto}]");
  const Ran ran = world.deploy({"config", "production", "--ssh"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, ContainsSubstring("  # warning: PKCS11Provider is not used here"));
  REQUIRE_THAT(ran.out, ContainsSubstring("  transport: auto, openssh for BindInterface  # recipe\n"));
  write_recipe(world, "[web2]");
  const Ran without = world.deploy({"config", "production", "--ssh"});
  INFO(without);
  REQUIRE_THAT(without.out, ContainsSubstring("  # error: BindInterface is not followed here"));
}
