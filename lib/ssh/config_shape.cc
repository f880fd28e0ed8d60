#include "ssh/config_shape.h"

#include <glob.h>

#include <algorithm>

#include "ssh/config_reader.h"
#include "ssh/local_file.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t longest_file = 1U << 20U;
constexpr int deepest = 16;  // as for ssh

// What ssh -G prints with the host's name filled in, or what changes the name itself.
bool is_about_names(const ConfigLine& line) {
  if (line.directive == "hostname" || line.directive.starts_with("canonical")) return true;
  const bool expanded = line.directive == "userknownhostsfile" || line.directive == "identityagent" || line.directive == "forwardagent" ||
                        line.directive == "revokedhostkeys";
  return expanded && line.rest.find('%') != std::string::npos;
}

}  // namespace

ConfigShape::ConfigShape(const std::vector<std::string>& files, const std::string& home) {
  for (const std::string& file : files) read(file, home, 0);
}

void ConfigShape::read(const std::string& path, const std::string& home, int depth) {
  const auto file = read_local_file(path, longest_file);
  if (!file || depth > deepest) uncertain_ = true;
  if (!file || !*file || uncertain_) return;
  files_.insert(path);
  bool for_all = true;
  for (const ConfigLine& line : config_lines((*file)->bytes)) {
    const bool chooses = line.directive == "host" || line.directive == "match" || line.directive == "include";
    // Not every ssh reads these alike.
    if (chooses && line.rest.find_first_of("'\"\\") != std::string::npos) uncertain_ = true;
    if (line.directive == "host") {
      for_all = line.words == std::vector<std::string>{"*"};
      if (!for_all) blocks_.push_back(line.words);
    } else if (line.directive == "match") {
      for_all = line.words == std::vector<std::string>{"all"};
      uncertain_ = uncertain_ || !for_all;
    } else if (line.directive == "include") {
      include(line.words, home, depth);
    } else if (for_all && is_about_names(line)) {
      uncertain_ = true;
    }
  }
}

// Whatever block it stands in, and in both folders where relative paths may start: to read too much costs a question, no more.
void ConfigShape::include(const std::vector<std::string>& patterns, const std::string& home, int depth) {
  for (const std::string& pattern : patterns) {
    if (pattern.find_first_of("$%") != std::string::npos) uncertain_ = true;
    std::vector<std::string> places = {home + "/.ssh/" + pattern, "/etc/ssh/" + pattern};
    if (pattern.starts_with('/')) places = {pattern};
    if (pattern.starts_with('~')) places = {home + pattern.substr(1)};
    for (const std::string& place : places) {
      glob_t found{};
      if (::glob(place.c_str(), 0, nullptr, &found) == 0) {
        for (std::size_t i = 0; i < found.gl_pathc; ++i) read(found.gl_pathv[i], home, depth + 1);
      }
      ::globfree(&found);
    }
  }
}

bool ConfigShape::is_plain(std::string_view name) const {
  return !uncertain_ && std::ranges::none_of(blocks_, [&](const auto& patterns) { return host_matches(patterns, name); });
}

}  // namespace kirikae::ssh
