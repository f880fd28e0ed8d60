#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/digest.h"
#include "release/release.h"

namespace kirikae::release {

namespace {

constexpr std::size_t longest_value = 4096;

Error no_facts(std::string_view why) {
  return Error(ErrorCode::lost, fmt::format("the host's answer about its state makes no sense: {}", why),
               "run again with -v; a host program may print into it");
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

// What the host cut at a number of bytes may end inside of a UTF-8 character.
std::string_view without_torn_end(std::string_view text) {
  std::size_t tail = 0;
  while (tail < 3 && tail < text.size() && (static_cast<unsigned char>(text[text.size() - 1 - tail]) & 0xC0) == 0x80)
    ++tail;
  if (tail == text.size()) return text;
  const auto lead = static_cast<unsigned char>(text[text.size() - 1 - tail]);
  const std::size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  return wanted > tail ? text.substr(0, text.size() - 1 - tail) : text;
}

template <class Number>
Result<void> read_value(std::string_view key, std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::unexpected(no_facts(fmt::format("'{}' has no number", key)));
  }
  return {};
}

Result<std::string> read_encoded_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      name += text[i];
      continue;
    }
    unsigned byte = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2 || byte == 0) {
      return std::unexpected(no_facts("a file's name is not encoded as we do it"));
    }
    name += static_cast<char>(byte);
    i += 2;
  }
  return name;
}

// `ID STATE`; `-`: no record.
Result<ReleaseOnHost> read_release(std::string_view text) {
  const auto blank = text.find(' ');
  const auto id = text.substr(0, blank);
  const auto state = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  if (!is_release_id(id)) return std::unexpected(no_facts("a release has no release id"));
  ReleaseOnHost release;
  release.id = id;
  release.state = state_from(state);
  if (!release.state && state != "-")
    return std::unexpected(no_facts(fmt::format("release '{}' has an unknown state", id)));
  return release;
}

// lock_by, frozen_since ...: `by` comes first. False: it is no such line.
bool read_holder(std::string_view prefix, std::string_view key, std::string_view value, std::optional<LockHolder>& holder) {
  if (!key.starts_with(prefix)) return false;
  key.remove_prefix(prefix.size());
  if (!holder) holder.emplace();
  if (key == "by") holder->by = without_torn_end(value);
  if (key == "since") holder->since = without_torn_end(value);
  if (key == "what") holder->what = without_torn_end(value);
  if (key == "url") holder->url = without_torn_end(value);
  if (key == "token") holder->token = value;
  return true;
}

Result<void> read_line(std::string_view key, std::string_view value, Facts& facts) {
  if (read_holder("lock_", key, value, facts.lock) || read_holder("frozen_", key, value, facts.frozen) ||
      read_holder("stale_", key, value, facts.stale_lock)) {
    return {};
  }
  if (key == "live") {
    if (!is_release_id(value)) return std::unexpected(no_facts("the live release has no release id"));
    facts.live = value;
  } else if (key == "release") {
    TRY_ASSIGN(auto release, read_release(value));
    facts.releases.push_back(std::move(release));
  } else if (key == "half_pruned") {
    facts.half_pruned = value == "yes";
  } else if (key == "revision" || key == "by") {
    if (facts.releases.empty()) return std::unexpected(no_facts(fmt::format("'{}' belongs to no release", key)));
    auto& release = facts.releases.back();
    (key == "by" ? release.deployed_by : release.revision) = without_torn_end(value);
  } else if (key == "manifest") {
    if (facts.releases.empty()) return std::unexpected(no_facts("'manifest' belongs to no release"));
    // One that is torn is none.
    if (is_sha256(value)) facts.releases.back().manifest = value;
  } else if (key == "missing") {
    TRY_ASSIGN(auto name, read_encoded_name(value));
    facts.missing_files.push_back(std::move(name));
  } else if (key == "current") {
    facts.current_is_directory = value == "directory";
    facts.current_is_file = value == "file";
    facts.current_dangles = value == "nowhere";
  } else if (key == "application") {
    facts.application = without_torn_end(value);
  } else if (key == "target") {
    facts.current_target = value;
  } else if (key == "gone") {
    facts.gone_target = value;
  } else if (key == "unsettled") {
    if (value != "none" && !is_release_id(value)) return std::unexpected(no_facts("what a rollback left has no release id"));
    facts.unsettled = value;
  } else if (key == "problem") {
    facts.problems.emplace_back(without_torn_end(value));
  } else if (key == "unseen") {
    facts.unseen = true;
    facts.problems.emplace(facts.problems.begin(), without_torn_end(value));
  } else if (key == "payload_problem") {
    facts.payload_problems.emplace_back(without_torn_end(value));
  } else if (key == "env") {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return std::unexpected(no_facts("a variable has no value"));
    facts.environment.emplace(value.substr(0, equals), without_torn_end(value.substr(equals + 1)));
  } else if (key == "umask") {
    facts.umask = value.substr(0, 8);
  } else if (key == "mv") {
    facts.mv = value;
  } else if (key == "hash") {
    facts.hash = value;
  } else if (key == "small_hash") {
    facts.small_hash = value;
  } else if (key == "gnu") {
    facts.gnu = value == "yes";
  } else if (key == "system") {
    facts.system = value;
  } else if (key == "place") {
    facts.place = value;
  } else if (key == "zstd") {
    facts.zstd = value == "yes";
  } else if (key == "gzip") {
    facts.gzip = value == "yes";
  } else if (key == "setsid") {
    facts.setsid = value == "yes";
  } else if (key == "sudo") {
    facts.sudo = value == "yes";
  } else if (key == "rsync") {
    facts.rsync = value == "yes";
  } else if (key == "sync_fs") {
    facts.sync_file_system = value == "yes";
  } else if (key == "clock") {
    TRY(read_value(key, value, facts.clock));
  } else if (key == "free_kilobytes") {
    TRY(read_value(key, value, facts.free_kilobytes));
  } else if (key == "free_inodes") {
    TRY(read_value(key, value, facts.free_inodes));
  } else if (key == "root_kilobytes") {
    TRY(read_value(key, value, facts.root_kilobytes));
  } else if (key == "root_inodes") {
    TRY(read_value(key, value, facts.root_inodes));
  }
  return {};
}

}  // namespace

