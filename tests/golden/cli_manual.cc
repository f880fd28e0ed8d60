#include <algorithm>
#include <fstream>
#include <iterator>

#include "cli.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

std::string manual() {
  std::ifstream file(KIRIKAE_SOURCE_DIR "/docs/deploy.1.md");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST_CASE("every verb and option of the help has its entry in the manual page and the other way round") {
  const Cli deploy;
  const std::string help = deploy({"--help"}).out;
  const std::string page = manual();
  const auto options = matches(help, "^  (?:-.,|   ) (--[a-z-]+)");
  const auto verbs = matches(help, "^  ([a-z]+) {2,}[a-z]");
  REQUIRE(options.size() > 10);
  REQUIRE(verbs.size() > 8);
  for (const std::string& option : options) {
    CAPTURE(option);
    CHECK(page.find("**" + option + "**") != std::string::npos);
  }
  for (const std::string& verb : verbs) {
    CAPTURE(verb);
    CHECK(page.find("\n**" + verb + "** ") != std::string::npos);
  }
  const auto described = matches(page, "\\*\\*(--[a-z-]+)\\*\\*");
  for (const std::string& option : described) {
    CAPTURE(option);
    CHECK(std::ranges::find(options, option) != options.end());
  }
}

TEST_CASE("every exit code of the help has its entry in the manual page") {
  const Cli deploy;
  const std::string help = deploy({"--help"}).out;
  const std::string codes = help.substr(help.find("Exit codes:"), help.find("Examples:") - help.find("Exit codes:"));
  const auto listed = matches(codes, "([0-9]+) [a-z]");
  CHECK(listed == std::vector<std::string>{"0", "5", "1", "6", "2", "70", "130", "3", "4"});
  for (const std::string& code : listed) CHECK(manual().find("\n**" + code + "**\n") != std::string::npos);
}

}  // namespace
}  // namespace kirikae::golden
