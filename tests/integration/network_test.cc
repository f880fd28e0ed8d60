// Networks that are far away, refuse, say nothing, or have several ways to a host of which not all lead there.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/fd.h"
#include "integration/whole_life.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

kirikae::Fd tcp_socket(int flags = 0) { return kirikae::Fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }

// A port of ::1 that answers nothing, not even TCP: a listener whose queue is full.
class BlackHole {
 public:
  explicit BlackHole(int port) : listener_(tcp_socket()) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(static_cast<std::uint16_t>(port));
    name.sin6_addr = in6addr_loopback;
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(listener_.get(), 0) == 0);
    for (auto& fd : waiting_) {
      fd = tcp_socket(SOCK_NONBLOCK);
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
    }
  }

 private:
  kirikae::Fd listener_, waiting_[4];
};

// The program knows these names, and no other.
void know_names(World& world, const std::string& lines) {
  world.write("hosts", lines);
  world.write("nsswitch.conf", "hosts: files\n");
  world.replaced = {{"/etc/hosts", (world.site() / "hosts").string()}, {"/etc/nsswitch.conf", (world.site() / "nsswitch.conf").string()}};
}

// Where in what a server says its login stands: the ends of its greeting and of its packets. Their lengths can be read all along with a MAC
// that encrypts then; until the new keys hold, so can their types.
std::vector<std::uint64_t> ends_of_parts(const std::string& said) {
  constexpr std::size_t mac = 32;
  std::vector<std::uint64_t> ends{said.find('\n') + 1};
  std::string types;
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(said.at(at))); };
  for (std::size_t at = ends[0]; ends.size() < 7;) {
    const bool encrypted = types.ends_with('\x15');
    if (!encrypted) types += said.at(at + 5);
    at += 4 + (byte(at) << 24U | byte(at + 1) << 16U | byte(at + 2) << 8U | byte(at + 3)) + (encrypted ? mac : 0);
    ends.push_back(at);
  }
  REQUIRE(types == "\x14\x1f\x15");  // KEXINIT, the answer, NEWKEYS
  REQUIRE(ends.back() <= said.size());
  return ends;
}

const std::vector<std::string> readable_lengths{"Ciphers aes128-ctr", "MACs hmac-sha2-256-etm@openssh.com"};

bool lacks_names() { return is_skipped(!can_replace_files(), "names of one's own need root and the right to mount"); }

}  // namespace

TEST_CASE("a host 100 ms away is deployed to, again, and back", "[slow]") {
  World world;
  world.relay(0).delay(std::chrono::milliseconds(50));
  whole_life(world);
}

TEST_CASE("a host 300 ms away is deployed to, again, and back", "[slow]") {
  World world;
  world.relay(0).delay(std::chrono::milliseconds(150));
  whole_life(world);
}

TEST_CASE("where every fifth of twenty connections is refused, all hosts get the release", "[many]") {
  World world({.hosts = 20, .own_servers = true});
  std::vector<Relay*> relays;
  for (std::size_t i = 0; i < 20; ++i) relays.push_back(&world.relay(i));
  for (std::size_t i = 4; i < 20; i += 5) relays[i]->refuse(1);
  world.write_recipe();
  world.write_app("1");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(world.host(i).version() == "1");
    CHECK(relays[i]->connections() == (i % 5 == 4 ? 2 : 1));
  }
}

