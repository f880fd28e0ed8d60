// Networks that are far away, refuse, say nothing, or have several ways to a host of which not all lead there.
#include <netinet/in.h>
#include <sys/socket.h>

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

bool lacks_names() { return is_skipped(!can_replace_files(), "names of one's own need root and the right to mount"); }

}  // namespace

TEST_CASE("a host 100 ms or 300 ms away is deployed to, again, and back") {
  const int each_way = GENERATE(50, 150);
  World world;
  world.relay(0).delay(std::chrono::milliseconds(each_way));
  whole_life(world);
}

TEST_CASE("where every tenth of forty connections is refused, all hosts get the release", "[many]") {
  World world({.hosts = 40, .own_servers = true});
  std::vector<Relay*> relays;
  for (std::size_t i = 0; i < 40; ++i) relays.push_back(&world.relay(i));
  for (std::size_t i = 4; i < 40; i += 10) relays[i]->refuse(1);
  world.write_recipe();
  world.write_app("1");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(world.host(i).version() == "1");
    CHECK(relays[i]->connections() == (i % 10 == 4 ? 2 : 1));
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
