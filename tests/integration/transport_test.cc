// Deploys that the system's ssh carries, for hosts of its own and beside libssh2's.
#include <chrono>
#include <csignal>
#include <filesystem>

#include "at_terminal.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> by_ssh = {"production", "--set", "ssh.transport=openssh"};
const std::string only_post_quantum = "KexAlgorithms sntrup761x25519-sha512@openssh.com";

// What the system's ssh runs for this world, and what it has started.
std::vector<pid_t> carriers(const World& world) { return processes_with(world.known_hosts()); }

// A program that is killed leaves the folder of its sockets behind.
void keep_sockets_inside(World& world) {
  std::filesystem::create_directory(world / "tmp");
  world.environment.push_back("TMPDIR=" + (world / "tmp").string());
}

// The release that the host runs; the next one is ready to be deployed by a program that will be killed.
std::string deployed_before(World& world) {
  keep_sockets_inside(world);
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write_app("2");
  return world.host(0).live();
}

std::string waits_in_build(const World& world) {
  static const Never never;
  return "tasks: {wait: 'echo $$ >" + (world / "pid").string() + "; exec " + never.command() + "'}\nhooks: {build: wait}\n";
}

bool waits(const World& world, const Running& running) {
  const auto written = [&] { return std::filesystem::exists(world / "pid") && std::filesystem::file_size(world / "pid") > 1; };
  return eventually([&] { return written() || running.has_ended(); }, std::chrono::seconds(60)) && written();
}

// A deploy by the system's ssh that is in its build, where it stays.
Running in_build(World& world) {
  world.write_app("1");
  world.write_recipe(waits_in_build(world));
  Running running = world.start(by_ssh);
  REQUIRE(waits(world, running));
  return running;
}

}  // namespace

TEST_CASE("a post-quantum host is named by libssh2, deployed to by openssh, and by auto with the reason") {
  World world({.sshd_config = {only_post_quantum}});
  world.write_app("1");
  const Ran refused = world.deploy({"production"});
  INFO(refused);
  REQUIRE(refused.status == 5);
  REQUIRE_THAT(refused.err, ContainsSubstring("key exchange: it offers 'sntrup761x25519-sha512@openssh.com") &&
                                ContainsSubstring("have the system's ssh carry the run (ssh: {transport: openssh})"));
  REQUIRE(world.host(0).untouched());

  const Ran carried = world.deploy(by_ssh);
  INFO(carried);
  REQUIRE(carried.status == 0);
  REQUIRE(world.host(0).version() == "1");
  REQUIRE(carried.out.find("warning") == std::string::npos);

  world.write_app("2");
  const Ran chosen = world.deploy({"production", "--set", "ssh.transport=auto"});
  INFO(chosen);
  REQUIRE(chosen.status == 0);
  REQUIRE(world.host(0).version() == "2");
  REQUIRE_THAT(chosen.out + chosen.err, ContainsSubstring("carried by the system's ssh: '127.0.0.1'"));
  REQUIRE(world.broken_invariants().empty());
  REQUIRE(carriers(world).empty());

  const Ran trust = world.deploy({"trust", "production", "--set", "ssh.transport=auto"});
  INFO(trust);
  REQUIRE(trust.status != 0);
  REQUIRE_THAT(trust.err, ContainsSubstring("ssh-keyscan -p " + std::to_string(world.port()) + " 127.0.0.1"));
}

TEST_CASE("one run has hosts of both transports, deploys to all of them and takes all of them back") {
  World world({.hosts = 3, .own_servers = true});
  world.write_recipe("", "[{address: \"127.0.0.1:" + std::to_string(world.sshd(0).port()) + "\", transport: openssh}, \"127.0.0.2:" +
                             std::to_string(world.sshd(1).port()) + "\", {address: \"127.0.0.3:" + std::to_string(world.sshd(2).port()) +
                             "\", transport: auto}]");
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == version);
  }
  const Ran back = world.deploy({"rollback", "production"});
  INFO(back);
  REQUIRE(back.status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
  REQUIRE(world.broken_invariants().empty());
  REQUIRE(carriers(world).empty());
}

TEST_CASE("the program is killed while ssh carries it: the step, the lock and every ssh end with it") {
  World world;
  const std::string first = deployed_before(world);
  world.write_recipe(waits_in_build(world));
  Running running = world.start(by_ssh);
  REQUIRE(waits(world, running));
  const auto step = static_cast<pid_t>(std::stol(world.read("pid")));
  REQUIRE_FALSE(carriers(world).empty());
  running.signal(SIGKILL);
  REQUIRE(running.wait().status == 128 + SIGKILL);
  REQUIRE(eventually([&] { return process_name(step).empty() && carriers(world).empty(); }, std::chrono::seconds(20)));
  REQUIRE(world.host(0).live() == first);
  REQUIRE_FALSE(world.host(0).exists(".kirikae/lock"));
  world.write_recipe();
  const Ran again = world.deploy(by_ssh);
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.host(0).version() == "2");
}

