// Servers that are not OpenSSH's, and OpenSSH's with settings that get in the way.
#include <unistd.h>

#include "integration/whole_life.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/skip.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using Kind = SmallServer::Kind;

namespace {

// A World whose host has such a server; none: it is told why not.
std::unique_ptr<World> world_with(Kind kind, const std::string& shell = "/bin/sh") {
  if (is_skipped(!can_replace_files(), "a server that looks for keys at home needs root and the right to mount")) return nullptr;
  if (is_skipped(!SmallServer::is_installed(kind), "the server's package is not installed")) return nullptr;
  return std::make_unique<World>(World::Options{.login_shell = shell, .small_server = kind});
}

void whole_life_on(Kind kind) {
  const auto world = world_with(kind);
  if (!world) return;
  whole_life(*world);
}

// tinysshd asks for the signature of any key before it says what it thinks of it.
void second_key_logs_in(Kind kind) {
  const auto world = world_with(kind);
  if (!world) return;
  world->write_app("1");
  std::string recipe = world->read("site/deploy.yml");
  recipe.insert(recipe.find("identity: ") + 10, "[" + key_pair("ed25519", "stranger") + ", ");
  recipe.insert(recipe.find('\n', recipe.find("identity: ")), "]");
  world->write("deploy.yml", recipe);
  const Ran ran = world->deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(world->host(0).version() == "1");
}

// A deploy that fails in an honest way: exit 5, these words, where to look, and nothing was changed.
void refused(const World& world, const std::string& words) {
  world.write_app("1");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring(words) && ContainsSubstring("ForceCommand in sshd_config"));
  REQUIRE_THAT(ran.out, ContainsSubstring("[127.0.0.1] failed: connect: no shell could be started on "));
  REQUIRE(world.host(0).untouched());
}

}  // namespace

TEST_CASE("a host with dropbear is deployed to, again, and back") { whole_life_on(Kind::dropbear); }
TEST_CASE("a host with tinysshd, which opens one channel for each connection, is deployed to, again, and back", "[slow]") {
  whole_life_on(Kind::tinysshd);
}
TEST_CASE("whatever login shell an account on dropbear has, it is deployed to", "[slow]") {
  const std::string shell = GENERATE(from_range(
      some_of(std::vector<std::string>{"/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/tcsh", "/bin/mksh"}, 2)));
  INFO(shell);
  if (::access(shell.c_str(), X_OK) != 0) {
    WARN(shell << " is not installed: not tried");
    return;
  }
  const auto world = world_with(Kind::dropbear, shell);
  if (world) whole_life(*world);
}

TEST_CASE("on dropbear, the second key logs in where the first doesn't") { second_key_logs_in(Kind::dropbear); }
TEST_CASE("on tinysshd, the second key logs in where the first doesn't") { second_key_logs_in(Kind::tinysshd); }

TEST_CASE("a host is deployed to, again, and back, however little its sshd allows") {
  const auto lines = GENERATE(from_range(some_of(std::vector<std::vector<std::string>>{
      {"MaxSessions 1"},
      {"PermitTTY no", "PermitUserRC no", "AllowTcpForwarding no", "AllowAgentForwarding no", "X11Forwarding no"},
      {"DisableForwarding yes", "PermitUserEnvironment yes", "UseDNS yes", "Compression no"},
      {"ForceCommand /bin/sh -c \"$SSH_ORIGINAL_COMMAND\""},
      {"RekeyLimit 100K 1"},
  }, 2)));
  INFO(lines.front());
  World world({.sshd_config = lines});
  whole_life(world);
}

TEST_CASE("a host that opens one channel for each connection is deployed to, again, and back, where ssh carries the run", "[slow]") {
  World world({.sshd_config = {"MaxSessions 1"}});
  whole_life(world, "  transport: openssh\n");
}

TEST_CASE("a host is deployed to, again, and back, with the algorithms of an OpenSSH 7.4, or a hardened choice of them") {
  const auto lines = GENERATE(from_range(some_of(std::vector<std::vector<std::string>>{
      // What 7.4 has of its own and this program too, without what it has in common with today's.
      {"KexAlgorithms ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
       "Ciphers aes128-ctr,aes192-ctr,aes256-ctr", "MACs hmac-sha2-256,hmac-sha2-512", "HostKeyAlgorithms ssh-ed25519"},
      {"KexAlgorithms diffie-hellman-group14-sha256", "Ciphers aes128-ctr", "MACs hmac-sha2-512"},
      {"KexAlgorithms diffie-hellman-group-exchange-sha256", "MACs hmac-sha2-512-etm@openssh.com", "Ciphers aes256-ctr"},
      {"KexAlgorithms curve25519-sha256@libssh.org", "Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com"},
      {"KexAlgorithms curve25519-sha256", "Ciphers chacha20-poly1305@openssh.com"},
  }, 2)));
  INFO(lines.front());
  World world({.sshd_config = lines});
  whole_life(world);
}

TEST_CASE("a host with a banner of 25 KB is deployed to", "[slow]") {
  const TempDir folder;
  std::string text;
  for (int i = 0; i < 500; ++i) text += "Unauthorised access is prohibited; line " + std::to_string(i) + "\n";
  World world({.sshd_config = {"Banner " + folder.write("banner", text)}});
  whole_life(world);
}

TEST_CASE("a host that runs a command of its own instead of ours is told so, with what it answered", "[slow]") {
  SECTION("a menu that says something and ends") {
    refused(World({.sshd_config = {"ForceCommand echo 'Only backups are taken here.'"}}), "'Only backups are taken here.'");
  }
  SECTION("file transfer alone") {
    refused(World({.sshd_config = {"ForceCommand internal-sftp"}}), "'This service allows sftp connections only.'");
  }
  SECTION("a command that says back what it is told") {
    refused(World({.sshd_config = {"ForceCommand cat"}}), "it did not answer in 30 s");
  }
  SECTION("a login shell that lets nobody in") {
    const auto world = world_with(Kind::dropbear, "/usr/sbin/nologin");
    if (world) refused(*world, "This account is currently not available.");
  }
}
