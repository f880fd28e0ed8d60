// The lines of ssh_config; and a minimal reading, for machines without OpenSSH's client: what `ssh -G` would say, of the directives that need
// no more than patterns. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ssh {

// One line that says something.
struct ConfigLine {
  int number = 0;
  std::string directive;  // in lower case
  std::string rest;       // as written
  std::vector<std::string> words;  // of the rest, without quotes and comments
};
std::vector<ConfigLine> config_lines(std::string_view text);
// Whether a Host line with these patterns speaks of `name`, as it was asked for: for ssh, WEB* is not web1, and `a,b` neither a nor b.
bool host_matches(const std::vector<std::string>& patterns, std::string_view name);

struct ConfigReading {
  std::string answer;                // as ssh -G prints it: "directive value", a line each; the first value counts, of lists all
  std::vector<std::string> skipped;  // "line 3: Match", in order: not read, with all that belongs to it
};

// `text` is a whole file, `name` the host as it was asked for. Host blocks are chosen by their patterns; Match blocks (but `Match all`) and
// Include are skipped.
ConfigReading read_config(std::string_view text, std::string_view name);

}  // namespace kirikae::ssh