TEST_CASE("the program is killed while ssh sends its payload: the release never becomes one, and no ssh stays", "[slow]") {
  World world;
  const std::string first = deployed_before(world);
  REQUIRE(run_program({"/bin/sh", "-c", "head -c 40000000 /dev/urandom >\"$1\"", "sh", (world.site() / "app/big").string()}).status == 0);
  world.write_manifest();
  Relay& relay = world.relay(0);
  relay.delay(std::chrono::milliseconds(20));
  world.write_recipe();
  Running running = world.start(by_ssh);
  REQUIRE(eventually([&] { return relay.bytes_up() > 5'000'000; }, std::chrono::seconds(60)));
  running.signal(SIGKILL);
  REQUIRE(running.wait().status == 128 + SIGKILL);
  REQUIRE(eventually([&] { return carriers(world).empty() && !world.host(0).exists(".kirikae/lock"); }, std::chrono::seconds(20)));
  REQUIRE(world.host(0).live() == first);
  const Ran again = world.deploy(by_ssh);
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.host(0).version() == "2");
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a connection that ssh loses ends the run as one of libssh2's does, and the next run finds all in order") {
  World world;
  Running running = in_build(world);
  world.sshd().kill_sessions();
  const Ran lost = running.wait();
  INFO(lost);
  REQUIRE(lost.status == 1);
  REQUIRE_THAT(lost.err, ContainsSubstring("was lost while 'task wait' ran: ssh says '"));
  REQUIRE(carriers(world).empty());
  world.write_recipe();
  const Ran again = world.deploy(by_ssh);
  INFO(again);
  REQUIRE(again.status == 0);
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a stop ends what ssh carries, there and here") {
  World world;
  Running running = in_build(world);
  const auto step = static_cast<pid_t>(std::stol(world.read("pid")));
  running.signal(SIGINT);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  REQUIRE(eventually([&] { return process_name(step).empty(); }));
  REQUIRE(carriers(world).empty());
  REQUIRE(world.host(0).live().empty());
}

TEST_CASE("ssh's question for a passphrase is asked by the run, once for all hosts, and again where it was wrong") {
  World world({.hosts = 2});
  world.write_app("1");
  const std::string key = (world / "locked").string();
  REQUIRE(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key}).status == 0);
  world.sshd().authorize(world.read("locked.pub"));
  auto terminal = at_terminal(world, {"production", "--set", "ssh.transport=openssh", "--set", "ssh.identity=" + key});
  const std::string question = "Enter passphrase for key '" + key + "'";
  REQUIRE(says(terminal, question + ": "));
  terminal.type("not that\n");
  REQUIRE(says(terminal, "wrong; " + question + ": "));
  terminal.type("open sesame\n");
  const int status = end_of(terminal);
  const std::string output = terminal.output();
  INFO(output);
  REQUIRE(status == 0);
  for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
  REQUIRE(output.find("sesame") == std::string::npos);
  REQUIRE(carriers(world).empty());
}

TEST_CASE("a jump host's key has its passphrase asked for once, too, for all hosts") {
  World world({.hosts = 2});
  world.write_app("1");
  const SshdFixture gate;
  const std::string key = (world / "locked").string();
  REQUIRE(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key}).status == 0);
  for (const SshdFixture* sshd : {&gate, static_cast<const SshdFixture*>(&world.sshd())}) sshd->authorize(world.read("locked.pub"));
  world.write("config", "Host gate\n  HostName " + gate.address() + "\n  Port " + std::to_string(gate.port()) + "\n  IdentityFile " + key +
                            "\nHost 127.0.0.*\n  ProxyJump gate\n");
  world.write("known", world.read("known_hosts") + gate.known_hosts_lines(gate.address(), gate.port()));
  auto terminal = at_terminal(world, {"production", "--set", "ssh.transport=openssh", "--set", "ssh.identity=" + key, "--set", "ssh.config=config",
                                      "--set", "ssh.known_hosts_file=known"});
  const std::string question = "Enter passphrase for key '" + key + "'";
  REQUIRE(says(terminal, question + ": "));
  terminal.type("open sesame\n");
  const int status = end_of(terminal);
  const std::string output = terminal.output();
  INFO(output);
  CHECK(status == 0);
  CHECK(output.find(question, output.find(question) + 1) == std::string::npos);
  for (const auto& host : world.hosts()) CHECK(host.version() == "1");
}

TEST_CASE("without a terminal ssh asks nothing") {
  World world;
  world.write_app("1");
  const std::string key = (world / "locked").string();
  REQUIRE(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key}).status == 0);
  world.sshd().authorize(world.read("locked.pub"));
  const Ran ran = world.deploy({"production", "--set", "ssh.transport=openssh", "--set", "ssh.identity=" + key});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("ssh could not log in on '127.0.0.1'") && ContainsSubstring("Permission denied"));
  REQUIRE(world.host(0).untouched());
}

TEST_CASE("however much a host has ssh say of itself, it is read as it comes, and lies on no disk") {
  World world;
  keep_sockets_inside(world);
  world.write("bin/ssh",
              "#!/bin/sh\nfor word; do [ \"$before\" != -E ] || log=$word; before=$word; done\nPATH=/usr/bin:/bin\n"
              "[ -z \"$log\" ] || yes 'debug1: Remote: and so on' | head -c 3000000 >>\"$log\"\nexec ssh \"$@\"\n",
              0755);
  world.environment.push_back("PATH=" + (world.site() / "bin").string() + ":/usr/bin:/bin");
  const Running running = in_build(world);
  INFO(running.out() << running.err());
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world / "tmp")) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  CHECK(bytes == 0);
}

TEST_CASE("Ctrl-C ends a command that prints without end, whoever carries it") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string carrier = GENERATE("openssh", "libssh2");
  const std::string stream = GENERATE("", " >&2");
  Running running = world.start({"run", "production", "--set", "ssh.transport=" + carrier, "--", ": >\"$SHARED_PATH/begun\"; exec yes" + stream});
  REQUIRE(eventually([&] { return world.host(0).exists("shared/begun"); }, std::chrono::seconds(60)));
  running.signal(SIGINT);
  const Ran ran = running.wait(std::chrono::seconds(60));
  INFO(ran.err);
  CHECK(ran.status == 130);
}
