// Connections by a program: real ones, to a real sshd.
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "core/descriptor_limit.h"
#include "ssh/jump_support.h"
#include "ssh/proxy_command.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/temp_dir.h"
#include "support/variable.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

ssh::ProxyConnection started_proxy(const std::string& text, const ssh::Target& target = {"db1", "127.0.0.1", 22, "deploy"}) {
  auto connection = ssh::ProxyCommand::start(text, target);
  if (!connection) throw std::runtime_error(to_text(connection.error()));
  return std::move(*connection);
}

// A logged-in session, and the program that it lives on.
struct Proxied {
  std::shared_ptr<ssh::ProxyCommand> command;
  std::unique_ptr<ssh::Session> session;
};

Proxied log_in_by(const std::string& text, const ssh::Target& target) {
  auto connection = started_proxy(text, target);
  Proxied proxied{connection.command,
                  std::make_unique<ssh::Session>(std::move(connection.socket), target, std::chrono::seconds(15))};
  proxied.session->explain_end([command = connection.command] { return command->why(); });
  const auto wait = within(30s);
  if (auto done = proxied.session->handshake(ssh::offered_algorithms({}), wait); !done) throw std::runtime_error(to_text(done.error()));
  if (proxied.session->lost()) throw std::runtime_error(proxied.session->loss());
  ssh::Settings settings;
  settings.host.identities = {SshdFixture::client_key()};
  settings.host.identities_given = true;
  ssh::Authenticator authenticator(settings);
  const auto call = [&](const std::function<int()>& f) { return proxied.session->call(f, 20s, wait); };
  if (auto in = authenticator.authenticate(proxied.session->raw(), target, settings.host, call, wait); !in)
    throw std::runtime_error(to_text(in.error()));
  return proxied;
}

std::string jump_by_ssh(const SshdFixture& bastion, const ssh::Target& target) {
  return "ssh -F none -o BatchMode=yes -o UserKnownHostsFile=" + bastion.known_hosts() +
         " -o GlobalKnownHostsFile=none -o IdentitiesOnly=yes -i " + SshdFixture::client_key() + " -p " +
         std::to_string(bastion.port()) + " -W " + target.address + ":" + std::to_string(target.port) + " " +
         SshdFixture::user() + "@" + bastion.address();
}

}  // namespace

TEST_CASE("ssh -W is the way to a host, and ends with it") {
  const SshdFixture bastion;
  const SshdFixture db1;
  const auto target = named("db1", db1);
  {
    auto proxied = log_in_by(jump_by_ssh(bastion, target), target);
    const std::string bytes(8u << 20u, 'x');
    CHECK(output_of(*proxied.session, "wc -c", bytes) == "8388608\n");
    CHECK_FALSE(processes_with(target.address + ":" + std::to_string(target.port)).empty());
    CHECK_FALSE(proxied.command->has_ended());
  }
  CHECK(processes_with(target.address + ":" + std::to_string(target.port)).empty());
}

TEST_CASE("the password of a host is not said to another one that has the same address behind another proxy command") {
  if (is_skipped_without_mounts()) return;
  const TempDir folder;
  const SshdFixture bastion;
  const SshdFixture a({.config = {"PasswordAuthentication yes"}, .replaced = password_files(folder, "of-site-a")});
  const TempDir other;
  const SshdFixture b({.config = {"PasswordAuthentication yes"}, .replaced = password_files(other, "of-site-b")});
  const auto block = [&](const std::string& name, const SshdFixture& sshd) {
    return "Host " + name + "\n  HostName 192.168.1.10\n  HostKeyAlias " + name + "\n  ProxyCommand " + jump_by_ssh(bastion, named(name, sshd)) + "\n";
  };
  const std::string known = folder.write("known", a.known_hosts_lines("site-a", 22) + b.known_hosts_lines("site-b", 22));
  ssh::Settings settings;
  settings.config = std::make_shared<ssh::SshConfig>(
      ssh::Overrides{.config = folder.write("config", block("site-a", a) + block("site-b", b)), .known_hosts = {known},
                     .identities = {key_pair("ed25519", "stranger")}},
      ssh::LocalUser{folder.path(), SshdFixture::user(), "laptop", {}, {{"PATH", std::getenv("PATH")}}});
  std::vector<std::string> questions;
  settings.ask = [&](const std::string& question) {
    questions.push_back(question);
    return Secret(question.find("@site-a'") != std::string::npos ? "of-site-a" : "of-site-b");
  };
  const auto connector = ssh::make_connector(settings);
  for (const std::string name : {"site-b", "site-a"}) {
    const auto session = connector->connect({name, name, 0, SshdFixture::user()}, {}, within(30s));
    INFO((session ? "" : to_text(session.error())));
    CHECK(session);
  }
  CHECK(questions == std::vector<std::string>{"password of '" + SshdFixture::user() + "@site-b'", "password of '" + SshdFixture::user() + "@site-a'"});
  CHECK(a.log().find("Failed password") == std::string::npos);
}

