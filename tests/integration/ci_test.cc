// The built program in a CI job, against hosts that print what the CI system would obey.
#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("in a CI job no host's output is a command, on either stream, and errors are annotations") {
  World world({.hosts = 2});
  world.write_recipe(
      "tasks: {nasty: 'printf \"::add-mask::x\\n ::error::x\\n##[error]x\\na\\r::error::x\\n\"; printf \"::error::e\\n##[warning]e\\n\" >&2; "
      "exit 3'}\n"
      "hooks: {build: nasty}\n");
  world.write_app("1");
  world.environment = {"GITHUB_ACTIONS=true"};
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.out, ContainsSubstring("\n::group::build: 2 hosts\n"));
  CHECK_THAT(ran.out, ContainsSubstring("] ::add-mask::x\n"));
  CHECK_THAT(ran.err, ContainsSubstring("::error::[127.0.0."));
  int commands = 0;
  for (const std::string& text : {ran.out, ran.err}) {
    CHECK(text.find("##[") == std::string::npos);
    CHECK(text.find('\r') == std::string::npos);
    for (std::size_t from = 0; from < text.size();) {
      const auto end = text.find('\n', from);
      const std::string line = text.substr(from, end - from);
      const auto seen = line.find_first_not_of(" \t");
      if (seen != std::string::npos && line.compare(seen, 2, "::") == 0) {
        ++commands;
        CHECK((line.starts_with("::group::") || line == "::endgroup::" || line.starts_with("::error::[127.0.0.")));
      }
      from = end + 1;
    }
  }
  CHECK(commands > 6);

  world.environment = {"GITLAB_CI=true"};
  const Ran gitlab = world.deploy({"production", "--output", "plain"});
  CHECK(gitlab.status == 1);
  CHECK_THAT(gitlab.out, ContainsSubstring("\x1b[0Ksection_start:"));
  CHECK_THAT(gitlab.out, ContainsSubstring("[collapsed=true]\r\x1b[0Kbuild: 2 hosts\n"));
}

TEST_CASE("in a CI job what `deploy run` shows in blocks is no command") {
  World world;
  world.environment = {"GITHUB_ACTIONS=true"};
  const Ran ran = world.deploy({"run", "production", "--group", "--", "printf '::error::x\\n##[error]x\\n'; echo ::error::e >&2"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.out, ContainsSubstring("\n\\x3a:error::x\n##\\x5berror]x\n"));
  CHECK_THAT(ran.err, ContainsSubstring("\n\\x3a:error::e\n"));
}
