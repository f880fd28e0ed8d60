// Sessions that the system's ssh carries: what differs from libssh2's. What doesn't, tests/contract asks of both.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "ssh/openssh_support.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"
#include "support/relay.h"
#include "support/temp_dir.h"
#include "support/variable.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using ssh::Carrier;

namespace {

const std::string only_post_quantum = "KexAlgorithms sntrup761x25519-sha512@openssh.com";

class Nothing final : public ByteSource {
 public:
  Result<Piece> read(std::span<char>, const std::shared_ptr<Waker>&) override { return Piece{Piece::State::end, 0}; }
};

}  // namespace

TEST_CASE("a host that libssh2 shares nothing with is reached by ssh, or by itself with a warning that says why") {
  const SshdFixture sshd({.config = {only_post_quantum}});
  CHECK(error_of(target_for(sshd), settings_for(sshd)).code == ErrorCode::connect);
  CHECK(step(*open_session(target_for(sshd), settings_for(sshd, Carrier::openssh)), "echo here").out == "here\n");
  auto settings = settings_for(sshd, Carrier::automatic);
  std::string warned;
  settings.warn = [&](const std::string& host, const std::string& text) { warned += host + ": " + text; };
  CHECK(step(*open_session(target_for(sshd), settings), "echo here").out == "here\n");
  CHECK(warned.starts_with("web1: carried by the system's ssh: 'web1' (127.0.0.1 port "));
  CHECK(warned.find("for key exchange: it offers 'sntrup761x25519-sha512@openssh.com") != std::string::npos);
}

TEST_CASE("a host behind a jump host that libssh2 shares nothing with is reached by ssh likewise, through a chain, too") {
  const SshdFixture gate({.config = {only_post_quantum}});
  const SshdFixture sshd({.addresses = {"127.0.0.1", "127.0.0.2"}});
  const auto block = [](const std::string& name, const std::string& address, const SshdFixture& on, const std::string& jump) {
    return "Host " + name + "\n  HostName " + address + "\n  Port " + std::to_string(on.port()) + "\n" + jump;
  };
  const std::string by = GENERATE("gate", "inner");  // the latter is reached by the former
  const std::string text = block("gate", gate.address(), gate, "") + block("inner", "127.0.0.2", sshd, "  ProxyJump gate\n") +
                           block("web1", "127.0.0.1", sshd, "  ProxyJump " + by + "\n");
  std::ofstream(sshd.known_hosts(), std::ios::app) << gate.known_hosts_lines(gate.address(), gate.port());
  const ssh::Target target{"web1", "web1", sshd.port(), SshdFixture::user()};
  const auto refused = error_of(target, configured(sshd, text, Carrier::libssh2));
  INFO(to_text(refused));
  CHECK(refused.code == ErrorCode::connect);
  CHECK(message_of(refused).find("jump host 'gate'") != std::string::npos);
  const auto advice = refused.hint.find("have the system's ssh carry the run");
  CHECK((advice != std::string::npos && refused.hint.find("have the system's ssh", advice + 1) == std::string::npos));
  auto settings = configured(sshd, text, Carrier::automatic);
  std::string warned;
  settings.warn = [&](const std::string& host, const std::string& said) { warned += host + ": " + said; };
  CHECK(step(*open_session(target, settings), "echo here").out == "here\n");
  CHECK(warned.starts_with("web1: carried by the system's ssh: jump host '" + by + "'"));
  CHECK(warned.find("it offers 'sntrup761x25519-sha512@openssh.com") != std::string::npos);
}

TEST_CASE("each host has its own carrier; one host is the same by either") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd, Carrier::openssh);
  settings.carriers = {{"web2", Carrier::libssh2}, {"web3", Carrier::automatic}};
  auto target = target_for(sshd);
  const auto one = open_session(target, settings);
  CHECK(processes_with("UserKnownHostsFile=" + sshd.known_hosts()).size() == 1);
  target.name = "web2";
  const auto two = open_session(target, settings);
  target.name = "web3";
  const auto three = open_session(target, settings);
  CHECK(processes_with("UserKnownHostsFile=" + sshd.known_hosts()).size() == 1);
  CHECK(one->identity().starts_with("SHA256:"));
  CHECK(one->identity() == two->identity());
  one->close();
  CHECK(processes_with("UserKnownHostsFile=" + sshd.known_hosts()).empty());
}

