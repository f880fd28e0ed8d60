// Host keys of real servers, before any login: accept-new, and what `deploy trust` looks at.
#include <mutex>
#include <thread>
#include <vector>

#include "ssh/wire.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/ssh_session.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// Whether anybody has tried to log in.
bool was_asked_to_log_in(const SshdFixture& sshd) {
  const std::string log = sshd.log();
  return log.find("Accepted") != std::string::npos || log.find("Failed") != std::string::npos ||
         log.find("authenticating user") != std::string::npos || log.find("Postponed") != std::string::npos;
}

struct Told {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> warnings;
};

ssh::Settings accepting(const SshdFixture& sshd, const std::string& file, Told& told) {
  auto settings = settings_for(sshd);
  settings.host.known_hosts = {file};
  settings.host.accept_new = true;
  settings.warn = [&](const std::string& host, const std::string& text) {
    const std::scoped_lock lock(told.mutex);
    told.warnings.emplace_back(host, text);
  };
  return settings;
}

}  // namespace

TEST_CASE("accept-new lets a new host in, keeps its key and says so, once") {
  const SshdFixture sshd;
  const TempDir folder;
  const std::string file = folder / "known_hosts";
  Told told;
  const auto settings = accepting(sshd, file, told);
  const auto connector = ssh::make_connector(settings);
  for (int i = 0; i < 2; ++i) {
    auto session = connector->connect(target_for(sshd), {}, within(30s));
    REQUIRE(session);
    CHECK(step(**session, "echo in").out == "in\n");
    REQUIRE(told.warnings.size() == 1);
    CHECK(folder.read("known_hosts") == sshd.known_hosts_lines(sshd.address(), sshd.port()));
  }
  CHECK(told.warnings[0].first == "web1");
  CHECK(told.warnings[0].second.starts_with("added the host key of 'web1' (ed25519 SHA256:"));
  CHECK(told.warnings[0].second.ends_with(") to " + file));
}

TEST_CASE("a key that has changed, or that can't be kept, is refused under accept-new before any login") {
  const SshdFixture sshd;
  const TempDir folder;
  const std::string other = run_program({"cat", key_pair("ed25519", "other") + ".pub"}).output;
  const std::string line = "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + other;
  const bool changed = GENERATE(true, false);
  Told told;
  const auto settings = accepting(sshd, changed ? folder.write("known_hosts", line) : folder / "no/such/folder", told);
  const auto session = try_session(target_for(sshd), settings);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == ErrorCode::host_key);
  CHECK(session.error().host == "web1");
  CHECK(session.error().message.find(changed ? "HAS CHANGED" : "can't be kept") != std::string::npos);
  CHECK(told.warnings.empty());
  CHECK(eventually([&] {
    return sshd.log().find("Received disconnect") != std::string::npos ||
           sshd.log().find("Connection closed") != std::string::npos;
  }));
  CHECK_FALSE(was_asked_to_log_in(sshd));
  if (changed) CHECK(folder.read("known_hosts") == line);
}

TEST_CASE("a host is known by its HostKeyAlias, whatever its address and port") {
  const SshdFixture sshd;
  const TempDir folder;
  const std::string file = folder.write("known_hosts", sshd.known_hosts_lines("Gate", 22));
  auto settings = settings_for(sshd);
  settings.host.known_hosts = {file};
  CHECK_FALSE(try_session(target_for(sshd), settings));
  settings.host.host_key_alias = "gate";
  CHECK(try_session(target_for(sshd), settings));

  Told told;
  auto fresh = accepting(sshd, folder / "fresh", told);
  fresh.host.host_key_alias = "gate";
  REQUIRE(try_session(target_for(sshd), fresh));
  CHECK(folder.read("fresh") == sshd.known_hosts_lines("gate", 22));
}

TEST_CASE("a host is looked at without a login, by the kind of key that is known, and trusted") {
  const SshdFixture sshd({.host_keys = {"ed25519", "ecdsa"}});
  const TempDir folder;
  const std::string file = folder / "known_hosts";
  auto settings = settings_for(sshd);
  settings.host.known_hosts = {file};
  settings.host.identities = {"/nowhere"};
  const auto connector = ssh::make_connector(settings);
  const auto stops = connector->stops_to(target_for(sshd), within(30s));
  REQUIRE(stops);
  REQUIRE(stops->size() == 1);
  auto shown = connector->look(
      stops->front(), [](std::string_view) {}, within(30s));
  REQUIRE(shown);
  CHECK(ssh::key_type(shown->key) == "ssh-ed25519");
  CHECK(shown->judged.standing == ssh::Standing::unknown);
  REQUIRE(connector->trust(*shown, false));
  const std::string lines = sshd.known_hosts_lines(sshd.address(), sshd.port());
  CHECK(folder.read("known_hosts") == lines.substr(0, lines.find('\n') + 1));
  shown = connector->look(
      stops->front(), [](std::string_view) {}, within(30s));
  REQUIRE(shown);
  CHECK(shown->judged.standing == ssh::Standing::known);

  folder.write("known_hosts", lines.substr(lines.find('\n') + 1));
  shown = ssh::make_connector(settings)->look(
      stops->front(), [](std::string_view) {}, within(30s));
  REQUIRE(shown);
  CHECK(ssh::key_type(shown->key) == "ecdsa-sha2-nistp256");
  CHECK(shown->judged.standing == ssh::Standing::known);
  CHECK_FALSE(was_asked_to_log_in(sshd));
}
