#include "integration/live_tree.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

// In the order of their bytes. A link's size is that of its target, so that no two links have the same line.
std::vector<std::string> entries_of(const std::filesystem::path& folder) {
  const ProgramEnd end = run_program(
      {"/bin/sh", "-c",
       "cd \"$1\" && find . -mindepth 1 ! -path ./REVISION \\( -type f -printf 'file %m %s %Ts %P\\0' -o -type l -printf 'link %s %l %P\\0'"
       " -o -type d -printf 'directory %m %P\\0' -o -printf 'odd %y %P\\0' \\) &&"
       " find . -type f ! -path ./REVISION -print0 | xargs -0 -r sha256sum -z",
       "sh", folder.string()});
  REQUIRE(end.status == 0);
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < end.output.size();) {
    const auto to = std::min(end.output.find('\0', from), end.output.size());
    lines.push_back(end.output.substr(from, to - from));
    from = to + 1;
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

std::string changed_on_the_way(const std::filesystem::path& source, const FarmHost& host) {
  const auto wanted = entries_of(source);
  const auto got = entries_of(host.tree() / "releases" / host.live());
  REQUIRE_FALSE(wanted.empty());
  std::string text;
  const auto add = [&](const char* sign, const auto& from, const auto& without) {
    std::vector<std::string> alone;
    std::set_difference(from.begin(), from.end(), without.begin(), without.end(), std::back_inserter(alone));
    for (const auto& line : alone) text += sign + line + '\n';
  };
  add("- ", wanted, got);
  add("+ ", got, wanted);
  return text;
}

}  // namespace kirikae::test