TEST_CASE("ssh refuses a host whose key is another one, or unknown, before anything is said to it") {
  const SshdFixture sshd;
  const auto target = target_for(sshd);
  const std::string place = "[127.0.0.1]:" + std::to_string(sshd.port());
  auto settings = settings_for(sshd, Carrier::openssh);
  settings.trust_command = "deploy trust production";
  SECTION("another one") {
    settings.host.accept_new = GENERATE(false, true);
    sshd.folder().write("known_hosts", place + ' ' + sshd.folder().read("authorized_keys"));
    const auto error = error_of(target, settings);
    INFO(to_text(error));
    CHECK(error.code == ErrorCode::host_key);
    CHECK(error.message == "ssh refuses the host key of 'web1' (127.0.0.1 port " + std::to_string(sshd.port()) + "): 'Host key for " + place +
                               " has changed and you have requested strict checking.'");
    CHECK(error.hint.find("deploy trust production") != std::string::npos);
  }
  SECTION("a revoked one") {
    sshd.folder().write("known_hosts", "@revoked " + sshd.known_hosts_lines("127.0.0.1", sshd.port()));
    const auto error = error_of(target, settings);
    INFO(to_text(error));
    CHECK(error.code == ErrorCode::host_key);
    CHECK(error.hint.starts_with("the host needs a new key"));
  }
  SECTION("unknown") {
    sshd.folder().write("known_hosts", "");
    CHECK(error_of(target, settings).code == ErrorCode::host_key);
    CHECK(sshd.folder().read("known_hosts").empty());
  }
  CHECK(sshd.log().find("Accepted") == std::string::npos);
}

TEST_CASE("under accept-new, ssh keeps a new host's key, and one that can't be kept is refused") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd, Carrier::openssh);
  settings.host.accept_new = true;
  std::string warned;
  settings.warn = [&](const std::string& host, const std::string& text) { warned += host + ": " + text; };
  SECTION("it is kept") {
    sshd.folder().write("known_hosts", "");
    CHECK(open_session(target_for(sshd), settings));
    CHECK(sshd.folder().read("known_hosts").find("ssh-ed25519 ") != std::string::npos);
    CHECK(warned.starts_with("web1: ssh: Permanently added "));
  }
  SECTION("it can't be") {
    settings.host.known_hosts = {"/proc/no/known_hosts"};
    const auto error = error_of(target_for(sshd), settings);
    CHECK(error.code == ErrorCode::host_key);
    CHECK(error.message.starts_with("the new host key of 'web1' can't be kept: ssh says 'Failed to add the host"));
  }
}

TEST_CASE("why ssh didn't get in is told in its own words") {
  const SshdFixture sshd;
  auto settings = settings_for(sshd, Carrier::openssh);
  auto target = target_for(sshd);
  SECTION("no key is accepted") {
    settings.host.identities = {key_pair("ed25519", "stranger")};
    const auto error = error_of(target, settings);
    CHECK(error.code == ErrorCode::auth);
    CHECK(error.message.starts_with("ssh could not log in on 'web1' (127.0.0.1 port "));
    CHECK(error.message.find("Permission denied (") != std::string::npos);
  }
  SECTION("nobody listens") {
    {
      const SshdFixture gone;
      target.port = gone.port();
    }
    const auto error = error_of(target, settings);
    CHECK(error.code == ErrorCode::connect);
    CHECK(error.message.ends_with("Connection refused'"));
  }
  SECTION("it says nothing") {
    Relay relay(sshd.address(), sshd.port());
    relay.freeze();
    settings.host.connect_timeout = 1s;
    const auto error = error_of(target_for(sshd, relay.port()), settings);
    CHECK(error.code == ErrorCode::timeout);
    CHECK(error.message.find("timed out") != std::string::npos);
  }
  SECTION("the login shell ends") {
    const SshdFixture mute({.login_shell = "/bin/false"});
    const auto error = error_of(target_for(mute), settings_for(mute, Carrier::openssh));
    CHECK(error.code == ErrorCode::connect);
    CHECK(error.message.find("no shell could be started on 'web1'") != std::string::npos);
  }
  SECTION("there is no ssh") {
    const Variable nothing("PATH", "/proc/no");
    const auto error = error_of(target, settings);
    CHECK(error.code == ErrorCode::local);
    CHECK(error.message == "there is no 'ssh' on this machine to reach 'web1' with");
  }
}