TEST_CASE("a name with several addresses leads to the one that answers, soon, whatever the others do") {
  if (lacks_names()) return;
  World world;
  const BlackHole hole(world.port());  // the resolver puts it first
  know_names(world, "::1 shop.test\n127.0.0.2 shop.test\n127.0.0.1 shop.test\n");
  world.write("../known_hosts", world.sshd().known_hosts_lines("shop.test", world.port()));
  world.write_recipe("", "[shop.test]");
  world.write_app("1");
  const Ran ran = world.deploy({"production", "--set", "ssh.connect_timeout=60s"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.seconds < 30);
  REQUIRE(world.host(0).version() == "1");
  know_names(world, "::1 shop.test\n");
  const Ran dead = world.deploy({"production", "--set", "ssh.connect_timeout=2s"});
  INFO(dead);
  CHECK(dead.status == 5);
  CHECK_THAT(dead.err, ContainsSubstring("[shop.test] can't connect to 'shop.test'") && ContainsSubstring("no answer in 2 s"));
}

TEST_CASE("a host that has an IPv6 address alone is deployed to, by address and by name") {
  if (lacks_names()) return;
  World world;
  const SshdFixture sshd({.addresses = {"::1"}});
  const std::string port = std::to_string(sshd.port());
  know_names(world, "::1 six.test\n");
  world.write("../known_hosts", sshd.known_hosts_lines("::1", sshd.port()) + sshd.known_hosts_lines("six.test", sshd.port()));
  int version = 0;
  for (const std::string& host : std::vector<std::string>{"[::1]:" + port, "six.test:" + port}) {
    world.write_recipe("", "[\"" + host + "\"]");
    world.write_app(std::to_string(++version));
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(world.host(0).version() == std::to_string(version));
  }
}

TEST_CASE("where each host's first connection breaks at another place of the login, all hosts get the release over the second one", "[slow]") {
  constexpr std::size_t hosts = 10;
  World world({.hosts = hosts, .sshd_config = readable_lengths});
  std::vector<Relay*> relays;
  for (std::size_t i = 0; i < hosts; ++i) relays.push_back(&world.relay(i));
  world.write_recipe();
  world.write_app("1");
  const Ran first = world.deploy({"production"});
  INFO(first);
  REQUIRE(first.status == 0);
  const auto ends = ends_of_parts(relays[0]->said());
  const auto within = [&](std::size_t part) { return (ends[part - 1] + ends[part]) / 2; };
  // Nothing said; in the greeting; behind it; in KEXINIT and behind it; in the answer and behind it; behind NEWKEYS, and in the two packets
  // then: what signatures there are, and that it takes a login.
  const std::uint64_t places[hosts] = {0, ends[0] / 2, ends[0], within(1), ends[1], within(2), ends[2], ends[3], within(4), within(5)};
  for (std::size_t i = 0; i < hosts; ++i) relays[i]->cut_next(1, places[i]);
  world.write_app("2");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (std::size_t i = 0; i < hosts; ++i) {
    INFO("cut after " << places[i] << " bytes");
    CHECK(world.host(i).version() == "2");
    CHECK(relays[i]->connections() == 3);
  }
  // Where the second one breaks, too, but for hosts that turn all away before the key exchange.
  for (std::size_t i = 0; i < hosts; ++i) relays[i]->cut_next(places[i] < ends[1] ? 1 : 2, places[i]);
  const std::string live = world.host(0).live();
  world.write_app("3");
  const Ran failed = world.deploy({"production"});
  INFO(failed);
  REQUIRE(failed.status == 5);
  for (std::size_t i = 0; i < hosts; ++i) {
    INFO("cut after " << places[i] << " bytes");
    const bool named = failed.err.find("127.0.0.1:" + std::to_string(relays[i]->port())) != std::string::npos;
    CHECK(named == (places[i] >= ends[1]));
    CHECK(relays[i]->connections() == 5);
    CHECK(world.host(i).live() == live);
  }
  REQUIRE(world.broken_invariants().empty());
  const Ran again = world.deploy({"production"});
  INFO(again);
  REQUIRE(again.status == 0);
  for (const auto& host : world.hosts()) CHECK(host.version() == "3");
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a host that greets and then says nothing is asked once more, told, and named after twice the time to connect", "[slow]") {
  World world({.hosts = 2, .sshd_config = readable_lengths});
  Relay& relay = world.relay(1);
  world.write_recipe();
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string before = world.host(1).live();
  const auto ends = ends_of_parts(relay.said());
  const auto [place, words] = GENERATE_COPY(table<std::uint64_t, std::string>(
      {{ends[0], "it greeted as an SSH server does, and then said nothing"}, {ends[1], "the key exchange did not end"}}));
  constexpr int tries = KIRIKAE_LIBSSH2_IS_PATCHED ? 2 : 1;  // it may have lost what was sent early
  relay.hold_next(1000, place);
  world.write_app("2");
  const Ran mute = world.deploy({"production", "-v", "--set", "ssh.connect_timeout=2s"});
  INFO(mute);
  CHECK(mute.status == 5);
  CHECK(mute.seconds >= 2 * tries);
  CHECK_THAT(mute.err, ContainsSubstring("[127.0.0.1:" + std::to_string(relay.port()) + "] no SSH session with") && ContainsSubstring(words));
  CHECK((mute.out.find("connecting once more") != std::string::npos) == (tries == 2));
  CHECK(relay.connections() == 1 + tries);
  CHECK(world.host(1).live() == before);
  relay.hold_next(tries - 1, place);
  const Ran ran = world.deploy({"production", "--set", "ssh.connect_timeout=5s"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(1).version() == "2");
}
