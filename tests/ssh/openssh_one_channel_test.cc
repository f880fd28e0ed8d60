// A host that opens one channel for each connection, where the system's ssh carries the run: what needs a channel of its own has a connection of
// its own.
#include <atomic>

#include "ssh/auth_support.h"
#include "ssh/openssh_support.h"
#include "ssh/session_support.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/text_source.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// A connector logs in again for its sessions, so it lives longer than they do.
std::unique_ptr<ssh::Transport> connect(ssh::Connector& connector, const ssh::Target& target) {
  auto session = connector.connect(target, {}, within(30s));
  if (!session) throw std::runtime_error(to_text(session.error()));
  return *std::move(session);
}

std::size_t logins_of(const SshdFixture& sshd) { return count_of(sshd.log(), "Accepted publickey ") + count_of(sshd.log(), "Accepted password "); }

}  // namespace

TEST_CASE("a payload and a terminal have a connection of their own by ssh where the host opens one channel for each") {
  const SshdFixture sshd({.config = {"MaxSessions 1"}});
  auto target = target_for(sshd);
  target.payload = GENERATE(false, true);
  const auto connector = ssh::make_connector(settings_for(sshd, ssh::Carrier::openssh));
  const auto session = connect(*connector, target);
  std::string heard;
  const auto hear = [&](ssh::Stream, std::string_view bytes) { heard += bytes; };
  Text text(std::string(300'000, 'x') + "\n");
  const auto sent = session->send({"keep", "cat"}, text, {}, hear, within(20s));
  INFO((sent ? "" : to_text(sent.error())));
  REQUIRE((sent && sent->ok()));
  CHECK(heard == std::string(300'000, 'x') + "\n");
  CHECK(logins_of(sshd) == 2);
  heard.clear();
  host::Command look{"look", "test -t 0 && echo \"at a terminal\""};
  look.terminal = true;
  const auto looked = session->exec(look, hear, within(20s));
  INFO((looked ? "" : to_text(looked.error())));
  REQUIRE((looked && looked->ok()));
  CHECK(heard == "at a terminal\n");
  CHECK(logins_of(sshd) == 3);
  CHECK(step(*session, "echo on").out == "on\n");
}

TEST_CASE("a step on a connection of its own by ssh, that doesn't read its input, is ended there") {
  const SshdFixture sshd({.config = {"MaxSessions 1"}});
  const auto connector = ssh::make_connector(settings_for(sshd, ssh::Carrier::openssh));
  const auto session = connect(*connector, target_for(sshd));
  const Never never;
  std::stop_source stop;
  Text none({});
  const auto heard = [&](ssh::Stream, std::string_view) { stop.request_stop(); };
  host::Command hangs{"hangs", "echo started; " + never.command() + "; true"};
  hangs.terminal = GENERATE(false, true);
  const auto patience = within(20s, stop.get_token());
  const auto ended = hangs.terminal ? session->exec(hangs, heard, patience) : session->send(hangs, none, {}, heard, patience);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().message == "'hangs' on 'web1' was stopped; it was ended there");
  CHECK(eventually([&] { return processes_with(never.path()).empty(); }));
  CHECK(step(*session, "echo on").out == "on\n");
}

TEST_CASE("a password that was typed is said to the second connection of ssh, too, without a question") {
  if (is_skipped_without_mounts()) return;
  const TempDir folder;
  const SshdFixture sshd({.config = {"MaxSessions 1", "PasswordAuthentication yes"}, .replaced = password_files(folder, "right")});
  ssh::Settings settings = settings_for(sshd, ssh::Carrier::openssh);
  settings.host.identities = {key_pair("ed25519", "stranger")};
  settings.askpass = KIRIKAE_DEPLOY;
  std::atomic<int> asked = 0;
  settings.ask = [&](const std::string&) { return Secret(asked++ == 0 ? "wrong" : "right"); };
  const auto connector = ssh::make_connector(std::move(settings));
  const auto session = connect(*connector, target_for(sshd));
  CHECK(asked == 2);
  Text none({});
  const auto sent = session->send({"keep", "cat"}, none, {}, [](ssh::Stream, std::string_view) {}, within(20s));
  INFO((sent ? "" : to_text(sent.error())));
  CHECK((sent && sent->ok()));
  CHECK(asked == 2);
  CHECK(logins_of(sshd) == 2);
}
