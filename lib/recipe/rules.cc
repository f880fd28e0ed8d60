#include "recipe/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "recipe/load.h"
#include "recipe/recipe.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// Begins with a letter or a digit and goes on with these or one of `more`.
bool is_name(std::string_view value, std::string_view more) {
  const auto plain = [](char c) { return is_one_of(c, letters) || is_one_of(c, digits); };
  return !value.empty() && value.size() <= 100 && plain(value.front()) &&
         std::all_of(value.begin(), value.end(), [&](char c) { return plain(c) || is_one_of(c, more); });
}

bool has_control(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

bool climbs(std::string_view path) {
  const auto parts = parts_of(path);
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

std::string path_rule(std::string_view value) {
  if (value.empty()) return "an empty path";
  if (has_control(value)) return fmt::format("{} has a line break or a control character in it", in_quotes(value));
  return {};
}

// A name that a shell takes.
std::string identifier_rule(std::string_view value) {
  const auto inner = [](char c) { return is_one_of(c, letters) || is_one_of(c, digits) || c == '_'; };
  if (!value.empty() && value.size() <= 100 && !is_one_of(value.front(), digits) &&
      std::all_of(value.begin(), value.end(), inner)) {
    return {};
  }
  return fmt::format("{} is no name of a variable: letters, digits and _, not a digit first", in_quotes(value));
}

// Variables that dash, bash, busybox' ash, ksh, mksh or zsh set themselves: an assignment ends the command there, or is lost.
// Not USER_ID (mksh) and USERNAME (zsh), which applications have for their own ends, too.
bool is_of_shells(std::string_view name) {
  constexpr std::string_view names[] = {
      "_", "BASH", "BASHOPTS", "BASHPID", "DIRSTACK", "EGID", "EPOCHREALTIME", "EPOCHSECONDS", "ERRNO", "EUID",
      "FUNCNAME", "GID", "GROUPS", "HISTCMD", "KSHEGID", "KSHGID", "KSHUID", "KSH_VERSION", "LINENO", "OLDPWD",
      "OPTERR", "OPTIND", "PGRP", "PIPESTATUS", "PPID", "PS4", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL",
      "SRANDOM", "TMOUT", "TRY_BLOCK_ERROR", "TTYIDLE", "UID"};
  return name.starts_with("BASH_") || std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Names that would change how commands run, or that are ours.
std::string variable_rule(std::string_view value) {
  if (auto wrong = identifier_rule(value); !wrong.empty()) return wrong;
  const auto& ours = command_variables();
  if (std::find(ours.begin(), ours.end(), value) != ours.end()) {
    return fmt::format("{} is set by the tool for every command", in_quotes(value));
  }
  if (value == "HOME" || value == "IFS" || value == "ENV" || value == "BASH_ENV" || value.starts_with("LD_")) {
    return fmt::format("{} is refused: it would change how commands themselves run", in_quotes(value));
  }
  if (is_of_shells(value)) return fmt::format("{} is a variable of shells themselves", in_quotes(value));
  if (value.starts_with("kk_") || value.starts_with("KIRIKAE_") || value.starts_with("kirikae_")) {
    return fmt::format("{} is a name of the tool's own", in_quotes(value));
  }
  return {};
}

}  // namespace

std::string application_rule(std::string_view value) {
  constexpr std::size_t longest = 200;  // bytes, as hosts keep it
  if (value.size() > longest) return fmt::format("{} is too long for an application's name: it has at most {} characters", in_quotes(value), longest);
  if (is_name(value, "-_")) return {};
  return fmt::format("{} is no application's name: letters, digits, - and _", in_quotes(value));
}

std::string deploy_to_rule(std::string_view value) {
  if (auto wrong = path_rule(value); !wrong.empty()) return wrong;
  if (value.front() != '/') return fmt::format("{} is not an absolute path", in_quotes(value));
  if (climbs(value)) return fmt::format("{} has '..' in it", in_quotes(value));
  if (parts_of(value).empty()) return "releases can't go to '/' itself";
  return {};
}

std::string user_rule(std::string_view value) {
  const bool odd = std::any_of(value.begin(), value.end(), [](char c) { return is_one_of(c, " :/'\"\\"); });
  if (!value.empty() && value.front() != '-' && !odd && !has_control(value)) return {};
  return fmt::format("{} is no user's name", in_quotes(value));
}

std::string var_name_rule(std::string_view value) {
  if (value == "PATH") return "'PATH' is refused here: set it under 'env'";
  if (std::ranges::find(built_in_names(), value) != built_in_names().end()) {
    return fmt::format("{} is taken: ${{{}}} has a meaning of its own", in_quotes(value), value);
  }
  return variable_rule(value);
}

std::string env_name_rule(std::string_view value) { return variable_rule(value); }

std::string outer_env_rule(std::string_view value) { return identifier_rule(value); }

std::string task_name_rule(std::string_view value) {
  if (is_name(value, "-_.:")) return {};
  return fmt::format("{} is no task's name: letters, digits and - _ . :", in_quotes(value));
}

std::string stage_name_rule(std::string_view value) {
  const auto& reserved = reserved_stage_names();
  if (std::find(reserved.begin(), reserved.end(), value) != reserved.end()) {
    return fmt::format("{} can't be the name of a stage: the word is kept for a command of the tool", in_quotes(value));
  }
  if (is_name(value, "-_.")) return {};
  return fmt::format("{} is no stage's name: letters, digits and - _ .", in_quotes(value));
}

std::string role_rule(std::string_view value) {
  if (is_name(value, "-_")) return {};
  return fmt::format("{} is no role's name: letters, digits, - and _", in_quotes(value));
}

std::string command_rule(std::string_view value) {
  const bool blank = value.find_first_not_of(" \t\n") == std::string_view::npos;
  return blank ? "an empty command" : "";
}

std::string one_line_rule(std::string_view value) {
  if (value.empty()) return "an empty text";
  if (has_control(value)) return fmt::format("{} has a line break or a control character in it", in_quotes(value));
  return {};
}

std::string inner_path_rule(std::string_view value) {
  if (auto wrong = path_rule(value); !wrong.empty()) return wrong;
  if (value.front() == '/') return fmt::format("{} must be relative, without a '/' at its start", in_quotes(value));
  if (climbs(value)) return fmt::format("{} climbs out with '..'", in_quotes(value));
  return {};
}

std::string payload_path_rule(std::string_view value) {
  if (auto wrong = inner_path_rule(value); !wrong.empty()) return wrong;
  const auto parts = parts_of(value);
  if (parts.empty()) return fmt::format("{} names the release itself", in_quotes(value));
  if (parts.front() == "REVISION" || parts.front() == ".kirikae") {
    return fmt::format("{} is a name of the tool's own", in_quotes(parts.front()));
  }
  return {};
}

std::string log_path_rule(std::string_view value) {
  if (value.starts_with('/')) return path_rule(value);
  return inner_path_rule(value);
}

std::string local_path_rule(std::string_view value) {
  if (auto wrong = path_rule(value); !wrong.empty()) return wrong;
  if (value.front() != '~' || value.size() == 1 || value[1] == '/') return {};
  return fmt::format("{} names another user's home: only '~/' is understood", in_quotes(value));
}

std::string repository_rule(std::string_view value) {
  if (!is_remote(value)) {
    if (value.starts_with('-')) return fmt::format("{} begins with '-'", in_quotes(value));
    return local_path_rule(value);
  }
  const auto scheme_end = value.find("://");
  const auto scheme = value.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  const auto host = value.substr(scheme.empty() ? 0 : scheme_end + 3);
  const auto at = host.substr(0, host.find('/')).rfind('@');
  // Before anything is said that has the URL in it.
  if (!scheme.empty() && scheme != "ssh" && at != std::string_view::npos) {
    return "a URL with 'USER@' in it would be shown, and that may be a token: leave it out, git asks its credential helper or GIT_ASKPASS";
  }
  if (!scheme.empty() && at != std::string_view::npos && host.substr(0, at).find(':') != std::string_view::npos) {
    return "a URL with a password in it would be shown: leave that to a key or an agent";
  }
  if (auto wrong = path_rule(value); !wrong.empty()) return wrong;
  constexpr std::string_view schemes[] = {"ssh", "https", "http", "git", "file"};
  const bool known = scheme.empty() || std::ranges::find(schemes, scheme) != std::end(schemes);
  // `name::` is a program that git would start.
  const bool helper = scheme.empty() && value.substr(value.find(':')).starts_with("::");
  if (!known || helper || host.starts_with('-') || host.substr(at + 1).starts_with('-')) {
    return fmt::format("{} is no URL that is fetched from: those with ssh://, https://, http://, git:// and file:// are, and name@host:path", in_quotes(value));
  }
  return {};
}

std::string revision_rule(std::string_view value) {
  if (auto wrong = one_line_rule(value); !wrong.empty()) return wrong;
  if (value.starts_with('-')) return fmt::format("{} begins with '-', as no branch, tag or commit does", in_quotes(value));
  return {};
}

std::string pattern_rule(std::string_view value) {
  if (value.empty()) return "an empty pattern";
  if (value.find('\n') != std::string_view::npos) return fmt::format("{} has a line break in it", in_quotes(value));
  return {};
}

std::string sha256_rule(std::string_view value) {
  const auto hex = [](char c) { return is_one_of(c, "0123456789abcdefABCDEF"); };
  if (value.size() == 64 && std::all_of(value.begin(), value.end(), hex)) return {};
  return fmt::format("{} is no SHA-256: 64 hex digits", in_quotes(value));
}

std::string transfer_rule(std::string_view value) {
  if (value == "delta" || value == "tarball" || value == "rsync") return {};
  return fmt::format("{} is no way to send a release: delta, tarball or rsync is", in_quotes(value));
}

std::string reuse_rule(std::string_view value) {
  if (value == "copy" || value == "link") return {};
  return fmt::format("{} is no way to take files over: copy or link is", in_quotes(value));
}

std::string verify_rule(std::string_view value) {
  if (value == "quick" || value == "full") return {};
  return fmt::format("{} is neither quick nor full", in_quotes(value));
}

std::string compression_rule(std::string_view value) {
  if (value == "auto" || value == "zstd" || value == "gzip" || value == "none") return {};
  return fmt::format("{} is no way to compress a release: auto, zstd, gzip or none is", in_quotes(value));
}

std::string transport_rule(std::string_view value) {
  if (value == "libssh2" || value == "openssh" || value == "auto") return {};
  return fmt::format("{} carries no sessions: libssh2, openssh or auto does", in_quotes(value));
}

std::string known_hosts_rule(std::string_view value) {
  if (value == "strict" || value == "accept-new") return {};
  return fmt::format("{} is neither strict nor accept-new; files with host keys are named by known_hosts_file", in_quotes(value));
}

std::string rate_rule(std::string_view value) {
  if (to_rate(value)) return {};
  return fmt::format("{} is no rate: bytes per second, from 1k to 1000G, such as 500k or 5MB; 0 for no limit", in_quotes(value));
}

std::string mode_rule(std::string_view value) {
  const bool octal = value.find_first_not_of("01234567") == std::string_view::npos;
  if (octal && (value.size() == 3 || (value.size() == 4 && value.front() == '0'))) return {};
  return fmt::format("{} is no file mode: three octal digits, such as 0640", in_quotes(value));
}

std::string normalised(std::string_view path) {
  std::string text;
  const bool absolute = path.starts_with('/');
  for (const auto part : parts_of(path)) {
    if (absolute || !text.empty()) text += '/';
    text += part;
  }
  return text.empty() && absolute ? "/" : text;
}

std::optional<int> to_number(std::string_view text) {
  int number = 0;
  const auto* const end = text.data() + text.size();
  if (text.empty() || !is_one_of(text.front(), digits) || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

std::optional<bool> to_flag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> to_rate(std::string_view text) {
  constexpr std::uint64_t least = 1000;
  constexpr std::uint64_t most = 1'000'000'000'000;
  if (text.ends_with('B') || text.ends_with('b')) text.remove_suffix(1);
  std::uint64_t unit = 1;
  constexpr std::string_view units = "kKmMgG";
  if (const auto at = text.empty() ? std::string_view::npos : units.find(text.back()); at != std::string_view::npos) {
    unit = at < 2 ? 1000 : at < 4 ? 1'000'000 : 1'000'000'000;
    text.remove_suffix(1);
  }
  std::uint64_t number = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stopped != text.data() + text.size() || number > most / unit) return std::nullopt;
  number *= unit;
  if (number != 0 && number < least) return std::nullopt;
  return number;
}

std::optional<std::chrono::seconds> to_duration(std::string_view text) {
  int unit = 1;
  if (!text.empty() && !is_one_of(text.back(), digits)) {
    constexpr std::string_view units = "smhd";
    constexpr int seconds[] = {1, 60, 3600, 86400};
    const auto at = units.find(text.back());
    if (at == std::string_view::npos) return std::nullopt;
    unit = seconds[at];
    text.remove_suffix(1);
  }
  const auto number = to_number(text);
  if (!number) return std::nullopt;
  const auto duration = std::chrono::seconds(*number) * unit;
  return duration > std::chrono::days(3650) ? std::nullopt : std::optional(duration);
}

const std::vector<std::string>& built_in_names() {
  static const std::vector<std::string> names = {"application",   "stage",       "deploy_to",    "user",
                                                 "keep_releases", "shared_path", "current_path", "releases_path"};
  return names;
}

const std::vector<std::string>& command_variables() {
  static const std::vector<std::string> names = {"APPLICATION",  "STAGE",       "RELEASE",          "RELEASE_PATH",
                                                 "CURRENT_PATH", "SHARED_PATH", "PREVIOUS_RELEASE", "REVISION",
                                                 "HOST",         "ROLES",       "DEPLOY_ACTION"};
  return names;
}

}  // namespace kirikae::recipe
