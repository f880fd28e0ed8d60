#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "core/fd.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

int bound_port(int fd) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0);
  return ntohs(name.sin_port);
}

// A port that nobody listens on (bound, so that nobody else gets it), or one that takes connections and says nothing.
struct DeadPort {
  explicit DeadPort(bool takes_connections)
      : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), number(bound_port(fd.get())) {
    if (takes_connections) REQUIRE(::listen(fd.get(), 10) == 0);
  }
  kirikae::Fd fd;
  int number;
};

std::string at(int port) { return "127.0.0.1:" + std::to_string(port); }

// ssh-agent with keys, for as long as it lives.
class Agent {
 public:
  explicit Agent(const World& world) : socket_((world / "agent").string()) {
    const std::string said = run_program({"ssh-agent", "-s", "-a", socket_}).output;
    const auto from = said.find("SSH_AGENT_PID=");
    REQUIRE(from != std::string::npos);
    pid_ = static_cast<pid_t>(std::stol(said.substr(from + 14)));
  }
  ~Agent() { ::kill(pid_, SIGTERM); }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  void add(const std::string& key) const {
    REQUIRE(run_program({"env", "SSH_AUTH_SOCK=" + socket_, "ssh-add", "-q", key}).status == 0);
  }
  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  std::string socket_;
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE(
    "a host whose key is unknown is refused, with its fingerprint and what to do, and nothing is written anywhere") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  std::string known = world.read("known_hosts");
  known.erase(0, known.find('\n') + 1);
  world.write("known", known);
  const Ran ran = world.deploy({"production", "--set", "ssh.known_hosts_file=known"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err,
               ContainsSubstring("[127.0.0.1]") && ContainsSubstring("SHA256:") && ContainsSubstring("run: deploy --set ssh.known_hosts_file=known trust production"));
  REQUIRE(world.host(0).untouched());
  REQUIRE(world.host(1).untouched());
}

TEST_CASE("a host whose key has changed is refused, naming the file and line") {
  World world;
  world.write_app("1");
  const std::string wrong = world.sshd().folder().read("authorized_keys");
  world.write("known", "# a comment\n[127.0.0.1]:" + std::to_string(world.port()) + " " + wrong);
  const Ran ran = world.deploy({"production", "--set", "ssh.known_hosts_file=known"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring((world.site() / "known").string() + ":2") && ContainsSubstring("SHA256:") &&
                            ContainsSubstring("run: deploy --set ssh.known_hosts_file=known trust production --replace"));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("a key that the host doesn't take is exit 5, and names the keys that were tried") {
  World world;
  world.write_app("1");
  const std::string other = key_pair("ed25519", "stranger");
  const Ran ran = world.deploy({"production", "--set", "ssh.identity=" + other});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring(other));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("a closed port is exit 5 at once, a silent one within connect_timeout") {
  World world;
  world.write_app("1");
  const DeadPort closed(false), silent(true);
  world.write_recipe("", "[\"" + at(closed.number) + "\"]");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE(ran.seconds < 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("refused"));
  world.write_recipe("", "[\"" + at(silent.number) + "\"]");
  const Ran slow = world.deploy({"production", "--set", "ssh.connect_timeout=1s"});
  INFO(slow);
  REQUIRE(slow.status == 5);
  REQUIRE(slow.seconds >= 0.9);
  REQUIRE(slow.seconds < 6);
  const Ran told = world.deploy({"production", "--set", "ssh.connect_timeout=1s", "--output", "json"});
  const auto ended = only(validated_events(told.out), "run_finished");
  REQUIRE(ended.size() == 1);
  REQUIRE(ended[0]["hosts"][0]["seconds"] >= 0.9);
}

TEST_CASE("a signal while a host doesn't answer is exit 130 at once") {
  World world;
  world.write_app("1");
  const DeadPort silent(true);
  world.write_recipe("", "[\"" + at(silent.number) + "\", 127.0.0.1]");
  Running running = world.start({"production", "-v", "--set", "ssh.connect_timeout=100s"});
  REQUIRE(eventually([&] { return running.out().find("authenticating") != std::string::npos; },
                     std::chrono::seconds(30)));
  running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(ran.seconds < 40);
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("'releases' shows what the hosts have that answer, and fails for the one that doesn't") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const DeadPort closed(false);
  world.write_recipe("", "[\"" + at(closed.number) + "\", 127.0.0.1]");
  const Ran ran = world.deploy({"releases", "production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.out, ContainsSubstring(world.host(0).live()));
  REQUIRE_THAT(ran.err, ContainsSubstring("[" + at(closed.number) + "]"));
}

TEST_CASE("all hosts with a problem are reported at once, and the good one is left alone") {
  World world({.hosts = 1});
  world.write_app("1");
  const DeadPort closed(false), silent(true);
  world.write_recipe(
      "", "[\"" + at(closed.number) + "\", \"127.0.0.1\", \"" + at(silent.number) + "\", no-such-host.invalid]");
  const Ran ran = world.deploy({"production", "--set", "ssh.connect_timeout=2s"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("[" + at(closed.number) + "]"));
  REQUIRE_THAT(ran.err, ContainsSubstring("[" + at(silent.number) + "]"));
  REQUIRE_THAT(ran.err, ContainsSubstring("[no-such-host.invalid]"));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("a source that can't be read to its end is told beside the hosts' problems, and none of them is touched") {
  World world({.hosts = 2});
  world.write_app("1");
  const DeadPort closed(false);
  // Files that are empty as long as nobody reads them.
  const std::vector<std::string> of_kernel{"--set", "source.directory=/proc/sys/kernel/random"};
  const auto deploy = [&](std::vector<std::string> words) {
    words.insert(words.end(), of_kernel.begin(), of_kernel.end());
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK_THAT(ran.err, ContainsSubstring("'/proc/sys/kernel/random/") && ContainsSubstring("changed while it was being read"));
    for (const auto& host : world.hosts()) CHECK(host.untouched());
    CHECK(world.broken_invariants().empty());
    return ran;
  };
  const Ran told = deploy({"production", "--output", "json"});
  CHECK(told.status == 1);
  CHECK_THAT(told.out, ContainsSubstring("\"step_finished\"") && !ContainsSubstring("reading its state"));
  CHECK(deploy({"plan", "production"}).status == 1);
  world.write_recipe("", "[\"" + at(closed.number) + "\", \"127.0.0.1\"]");
  const Ran ran = deploy({"production"});
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("[" + at(closed.number) + "]"));
}

TEST_CASE("a key in ssh-agent logs in, where the recipe names none") {
  World world;
  world.write_app("1");
  std::string recipe = world.read("site/deploy.yml");
  const auto from = recipe.find("  identity: ");
  recipe.erase(from, recipe.find('\n', from) + 1 - from);
  world.write("deploy.yml", recipe);
  const Ran none = world.deploy({"production"});
  INFO(none);
  REQUIRE(none.status == 5);
  const Agent agent(world);
  agent.add(SshdFixture::client_key());
  world.environment = {"SSH_AUTH_SOCK=" + agent.socket()};
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
}

TEST_CASE("keys of every type log in, those that ssh_config names too") {
  World world;
  world.write_app("1");
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    const std::string key = key_pair(type, "person");
    world.sshd().authorize(run_program({"cat", key + ".pub"}).output);
    const Ran ran = world.deploy({"production", "--set", "ssh.identity=" + key});
    INFO(ran);
    REQUIRE(ran.status == 0);
  }
  std::string recipe = world.read("site/deploy.yml");
  const auto from = recipe.find("  identity: ");
  recipe.erase(from, recipe.find('\n', from) + 1 - from);
  world.write("deploy.yml", recipe);
  world.write("ssh_config", "IdentityFile " + key_pair("rsa", "person") + "\n");
  const Ran ran = world.deploy({"production", "--set", "ssh.config=ssh_config"});
  INFO(ran);
  REQUIRE(ran.status == 0);
}

TEST_CASE("an encrypted key without a terminal to ask is exit 5, says so, and waits for nothing") {
  World world;
  world.write_app("1");
  const std::string key = (world / "locked").string();
  REQUIRE(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key}).status == 0);
  world.sshd().authorize(run_program({"cat", key + ".pub"}).output);
  const Ran ran = world.deploy({"production", "--set", "ssh.identity=" + key});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE(ran.seconds < 10);
  REQUIRE_THAT(ran.err, ContainsSubstring("passphrase"));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("ssh.parallel limits how many hosts are worked on at once, not how many there may be") {
  World world({.hosts = 5});
  world.write_app("1");
  world.write_recipe(R"(tasks:
  alone: 'mkdir "$LOCK" || exit 9; sleep 0.1; rmdir "$LOCK"'
hooks: {build: alone}
vars: {LOCK: )" + (world / "lock").string() +
                     "}\n");
  const Ran ran = world.deploy({"production", "--set", "ssh.parallel=1"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
}

TEST_CASE("a server that takes few logins at a time doesn't fail the run") {
  World world({.hosts = 12, .sshd_config = {"MaxStartups 2:100:3"}});
  world.write_app("1");
  const Ran ran = world.deploy({"production", "--set", "ssh.connect_timeout=30s"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
  REQUIRE(world.sshd().log().find("drop connection #") != std::string::npos);  // not that it had no occasion to
}
