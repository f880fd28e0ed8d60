// Host keys that are new or have changed, with the built program and real servers: accept-new, and `deploy trust`.
#include <algorithm>
#include <filesystem>

#include "integration/at_terminal.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using kirikae::golden::Pty;
using Words = std::vector<std::string>;

namespace {

// Every host's lines, sorted, as they would have to stand in a known_hosts file.
Words known_hosts_lines(const std::string& text) {
  Words lines;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  std::ranges::sort(lines);
  return lines;
}

// A line that gives a host a key that it doesn't have.
std::string wrong_line(const SshdFixture& sshd) {
  return "[" + sshd.address() + "]:" + std::to_string(sshd.port()) + " " +
         run_program({"cat", key_pair("ed25519", "other") + ".pub"}).output;
}

bool login_was_tried(const SshdFixture& sshd) {
  const std::string log = sshd.log();
  return std::ranges::any_of(Words{"Accepted", "Failed", "Postponed", "authenticating user"},
                             [&](const std::string& word) { return log.find(word) != std::string::npos; });
}

std::string fingerprint_of(const std::string& key) {
  const std::string text = run_program({"ssh-keygen", "-lf", key + ".pub"}).output;
  const auto from = text.find("SHA256:");
  return text.substr(from, text.find(' ', from) - from);
}

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

const Words accept_new = {"--set", "ssh.known_hosts_file=keys/fresh", "--set", "ssh.known_hosts=accept-new"};
const Words fresh = {"--set", "ssh.known_hosts_file=keys/fresh"};

}  // namespace

TEST_CASE("accept-new adds the keys of new hosts once, says so, and a second run is silent about it") {
  World world({.hosts = 4, .own_servers = true});
  world.write_app("1");
  const Ran first = world.deploy(with({"production"}, accept_new));
  INFO(first);
  REQUIRE(first.status == 0);
  CHECK(known_hosts_lines(world.read("site/keys/fresh")) == known_hosts_lines(world.read("known_hosts")));
  const std::string shown = "added the host key of '" + world.host(1).name() + "' (ed25519 " +
                            fingerprint_of(key_pair("ed25519", "host")) + ") to ";
  CHECK_THAT(first.err, ContainsSubstring(shown + (world.site() / "keys/fresh").string()));
  const std::string written = world.read("site/keys/fresh");
  const Ran second = world.deploy(with({"production"}, accept_new));
  INFO(second);
  REQUIRE(second.status == 0);
  CHECK_THAT(second.err, !ContainsSubstring("added the host key"));
  CHECK(world.read("site/keys/fresh") == written);
}

TEST_CASE("a key that has changed is refused under accept-new, before any login") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  world.write("keys/fresh", wrong_line(world.sshd(0)));
  const Ran ran = world.deploy(with({"production"}, accept_new));
  INFO(ran);
  REQUIRE(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("HOST KEY OF '127.0.0.1'") && ContainsSubstring("HAS CHANGED") &&
                          ContainsSubstring("keys/fresh:1"));
  CHECK(eventually([&] { return world.sshd(0).log().find("Connection from") != std::string::npos; }));
  CHECK_FALSE(login_was_tried(world.sshd(0)));
  CHECK(world.host(0).untouched());
  CHECK_THAT(world.read("site/keys/fresh"), ContainsSubstring(wrong_line(world.sshd(0))));
}

TEST_CASE("trust shows new keys at a terminal, writes them once somebody agrees, and then a deploy goes through") {
  const std::string kind = GENERATE("dumb", "xterm");
  World world({.hosts = 3, .own_servers = true});
  world.write_app("1");
  const std::string shown = "new: ed25519 " + fingerprint_of(key_pair("ed25519", "host"));
  {
    Pty terminal = at_terminal(world, with({"trust", "production"}, fresh), kind);
    REQUIRE(says(terminal, "trust 3 new host keys? [y/N]: "));
    CHECK_THAT(terminal.output(), ContainsSubstring(shown));
    terminal.type("n\n");
    CHECK(end_of(terminal) == 130);
    CHECK_THAT(terminal.output(), ContainsSubstring("not confirmed"));
    CHECK_FALSE(std::filesystem::exists(world.site() / "keys"));
  }
  {
    Pty terminal = at_terminal(world, with({"production", "trust"}, fresh), kind);
    REQUIRE(says(terminal, "trust 3 new host keys? [y/N]: "));
    terminal.type("yes\n");
    CHECK(end_of(terminal) == 0);
    CHECK_THAT(terminal.output(), ContainsSubstring("added to " + (world.site() / "keys/fresh").string()));
  }
  CHECK(known_hosts_lines(world.read("site/keys/fresh")) == known_hosts_lines(world.read("known_hosts")));
  for (std::size_t i = 0; i < 3; ++i) CHECK_FALSE(login_was_tried(world.sshd(i)));
  const Ran again = world.deploy(with({"trust", "production"}, fresh));
  INFO(again);
  CHECK(again.status == 0);
  CHECK_THAT(again.out, ContainsSubstring("127.0.0.1 127.0.0.2 127.0.0.3: known: ed25519 "));
  CHECK(world.deploy(with({"production"}, fresh)).status == 0);
}

