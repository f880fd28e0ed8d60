#include <algorithm>
#include <filesystem>
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

struct Rendered {
  int status = -1;
  std::string out, err;
};

Rendered render(std::vector<std::string> argv) {
  Rendered rendered;
  SubprocessCall call;
  call.argv = std::move(argv);
  call.environment = {{"LC_ALL", "C.UTF-8"}};
  call.deadline = Deadline::in(std::chrono::seconds(50));
  call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? rendered.err : rendered.out) += bytes; };
  if (const auto ended = run_subprocess(call)) rendered.status = ended->status;
  return rendered;
}

TEST_CASE("the manual page that the build makes renders without a warning, and shows every verb and option") {
  const Rendered lint = render({"mandoc", "-T", "lint", "-W", "warning", KIRIKAE_MANUAL});
  REQUIRE(lint.status >= 0);
  for (const std::string& line : matches(lint.out + lint.err, "^(.+)$")) {
    CAPTURE(line);
    CHECK(line.find("skipping paragraph macro: PP after SH") != std::string::npos);  // as lowdown writes every section
  }
  const Rendered page = render({"mandoc", "-T", "utf8", "-O", "width=120", KIRIKAE_MANUAL});
  CHECK(page.status == 0);
  CHECK(page.err.empty());
  const std::string plain = std::regex_replace(page.out, std::regex(".\x08"), "");  // struck twice: bold, underlined
  for (const char* mark : {"*[", "[*", "**", "\\["}) CHECK(plain.find(mark) == std::string::npos);
  const Cli deploy;
  const std::string help = deploy({"--help"}).out;
  for (const std::string& verb : matches(help, "^  ([a-z]+) {2,}[a-z]")) {
    CAPTURE(verb);
    CHECK(matches(plain, "^ +((?:deploy )?" + verb + "\\b)").size() >= 1);
  }
  for (const std::string& option : matches(help, "^  (?:-.,|   ) (--[a-z-]+)")) {
    CAPTURE(option);
    CHECK(matches(plain, "^ +(-[-a-zA-Z, ]*" + option.substr(1) + ")\\b").size() >= 1);
  }
}

TEST_CASE("what is installed is the program and its manual page") {
  const test::TempDir folder;
  const Rendered install = render({"cmake", "--install", KIRIKAE_BUILD, "--prefix", folder.path().string()});
  CAPTURE(install.err);
  REQUIRE(install.status == 0);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder.path()).string());
  }
  std::sort(files.begin(), files.end());
  CHECK(files == std::vector<std::string>{"bin/deploy", "share/man/man1/deploy.1"});
}

}  // namespace
}  // namespace kirikae::golden
