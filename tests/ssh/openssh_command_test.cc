// What the system's ssh is told.
#include "ssh/openssh_command.h"

#include "support/catch.h"

namespace kirikae::ssh {

TEST_CASE("the system's ssh is told what the recipe says, and nothing else") {
  Overrides overrides;
  auto argv = openssh_command(overrides, {"web1", 0, ""}, false, "exec x");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh", "-T", "--", "web1", "exec x"});

  overrides.config = "/srv/shop/ssh config";
  overrides.known_hosts = {"/a b/known", "/50%/known"};
  overrides.accept_new = false;
  overrides.identities = {"/home keys/id"};
  overrides.connect_timeout = std::chrono::seconds(7);
  overrides.keepalive = std::chrono::seconds(15);
  overrides.forward_agent = true;
  argv = openssh_command(overrides, {"-odd.example.com", 2222, "deploy"}, true, "exec x");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh",   "-t",
                                          "-F",    "/srv/shop/ssh config",
                                          "-o",    "StrictHostKeyChecking=yes",
                                          "-o",    "UserKnownHostsFile=\"/a b/known\" \"/50%%/known\"",
                                          "-o",    "GlobalKnownHostsFile=/dev/null",
                                          "-o",    "UpdateHostKeys=no",
                                          "-o",    "IdentityFile=\"/home keys/id\"",
                                          "-o",    "IdentitiesOnly=yes",
                                          "-o",    "ForwardAgent=yes",
                                          "-o",    "ConnectTimeout=7",
                                          "-o",    "ServerAliveInterval=15",
                                          "-p",    "2222",
                                          "-l",    "deploy",
                                          "--",    "-odd.example.com",
                                          "exec x"});
}

TEST_CASE("a path that ssh would read as something else is refused") {
  for (const std::string path : {"/a\"b", "/a\\b", "/a${HOME}"}) {
    Overrides overrides;
    overrides.known_hosts = {path};
    const auto argv = openssh_command(overrides, {"h", 22, "u"}, true, "x");
    REQUIRE_FALSE(argv);
    CHECK(argv.error().code == ErrorCode::local);
    CHECK(argv.error().message == "ssh can't be told the path '" + path + "'");
  }
}

}  // namespace kirikae::ssh