TEST_CASE("a host that takes no more logins is tried again by ssh, too") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const auto target = target_for(sshd, relay.port());
  relay.refuse(2);
  CHECK(open_session(target, settings_for(sshd, Carrier::openssh)));
  CHECK(relay.connections() == 3);
}

TEST_CASE("a connection that breaks in ssh's login is made once more, and no more often") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const auto target = target_for(sshd, relay.port());
  const std::uint64_t after = GENERATE(200, 1500);  // behind the greeting; in the key exchange
  relay.cut_next(1, after);
  CHECK(open_session(target, settings_for(sshd, Carrier::openssh)));
  CHECK(relay.connections() == 2);
  relay.cut_next(3, after);
  const auto error = error_of(target, settings_for(sshd, Carrier::openssh));
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message.find("Connection reset by 127.0.0.1") != std::string::npos);
  CHECK(relay.connections() == 4);
}

TEST_CASE("a login by ssh can be stopped") {
  const SshdFixture sshd;
  Relay relay(sshd.address(), sshd.port());
  const auto target = target_for(sshd, relay.port());
  relay.freeze();
  std::stop_source stop;
  std::jthread other([&] {
    CHECK(eventually([&] { return relay.connections() == 1; }));
    stop.request_stop();
  });
  CHECK(error_of(target, settings_for(sshd, Carrier::openssh), within(20s, stop.get_token())).code == ErrorCode::cancelled);
}

TEST_CASE("a session that the server ends is lost, with ssh's words") {
  const SshdFixture sshd;
  const auto session = open_session(target_for(sshd), settings_for(sshd, Carrier::openssh));
  REQUIRE(step(*session, "true").status == 0);
  sshd.kill_sessions();
  const Never never;
  const auto end = step(*session, never.command());
  CHECK(end.error.code == ErrorCode::lost);
  INFO(to_text(end.error));
  // Which of its words depends on what it was about.
  CHECK(end.error.message.find("was lost while 'a step' ran: ssh says '") != std::string::npos);
}

TEST_CASE("an ssh that somebody kills is a lost connection") {
  const SshdFixture sshd;
  const auto session = open_session(target_for(sshd), settings_for(sshd, Carrier::openssh));
  REQUIRE(step(*session, "true").status == 0);
  const auto processes = processes_with("UserKnownHostsFile=" + sshd.known_hosts());
  REQUIRE(processes.size() == 1);
  ::kill(processes.front(), SIGKILL);
  const Never never;
  const auto end = step(*session, never.command());
  CHECK(end.error.code == ErrorCode::lost);
  INFO(to_text(end.error));
  CHECK(end.error.message.find("ssh was ended by signal 9") != std::string::npos);
}

TEST_CASE("ssh's socket is in a folder of its own that nobody else may enter, and goes with the session") {
  const SshdFixture sshd;
  const TempDir folder;
  const Variable there("TMPDIR", folder.path().string());
  auto session = open_session(target_for(sshd), settings_for(sshd, Carrier::openssh));
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) found.push_back(entry.path());
  REQUIRE(found.size() == 1);
  CHECK(found[0].filename().string().starts_with("kirikae-ssh-"));
  CHECK(std::filesystem::status(found[0]).permissions() == std::filesystem::perms::owner_all);
  CHECK(std::filesystem::is_socket(found[0] / "s"));
  session->close();
  session.reset();
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a step on a channel of its own that doesn't read its input is ended there") {
  const SshdFixture sshd;
  auto target = target_for(sshd);
  target.payload = GENERATE(false, true);
  const auto session = open_session(target, settings_for(sshd, Carrier::openssh));
  const Never never;
  std::stop_source stop;
  Nothing none;
  const auto heard = [&](ssh::Stream, std::string_view) { stop.request_stop(); };
  const auto ended = session->send({"hangs", "echo started; " + never.command() + "; true"}, none, {}, heard, within(20s, stop.get_token()));
  REQUIRE_FALSE(ended);
  CHECK(ended.error().message == "'hangs' on 'web1' was stopped; it was ended there");
  CHECK(eventually([&] { return processes_with(never.path()).empty(); }));
  CHECK(step(*session, "echo on").out == "on\n");
}

