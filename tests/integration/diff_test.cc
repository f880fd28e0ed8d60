// deploy diff: what a deploy would change in the files of the live releases.
#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

TEST_CASE("a diff tells the files that a deploy would add, remove and change, for hosts that are alike at once, and changes nothing") {
  World world({.hosts = 3});
  world.write_app("1");
  world.write("app/odd\nname", "1");
  world.write("app/config/app.yml", "1");
  fs::create_symlink("one", world.site() / "app/link");
  world.write_recipe("shared: {directories: [log, config/keys]}\ncopied: [cache]\n");
  const Ran first = world.deploy({"diff", "production", "--exit-code"});
  INFO(first);
  REQUIRE(first.status == 1);
  REQUIRE_THAT(first.out, ContainsSubstring("127.0.0.1 127.0.0.2 127.0.0.3: no release is live\n  all "));
  for (const auto& host : world.hosts()) REQUIRE(host.untouched());
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string live = world.host(0).live();
  Ran ran = world.deploy({"production", "diff", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(ran.out == "127.0.0.1 127.0.0.2 127.0.0.3: live is " + live + "\n  no difference\n");
  world.write("app/config/app.yml", "2");
  world.write("app/new/file", "1");
  fs::remove(world.site() / "app/odd\nname");
  fs::remove(world.site() / "app/link");
  fs::create_symlink("two", world.site() / "app/link");
  fs::permissions(world.site() / "app/VERSION", fs::perms::owner_exec, fs::perm_options::add);
  world.host(1).write("releases/" + live + "/hot/fix", "by hand");
  const std::string before = world.host(0).snapshot() + world.host(1).snapshot();
  ran = world.deploy({"diff", "production", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  const std::string same =
      "  ~ VERSION: mode 644 -> 744\n  ~ config/app.yml: content\n";
  REQUIRE_THAT(ran.out, ContainsSubstring("127.0.0.1 127.0.0.3: live is " + live + "\n" + same + "  ~ link: link one -> two\n  + new/ (1 file)\n  - odd\\x0aname\n"
                                          "  1 added, 1 removed, 3 changed\n"));
  REQUIRE_THAT(ran.out, ContainsSubstring("127.0.0.2: live is " + live + "\n" + same + "  - hot/ (1 file)\n"));
  REQUIRE(world.host(0).snapshot() + world.host(1).snapshot() == before);
  REQUIRE(world.deploy({"diff", "production"}).status == 0);
}