TEST_CASE("sshd -i behind a proxy command is a host without a port") {
  const SshdFixture sshd;
  auto proxied =
      log_in_by("/usr/sbin/sshd -i -f " + (sshd.folder() / "sshd_config") + " -E " + (sshd.folder() / "inetd.log"),
                named("db1", sshd));
  CHECK(output_of(*proxied.session, "echo hello") == "hello\n");
}

TEST_CASE("a proxy command that fails is told with its last words") {
  auto connection = started_proxy("sh -c 'echo first >&2; printf \"ssh: no route\\033[m to host\\r\\n\" >&2; exit 7'");
  ssh::Session session(std::move(connection.socket), {"db1", "127.0.0.1", 22, "deploy"}, 15s);
  session.explain_end([command = connection.command] { return command->why(); });
  const auto handshake = session.handshake(ssh::offered_algorithms({}), within(20s));
  REQUIRE(handshake);
  CHECK(*handshake == ssh::Session::Handshake::refused);
  CHECK(session.loss() == "the proxy command ended with exit status 7: it said 'ssh: no route?[m to host'");
}

TEST_CASE("a proxy command that runs and carries nothing is not taken for a host that accepts the connection") {
  const Never never;
  const std::string said = GENERATE("", "waiting for the gateway");
  auto connection = started_proxy("sh -c 'printf %s \"" + said + "\" >&2; exec " + never.command() + "'");
  ssh::Session session(std::move(connection.socket), {"db1", "127.0.0.1", 22, "deploy"}, 15s);
  session.explain_end([command = connection.command] { return command->why(); }, true);
  const auto handshake = session.handshake(ssh::offered_algorithms({}), within(1s));
  REQUIRE_FALSE(handshake);
  CHECK(handshake.error().code == ErrorCode::timeout);
  CHECK_THAT(handshake.error().message,
             ContainsSubstring(" s: its proxy command runs, but no SSH server has greeted through it"));
  CHECK(handshake.error().message.ends_with(said.empty() ? "greeted through it"
                                                         : "; the proxy command: it said '" + said + "'"));
}

TEST_CASE("how a proxy command ended is told, and nothing of one that runs") {
  CHECK(started_proxy("true").command->why() == "the proxy command ended with exit status 0");
  CHECK(started_proxy("sh -c 'kill -9 $$'").command->why() == "the proxy command ended by signal KILL");
  CHECK(started_proxy("no-such-program-here 2>/dev/null").command->why() == "the proxy command ended with exit status 127");
  CHECK(started_proxy("cat").command->why().empty());
}