TEST_CASE("what ssh_config says of a person's session plays no part") {
  const SshdFixture sshd;
  const std::string line = GENERATE(as<std::string>{}, "StdinNull yes", "SessionType none", "ForkAfterAuthentication yes", "RequestTTY force", "SendEnv *");
  INFO(line);
  const auto session = open_session({"web1", "127.0.0.1", sshd.port(), SshdFixture::user()}, configured(sshd, "Host *\n  " + line + "\n"));
  CHECK(step(*session, "echo here").out == "here\n");
}

TEST_CASE("ssh is led through jump hosts under the recipe's rules, and its commands see none of our variables") {
  const SshdFixture sshd({.config = {"AcceptEnv LC_*"}, .addresses = {"127.0.0.1", "127.0.0.2"}});
  const Variable locale("LC_KIRIKAE", "ours");
  const std::string text = "Host gate\n  HostName 127.0.0.2\n  Port " + std::to_string(sshd.port()) +
                           "\n  StrictHostKeyChecking no\nHost web1\n  HostName 127.0.0.1\n  ProxyJump gate\nHost *\n  SendEnv LC_*\n";
  const ssh::Target target{"web1", "web1", sshd.port(), SshdFixture::user()};
  SECTION("both are known") {
    const auto session = open_session(target, configured(sshd, text));
    CHECK(step(*session, "echo \"<$LC_KIRIKAE>\"").out == "<>\n");
    const std::string log = sshd.log();
    CHECK(log.find("Accepted ") != log.rfind("Accepted "));
  }
  SECTION("the jump host's key is another one") {
    const std::string known = sshd.known_hosts_lines("127.0.0.1", sshd.port());
    sshd.folder().write("known_hosts", known + "[127.0.0.2]:" + std::to_string(sshd.port()) + ' ' + sshd.folder().read("authorized_keys"));
    const auto error = error_of(target, configured(sshd, text));
    INFO(to_text(error));
    CHECK(error.code == ErrorCode::host_key);
    CHECK(error.message.find("[127.0.0.2]") != std::string::npos);
  }
}

TEST_CASE("a setting that only ssh follows is an error by libssh2, and followed by ssh") {
  const SshdFixture sshd;
  const ssh::Target target{"web1", "127.0.0.1", sshd.port(), SshdFixture::user()};
  const std::string text = "Host *\n  RevokedHostKeys " + sshd.folder().write("revoked", sshd.known_hosts_lines("", 22).substr(1)) + "\n";
  const auto refused = error_of(target, configured(sshd, text, Carrier::libssh2));
  CHECK(refused.code == ErrorCode::connect);
  CHECK(refused.message.find("(RevokedHostKeys)") != std::string::npos);
  CHECK(refused.hint.ends_with("(ssh: {transport: openssh})"));
  const auto revoked = error_of(target, configured(sshd, text, GENERATE(Carrier::openssh, Carrier::automatic)));
  INFO(to_text(revoked));
  CHECK(revoked.code == ErrorCode::host_key);
}

TEST_CASE("a login that fails says that ssh knows the means that libssh2 hasn't") {
  const SshdFixture sshd({.config = {"GSSAPIAuthentication yes"}});
  auto settings = settings_for(sshd);
  settings.host.identities = {key_pair("ed25519", "stranger")};
  const auto error = error_of(target_for(sshd), settings);
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::auth);
  CHECK(error.message.find("gssapi-with-mic") != std::string::npos);
  CHECK(error.hint.ends_with("; for gssapi-with-mic, have the system's ssh carry the run (ssh: {transport: openssh})"));
}
