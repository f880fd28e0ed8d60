// Hosts behind jump hosts, by the system's ssh and by libssh2: where ssh_config leads there.
#include <chrono>
#include <fstream>
#include <string>

#include "ssh/openssh_support.h"
#include "support/catch.h"
#include "support/relay.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using ssh::Carrier;

TEST_CASE("under accept-new, ssh takes no new key that would be thrown away, of a host or of a jump host") {
  const SshdFixture sshd({.addresses = {"127.0.0.1", "127.0.0.2"}});
  const std::string port = std::to_string(sshd.port());
  ssh::Overrides recipe{.identities = {SshdFixture::client_key()}};
  std::string text = "Host *\n  Port " + port + "\n  HostName 127.0.0.1\n  StrictHostKeyChecking no\n";
  std::string nowhere = "/dev/null";
  SECTION("of a host") {
    text += "  HostKeyAlias prod\n  UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile " + sshd.folder().write("other", "") + "\n";
  }
  SECTION("of a jump host") {
    // As root, only ssh finds out that the latter can't be written to.
    nowhere = GENERATE("/dev/null", "/no/such/folder/known_hosts", "/proc/no/known_hosts");
    recipe.known_hosts = {nowhere, sshd.folder().write("other", sshd.known_hosts_lines("127.0.0.1", sshd.port()))};
    text = "Host gate\n  HostName 127.0.0.2\n  LogLevel QUIET\n  ProxyJump none\n" + text + "  ProxyJump gate\n";
  }
  const auto error = error_of({"web1", "web1", 0, ""}, configured(sshd, text, Carrier::openssh, recipe));
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::host_key);
  const auto reason = error.message.find("can't be kept: ");
  REQUIRE(reason != std::string::npos);
  CHECK(error.message.find(nowhere, reason) != std::string::npos);
  if (nowhere == "/dev/null") CHECK(sshd.log().find("Accepted ") == std::string::npos);
}

TEST_CASE("hosts behind jump hosts are reached where ssh_config would have a proxy command pass its connection on, whoever carries them") {
  const Carrier carrier = GENERATE(Carrier::libssh2, Carrier::openssh, Carrier::automatic);
  const SshdFixture sshd({.addresses = {"127.0.0.1", "127.0.0.2", "127.0.0.3"}});
  const std::string text = "Host gate\n  HostName 127.0.0.2\nHost inner\n  HostName 127.0.0.3\nHost web1\n  HostName 127.0.0.1\n  ProxyJump gate,inner\n";
  auto settings = configured(sshd, text + "Host *\n  ProxyUseFdpass yes\n  Port " + std::to_string(sshd.port()) + "\n", carrier);
  std::string warned;
  settings.warn = [&](const std::string&, const std::string& said) { warned += said; };
  const auto connector = ssh::make_connector(settings);
  const auto session = connector->connect({"web1", "web1", 0, ""}, {}, within(30s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(step(**session, "echo here").out == "here\n");
  CHECK(warned.empty());
}

TEST_CASE("a host behind a jump host that takes no more logins is tried again, and so is the jump host, whoever carries it") {
  const Carrier carrier = GENERATE(Carrier::libssh2, Carrier::openssh);
  const SshdFixture sshd;
  Relay gate(sshd.address(), sshd.port()), relay(sshd.address(), sshd.port());
  const auto port = [](const Relay& to) { return std::to_string(to.port()); };
  const auto target = target_for(sshd, relay.port());
  sshd.folder().write("known_hosts", sshd.folder().read("known_hosts") + sshd.known_hosts_lines("127.0.0.1", gate.port()));
  const auto settings = configured(sshd, "Host gate\n  HostName 127.0.0.1\n  Port " + port(gate) + "\nHost 127.0.0.1\n  ProxyJump gate\n", carrier);
  Relay& refuses = GENERATE(true, false) ? relay : gate;
  refuses.refuse(2);
  const auto connector = ssh::make_connector(settings);  // has the jump host's login
  const auto session = connector->connect(target, {}, within(30s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(step(**session, "echo here").out == "here\n");
  CHECK(refuses.connections() == 3);
}

TEST_CASE("a first jump host of a chain that lets nobody in, or shows an unknown key, is told by its own words, and tried once, by ssh as by libssh2") {
  const Carrier carrier = GENERATE(Carrier::libssh2, Carrier::openssh);
  const bool unknown = GENERATE(false, true);
  const SshdFixture sshd({.addresses = {"127.0.0.1", "127.0.0.3"}}), first;
  first.folder().write("authorized_keys", "");
  if (!unknown) std::ofstream(sshd.known_hosts(), std::ios::app) << first.known_hosts_lines(first.address(), first.port());
  const std::string text = "Host first\n  HostName " + first.address() + "\n  Port " + std::to_string(first.port()) +
                           "\nHost inner\n  HostName 127.0.0.3\nHost web1\n  HostName 127.0.0.1\n  ProxyJump first,inner\n" +
                           "Host *\n  Port " + std::to_string(sshd.port()) + "\n";
  const auto error = error_of({"web1", "web1", 0, ""}, configured(sshd, text, carrier));
  INFO(to_text(error));
  CHECK(error.code == (unknown ? ErrorCode::host_key : ErrorCode::auth));
  const std::string log = first.log();
  CHECK(log.find("Connection from ") == log.rfind("Connection from "));
}