TEST_CASE("a proxy command that writes much to its stderr is not held up") {
  auto connection = started_proxy("sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" e >&2; echo >&2; echo last >&2; exit 1'");
  CHECK(eventually([&] { return connection.command->has_ended(); }, 20s));
  CHECK(connection.command->why() == "the proxy command ended with exit status 1: it said 'last'");
}

TEST_CASE("a shell that can't be run is an error of this machine") {
  const Variable shell("SHELL", "/no/such/shell");
  const auto connection = ssh::ProxyCommand::start("true", {"db1", "127.0.0.1", 22, "deploy"});
  REQUIRE_FALSE(connection);
  CHECK(connection.error().code == ErrorCode::local);
  CHECK(connection.error().message == "the proxy command for 'db1' can't be started: no such file or directory");
  CHECK(connection.error().host == "db1");
}

TEST_CASE("a proxy command may open as many files as this program was allowed to when it began") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(limit.rlim_max > 200);
  limit.rlim_cur = 200;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  raise_descriptor_limit();
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(limit.rlim_cur == limit.rlim_max);
  const TempDir folder;
  // It is told right after its start.
  auto connection = started_proxy("sh -c 'while [ $(ulimit -Sn) != 200 ]; do :; done; : >" + folder / "told" + "'");
  CHECK(eventually([&] { return ::access((folder / "told").c_str(), F_OK) == 0; }));
}

TEST_CASE("a proxy command hears HUP at its end, and one that ignores it is killed with all it has started") {
  const TempDir folder;
  const std::string heard = folder / "heard";
  const std::string ready = folder / "ready";
  const Never never;
  const auto begun = [&] { return ::access(ready.c_str(), F_OK) == 0; };
  SECTION("HUP") {
    auto connection =
        started_proxy("sh -c 'trap \"echo HUP >" + heard + "; exit\" HUP; : >" + ready + "; read x'");
    REQUIRE(eventually(begun));
    const auto before = Deadline::Clock::now();
    connection.command.reset();
    CHECK(Deadline::Clock::now() - before < 5s);
    CHECK(folder.read("heard") == "HUP\n");
  }
  SECTION("killed") {
    auto connection = started_proxy("sh -c 'trap \"\" HUP TERM; " + never.command() + " & : >" + ready + "; " + never.command() + "; " + never.command() + "'");
    REQUIRE(eventually(begun));
    const auto before = Deadline::Clock::now();
    connection.command.reset();
    CHECK(Deadline::Clock::now() - before < 10s);
    CHECK(eventually([&] { return processes_with(never.path()).empty(); }));
  }
  SECTION("what an ended one has left behind") {
    auto connection = started_proxy("sh -c '" + never.command() + " & : >" + ready + "'");
    REQUIRE(eventually([&] { return connection.command->has_ended(); }));
    connection.command.reset();
    CHECK(eventually([&] { return processes_with(never.path()).empty(); }));
  }
  for (const auto& process : all_processes()) {  // reaped
    CHECK_FALSE(
        (process.parent == ::getpid() && (process_name(process.pid) == "sh" || process_name(process.pid) == "cat")));
  }
}

TEST_CASE("a shell that runs a proxy command doesn't take the connection for a remote command's, whose ~/.bashrc it would read") {
  if (is_skipped(::access("/bin/bash", X_OK) != 0, "bash is not installed")) return;
  const TempDir folder;
  folder.write(".bashrc", "echo read >'" + (folder / "mark") + "'\n");
  const Variable home("HOME", folder.path().string());
  const Variable shell("SHELL", "/bin/bash");
  const Variable level("SHLVL", std::nullopt);
  auto ended = started_proxy("false");
  CHECK(ended.command->why() == "the proxy command ended with exit status 1");
  CHECK_FALSE(std::filesystem::exists(folder / "mark"));
}

TEST_CASE("a proxy command has three descriptors, and no terminal") {
  const TempDir folder;
  const Fd leak(::dup(2));  // without close-on-exec
  auto lists = started_proxy("ls /proc/self/fd >" + (folder / "fds"));
  CHECK(lists.command->why() == "the proxy command ended with exit status 0");
  CHECK(folder.read("fds") == "0\n1\n2\n3\n");  // 3: the folder that it lists
  auto asks = started_proxy("sh -c 'if (: </dev/tty) 2>/dev/null; then echo tty; else echo none; fi >&2; exit 3'");
  CHECK(asks.command->why() == "the proxy command ended with exit status 3: it said 'none'");
}