TEST_CASE("trust without a terminal needs --yes, keeps to the hosts that are chosen, and to those that answer") {
  World world({.hosts = 3, .own_servers = true});
  Ran ran = world.deploy(with({"trust", "production"}, fresh));
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("nobody can be asked here") && ContainsSubstring("--yes"));
  CHECK_FALSE(std::filesystem::exists(world.site() / "keys"));

  ran = world.deploy(with({"trust", "production", "--yes", "--hosts", "127.0.0.1*"}, fresh));
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(known_hosts_lines(world.read("site/keys/fresh")).size() == 1);
  world.sshd(2).stop();
  ran = world.deploy(with({"trust", "production", "--yes"}, fresh));
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.3") && ContainsSubstring("refused"));
  CHECK(known_hosts_lines(world.read("site/keys/fresh")).size() == 2);
}

TEST_CASE("trust shows a changed key with the old one and its place, and replaces it only by --replace") {
  World world({.hosts = 3, .own_servers = true});
  world.write_app("1");
  const std::string old = "# ours\n" + wrong_line(world.sshd(0));
  world.write("keys/fresh", old);
  const std::string file = (world.site() / "keys/fresh").string();
  const std::string changed = "HOST KEY HAS CHANGED: it shows ed25519 " + fingerprint_of(key_pair("ed25519", "host")) +
                              ", but known is ed25519 " + fingerprint_of(key_pair("ed25519", "other")) + " (" + file +
                              ":2)";
  Ran ran = world.deploy(with({"trust", "production", "--yes", "--hosts", "*.1,*.2"}, fresh));
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring(changed) && ContainsSubstring("trust production --replace"));
  CHECK(world.read("site/keys/fresh") == old + world.sshd(1).known_hosts_lines("127.0.0.2", world.sshd(1).port()));

  const Ran data = world.deploy(with({"trust", "production", "--yes", "--replace", "--output", "json"}, fresh));
  INFO(data);
  CHECK(data.status == 0);
  const auto hosts = only(validated_events(data.out), "result").at(0)["data"]["hosts"];
  REQUIRE(hosts.size() == 3);
  CHECK(hosts[0]["state"] == "replaced");
  CHECK(hosts[0]["others"][0]["place"] == file + ":2");
  CHECK(hosts[1]["state"] == "known");
  CHECK(hosts[2]["state"] == "added");
  CHECK(hosts[2]["file"] == file);
  CHECK(known_hosts_lines(world.read("site/keys/fresh")) == known_hosts_lines("# ours\n" + world.read("known_hosts")));
  CHECK(world.deploy(with({"production"}, fresh)).status == 0);
}

TEST_CASE("where ssh_config names no known_hosts file of the user's, no key is written into the machine's") {
  World world({.hosts = 1, .own_servers = true});
  world.write_app("1");
  world.write("machines", "");
  const std::string machines = (world.site() / "machines").string();
  world.write("ssh_config", "UserKnownHostsFile none\nGlobalKnownHostsFile " + machines + "\nStrictHostKeyChecking accept-new\n");
  world.write("deploy.yml", "application: shop\ndeploy_to: " + world.deploy_to() + "\nsource: {directory: app}\nuser: " + SshdFixture::user() +
                                "\nssh: {config: ssh_config, identity: " + SshdFixture::client_key() + "}\nstages: {production: {hosts: [\"127.0.0.1:" +
                                std::to_string(world.sshd(0).port()) + "\"]}}\n");
  const Ran trusted = world.deploy({"trust", "production", "--yes"});
  INFO(trusted);
  CHECK(trusted.status == 1);
  CHECK_THAT(trusted.err, ContainsSubstring("there is no file for it"));
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.err, ContainsSubstring("there is no file for it"));
  CHECK(world.read("site/machines").empty());
}

TEST_CASE("jump hosts are trusted first, and then what is behind them, which nobody logs in on") {
  World world({.hosts = 2, .own_servers = true});
  world.write_app("1");
  const SshdFixture &behind = world.sshd(0), &gate = world.sshd(1);
  world.write("ssh_config", "Host behind\n  HostName 127.0.0.1\n  Port " + std::to_string(behind.port()) +
                                "\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.2\n  Port " +
                                std::to_string(gate.port()) + "\n  HostKeyAlias the-gate\n");
  world.write_recipe("", "[behind]");
  const Words reached = with(fresh, {"--set", "ssh.config=ssh_config"});
  {
    Pty terminal = at_terminal(world, with({"trust", "production"}, reached));
    REQUIRE(says(terminal, "gate (jump host): new: ed25519 "));
    REQUIRE(says(terminal, "trust 1 new host key? [y/N]: "));
    CHECK(terminal.output().find("behind: ") == std::string::npos);
    terminal.type("y\n");
    const bool asked = says(terminal, "[behind]");
    INFO(terminal.output());
    REQUIRE(asked);
    terminal.type("y\n");
    CHECK(end_of(terminal) == 0);
    INFO(terminal.output());
    CHECK(world.read("site/keys/fresh") ==
          gate.known_hosts_lines("the-gate", 22) + behind.known_hosts_lines("127.0.0.1", behind.port()));
  }
  CHECK(login_was_tried(gate));
  CHECK_FALSE(login_was_tried(behind));
  const Ran ran = world.deploy(with({"production"}, reached));
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(0).version() == "1");
}
