// What the system's ssh is told.
#include "ssh/openssh_command.h"

#include <algorithm>

#include "support/catch.h"

namespace kirikae::ssh {

TEST_CASE("the system's ssh is told our settings, and to read no others") {
  Settings settings;
  settings.known_hosts = {"/a b/known", "/50%/known"};
  settings.connect_timeout = std::chrono::seconds(7);
  const Target target{"web1", "-odd.example.com", 2222, "deploy"};
  auto argv = openssh_command(settings, {"/home keys/id"}, target, true, "exec x");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh",   "-F",
                                          "none",  "-t",
                                          "-o",    "StrictHostKeyChecking=yes",
                                          "-o",    "UserKnownHostsFile=\"/a b/known\" \"/50%%/known\"",
                                          "-o",    "GlobalKnownHostsFile=/dev/null",
                                          "-o",    "UpdateHostKeys=no",
                                          "-o",    "IdentityFile=\"/home keys/id\"",
                                          "-o",    "ConnectTimeout=7",
                                          "-o",    "ServerAliveInterval=15",
                                          "-p",    "2222",
                                          "-l",    "deploy",
                                          "--",    "-odd.example.com",
                                          "exec x"});
  settings.identities_given = true;
  argv = openssh_command(settings, {}, target, false, "exec x");
  REQUIRE(argv);
  CHECK((*argv)[3] == "-T");
  CHECK(std::ranges::find(*argv, "IdentitiesOnly=yes") != argv->end());
  CHECK(std::ranges::find(*argv, "IdentityFile=none") != argv->end());
}

TEST_CASE("a path that ssh would read as something else is refused") {
  for (const std::string path : {"/a\"b", "/a\\b", "/a${HOME}"}) {
    Settings settings;
    settings.known_hosts = {path};
    const auto argv = openssh_command(settings, {}, {"h", "h", 22, "u"}, true, "x");
    REQUIRE_FALSE(argv);
    CHECK(argv.error().code == ErrorCode::local);
    CHECK(argv.error().message == "ssh can't be told the path '" + path + "'");
  }
}

}  // namespace kirikae::ssh
