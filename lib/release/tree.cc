#include "release/tree.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <vector>

#include "core/digest.h"

namespace kirikae::release {
namespace {

using Kind = TreeEntry::Kind;

Error no_tree(std::string_view why) {
  return Error(ErrorCode::lost, fmt::format("the host's list of its release makes no sense: {}", why),
               "run again with -v; a host program may print into it, or change the release");
}

// The part of `text` before `end`, taken off with it; nullopt where there is none.
std::optional<std::string_view> take_before(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

// `644`, or as ls says it: `-rw-r--r--`, perhaps with a mark of more rights behind it.
std::optional<unsigned> read_mode(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return mode & 07777;
  if (text.size() < 10) return std::nullopt;
  constexpr std::string_view letters = "rwxrwxrwx";
  mode = 0;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const char c = text[i + 1];
    const bool special = i % 3 == 2 && std::string_view("sStT").find(c) != std::string_view::npos;
    if (c != letters[i] && c != '-' && !special) return std::nullopt;
    if (c == letters[i] || c == 's' || c == 't') mode |= 0400U >> i;
    if (special) mode |= 04000U >> (i / 3);
  }
  return mode;
}

// `SHA2-256(name)= SUM`, `SUM  name`, or `SUM`.
std::optional<std::string> read_sum(std::string_view line) {
  if (is_sha256(line.substr(0, 64)) && (line.size() == 64 || line[64] == ' ')) return std::string(line.substr(0, 64));
  const auto at = line.rfind("= ");
  if (at == std::string_view::npos || !is_sha256(line.substr(at + 2))) return std::nullopt;
  return std::string(line.substr(at + 2));
}

struct Record {
  std::string_view word;
  std::size_t count = 0;
};

std::optional<Record> take_head(std::string_view& text) {
  const auto line = take_before(text, '\n');
  if (!line) return std::nullopt;
  const auto blank = line->find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  Record record{line->substr(0, blank)};
  const auto digits = line->substr(blank + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), record.count);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return record;
}

Result<void> take_record(const Record& record, std::string_view& text, Tree& tree) {
  const bool files = record.word == "files", directories = record.word == "dirs", link = record.word == "link";
  if (!files && !directories && !link && record.word != "other" && record.word != "unreadable") {
    return std::unexpected(no_tree("a record is unknown"));
  }
  if (record.count > text.size()) return std::unexpected(no_tree("a record is longer than the whole"));
  std::vector<TreeEntry*> entries;
  for (std::size_t i = 0; i < record.count; ++i) {
    auto name = take_before(text, '\0');
    if (!name || (*name != "." && !name->starts_with("./"))) return std::unexpected(no_tree("a name is not below the release"));
    name->remove_prefix(name->size() < 2 ? 1 : 2);
    const auto [at, is_new] = tree.try_emplace(std::string(*name));
    if (!is_new) return std::unexpected(no_tree("a name is there twice"));
    at->second.kind = files ? Kind::file : directories ? Kind::directory : link ? Kind::link : record.word == "other" ? Kind::other : Kind::unreadable;
    entries.push_back(&at->second);
    if (!link) continue;
    const auto target = take_before(text, '\0');
    if (!target) return std::unexpected(no_tree("a link has no text"));
    at->second.content = *target;
  }
  for (std::size_t i = 0; (files || directories) && i < entries.size(); ++i) {
    const auto mode = read_mode(take_before(text, '\n').value_or(std::string_view()));
    if (!mode) return std::unexpected(no_tree("a file has no mode"));
    entries[i]->mode = *mode;
  }
  for (std::size_t i = 0; files && i < entries.size(); ++i) {
    auto sum = read_sum(take_before(text, '\n').value_or(std::string_view()));
    if (!sum) return std::unexpected(no_tree("a file has no sum"));
    entries[i]->content = *std::move(sum);
  }
  return {};
}

}  // namespace

Result<Tree> parse_tree(std::string_view output) {
  Tree tree;
  for (;;) {
    const auto record = take_head(output);
    if (!record) return std::unexpected(no_tree("it is not complete"));
    if (record->word == "end") break;
    TRY(take_record(*record, output, tree));
  }
  if (!output.empty()) return std::unexpected(no_tree("it goes on after its end"));
  tree.erase("");
  return tree;
}

}  // namespace kirikae::release
