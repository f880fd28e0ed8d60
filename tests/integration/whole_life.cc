#include "integration/whole_life.h"

#include "support/catch.h"

namespace kirikae::test {

void whole_life(World& world, const std::string& ssh) {
  world.write_recipe(
      ssh +
      "shared: {directories: [log], files: [\"with 'odd' name\"]}\nvars: {value: \"it's $x\"}\n"
      "tasks: {say: 'echo \"$value $RELEASE\" >said'}\nhooks: {build: say, after_publish: say}\nkeep_releases: 1\n");
  for (const auto& host : world.hosts()) host.write("shared/with 'odd' name", "x");
  for (const char* version : {"1", "2", "3"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == version);
  }
  REQUIRE(world.host(0).read("current/said") == "it's $x " + world.host(0).live() + "\n");
  const Ran back = world.deploy({"rollback", "production"});
  INFO(back);
  REQUIRE(back.status == 0);
  REQUIRE(world.host(0).version() == "2");
  REQUIRE(world.host(0).state(world.host(0).releases().back()) == "bad");
  REQUIRE(world.broken_invariants().empty());
}

}  // namespace kirikae::test