Result<Facts> parse_facts(std::string_view output) {
  Facts facts;
  bool begun = false;
  bool ended = false;
  bool has_clock = false;
  while (!output.empty()) {
    const auto newline = output.find('\n');
    if (newline == std::string_view::npos) return std::unexpected(no_facts("its last line is cut off"));
    const auto line = output.substr(0, newline);
    output.remove_prefix(newline + 1);
    const auto equals = line.find('=');
    if (ended || equals == std::string_view::npos || equals == 0)
      return std::unexpected(no_facts("a line is no 'key=value'"));
    if (line.size() > longest_value + equals) return std::unexpected(no_facts("a line is too long"));
    if (!is_plain(line)) return std::unexpected(no_facts("it has control characters"));
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "facts") {
      ended = value == "end";
      if (begun != ended) return std::unexpected(no_facts("it begins or ends twice"));
      begun = true;
      continue;
    }
    if (!begun && key == "locked") {  // the lock's own answer stands before that of the facts
      facts.locked = value == "yes";
      continue;
    }
    if (!begun) return std::unexpected(no_facts("it doesn't begin as ours"));
    has_clock = has_clock || key == "clock";
    TRY(read_line(key, value, facts));
  }
  if (!ended) return std::unexpected(no_facts("it is not complete"));
  if (!has_clock) return std::unexpected(no_facts("it has no clock"));
  const auto by_id = [](const ReleaseOnHost& a, const ReleaseOnHost& b) { return a.id < b.id; };
  std::sort(facts.releases.begin(), facts.releases.end(), by_id);
  const auto same_id = [](const ReleaseOnHost& a, const ReleaseOnHost& b) { return a.id == b.id; };
  if (std::adjacent_find(facts.releases.begin(), facts.releases.end(), same_id) != facts.releases.end()) {
    return std::unexpected(no_facts("a release is there twice"));
  }
  return facts;
}

std::string standing_release(const Facts& host) { return host.gone_target.empty() ? host.live : std::string(); }

const std::string& link_before(const Facts& host) { return host.live.empty() ? host.current_target : host.gone_target; }

std::string to_text(const LockHolder& holder) {
  std::string text = holder.by.empty() ? "somebody" : holder.by;
  if (!holder.since.empty()) text += " since " + holder.since;
  if (!holder.what.empty()) text += " (" + holder.what + ")";
  if (!holder.url.empty()) text += ", " + holder.url;
  return text;
}

Result<LockRefusal> parse_lock_refusal(std::string_view output) {
  LockRefusal refusal;
  while (!output.empty()) {
    const auto newline = std::min(output.find('\n'), output.size());
    const auto line = output.substr(0, newline);
    output.remove_prefix(std::min(newline + 1, output.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || line.size() > longest_value || !is_plain(line)) {
      return std::unexpected(no_facts("what it says of its lock is no 'key=value'"));
    }
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "lock_host") {
      refusal.same_as = without_torn_end(value);
    } else if (!read_holder("lock_", key, value, refusal.lock)) {
      read_holder("frozen_", key, value, refusal.frozen);
    }
  }
  return refusal;
}

}  // namespace kirikae::release
