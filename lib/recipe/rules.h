// What the values of a recipe may look like, each rule in one function: empty where the value is fine, else what is wrong with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::recipe {

using Rule = std::string (*)(std::string_view value);

std::string application_rule(std::string_view value);
std::string deploy_to_rule(std::string_view value);  // absolute, below `/`, no `..`
std::string user_rule(std::string_view value);
std::string var_name_rule(std::string_view value);
std::string env_name_rule(std::string_view value);
std::string outer_env_rule(std::string_view value);  // a variable of the operator's environment
std::string task_name_rule(std::string_view value);
std::string stage_name_rule(std::string_view value);
std::string role_rule(std::string_view value);
std::string command_rule(std::string_view value);
std::string one_line_rule(std::string_view value);
std::string inner_path_rule(std::string_view value);    // relative, no `..`: stays inside of its folder
std::string payload_path_rule(std::string_view value);  // the same, and none of our own names in a release
std::string log_path_rule(std::string_view value);      // absolute, or as inner_path_rule
std::string local_path_rule(std::string_view value);    // a path of the operator's machine
std::string repository_rule(std::string_view value);    // a path of the operator's machine, or a URL that git fetches from
std::string revision_rule(std::string_view value);      // a branch, tag or commit
std::string pattern_rule(std::string_view value);       // one line of a .gitignore
std::string sha256_rule(std::string_view value);
std::string transfer_rule(std::string_view value);   // delta, tarball or rsync
std::string reuse_rule(std::string_view value);      // copy or link
std::string verify_rule(std::string_view value);     // quick or full
std::string compression_rule(std::string_view value);  // auto, zstd, gzip or none
std::string transport_rule(std::string_view value);  // libssh2, openssh or auto
std::string known_hosts_rule(std::string_view value);  // strict or accept-new
std::string rate_rule(std::string_view value);
std::string mode_rule(std::string_view value);  // of a file: three octal digits, perhaps with a 0 in front

// Without doubled and trailing slashes and `.` parts. Absolute stays absolute; `..` is left alone.
std::string normalised(std::string_view path);

// Text as a value; none where it is no such value.
std::optional<int> to_number(std::string_view text);  // decimal digits, no sign, no leading zero
std::optional<bool> to_flag(std::string_view text);   // true or false, nothing else
// Digits and s, m, h or d; without a unit: seconds.
std::optional<std::chrono::seconds> to_duration(std::string_view text);
// Bytes per second: digits, then k, M or G (powers of 1000), then B, either in any case or missing. 0, or from 1000 to 10^12.
std::optional<std::uint64_t> to_rate(std::string_view text);

// Names that ${…} knows besides vars.
const std::vector<std::string>& built_in_names();
// Environment variables that every command of a release gets from us.
const std::vector<std::string>& command_variables();

}  // namespace kirikae::recipe
