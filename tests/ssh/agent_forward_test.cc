// Hosts that may use an ssh-agent of this machine: a real agent, a real sshd, and the host's own ssh-add.
#include <libssh2.h>

#include <mutex>

#include "ssh/auth_support.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Warnings {
  std::mutex mutex;
  std::vector<std::string> all;
};

ssh::Settings forwarding(const SshdFixture& sshd, const std::string& socket, Warnings* warnings = nullptr) {
  auto settings = settings_for(sshd);
  settings.host.forward_agent = socket;
  if (warnings != nullptr) {
    settings.warn = [warnings](const std::string& host, const std::string& text) {
      const std::scoped_lock lock(warnings->mutex);
      warnings->all.push_back(host + ": " + text);
    };
  }
  return settings;
}

std::unique_ptr<ssh::Transport> session_with(const SshdFixture& sshd, const ssh::Settings& settings) {
  auto session = try_session(target_for(sshd), settings, within(20s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  return *std::move(session);
}

const std::string socket_there = "echo \"${SSH_AUTH_SOCK-none}\"";

}  // namespace

TEST_CASE("a host has no way to an agent unless that is asked for, and its channels to one are refused") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  CHECK(step(*session, socket_there).out == "none\n");
  // What libssh2 calls for such a channel; without it, it says no.
  const auto silent = log_in(target_for(sshd), settings_for(sshd));
  CHECK(libssh2_session_callback_set2(silent->raw(), LIBSSH2_CALLBACK_AUTHAGENT, nullptr) == nullptr);
  const auto other = log_in(target_for(sshd), settings_for(sshd));
  other->forward_agent("/nowhere");
  CHECK(libssh2_session_callback_set2(other->raw(), LIBSSH2_CALLBACK_AUTHAGENT, nullptr) != nullptr);
}

TEST_CASE("a host may use the agent, many times one after the other and at once, while other steps run") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one")});
  const SshdFixture sshd;
  auto session = session_with(sshd, forwarding(sshd, agent.socket()));
  const auto listed = step(*session, "ssh-add -L");
  INFO(listed.err);
  CHECK(listed.status == 0);
  CHECK(listed.out == public_line("ed25519", "one"));
  const auto many = step(*session, "i=0\nwhile [ $i -lt 20 ]; do ssh-add -l; i=$((i + 1)); done | sort | uniq -c | wc -l; ssh-add -l | wc -l");
  CHECK(many.out == "1\n1\n");
  const auto at_once = step(*session, "i=0\nwhile [ $i -lt 12 ]; do ssh-add -l & i=$((i + 1)); done | grep -c ED25519; wait");
  CHECK(at_once.out == "12\n");
  // A signature, which has to be right.
  const std::string key = public_line("ed25519", "one");
  const auto is_signed = step(*session, "cd \"$HOME\"; ssh-add -L >key.pub; echo text >text; ssh-keygen -q -Y sign -n file -f key.pub text && "
                                        "ssh-keygen -Y check-novalidate -n file -s text.sig <text");
  INFO(is_signed.err);
  CHECK_THAT(is_signed.out, ContainsSubstring("Good \"file\" signature"));
}

TEST_CASE("an agent that says nothing, or is gone, holds up nothing but who asks it") {
  const TempDir folder;
  const SshdFixture sshd;
  SECTION("silent") {
    const MuteSocket mute(folder / "mute");
    auto session = session_with(sshd, forwarding(sshd, mute.path()));
    CHECK(step(*session, "ssh-add -l >/dev/null 2>&1 &\necho here; kill $!; wait $! || echo $?").out == "here\n143\n");
    CHECK(step(*session, "echo next").out == "next\n");
  }
  SECTION("gone") {
    auto agent = std::make_unique<RealAgent>(folder, std::vector{key_pair("ed25519", "one")});
    auto session = session_with(sshd, forwarding(sshd, agent->socket()));
    CHECK(step(*session, "ssh-add -l >/dev/null").status == 0);
    agent.reset();
    CHECK(step(*session, "ssh-add -l >/dev/null 2>&1").status != 0);
    CHECK(step(*session, "echo next").out == "next\n");
  }
}

TEST_CASE("a host that forbids it is told of, and used all the same") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one")});
  const SshdFixture sshd({.config = {"AllowAgentForwarding no"}});
  Warnings warnings;
  auto session = session_with(sshd, forwarding(sshd, agent.socket(), &warnings));
  CHECK(step(*session, socket_there).out == "none\n");
  CHECK(step(*session, "exit 7").status == 7);
  CHECK(warnings.all == std::vector<std::string>{
                            "web1: the host refuses to use the ssh-agent: its sshd_config says AllowAgentForwarding no, or DisableForwarding"});
}

TEST_CASE("without an agent here there is one warning, and no failure") {
  const SshdFixture sshd;
  Warnings warnings;
  const std::string socket = GENERATE("", "/nowhere/agent");
  const auto connector = ssh::make_connector(forwarding(sshd, socket, &warnings));
  for (int i = 0; i < 2; ++i) {
    auto session = connector->connect(target_for(sshd), {}, within(20s));
    REQUIRE(session);
    CHECK(step(**session, socket_there).out == "none\n");
  }
  REQUIRE(warnings.all.size() == 1);
  CHECK(warnings.all.front() == ": hosts may use the ssh-agent, but there is none here (" +
                                    (socket.empty() ? std::string("no SSH_AUTH_SOCK names one") : "'" + socket + "': no such file or directory") +
                                    "): start one, or take forward_agent out");
}
