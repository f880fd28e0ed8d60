#include "recipe/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_set>

namespace kirikae::recipe {
namespace {

// Inside the file, also for marks that stand after its end.
Place clamped(const Document& document, Place place) {
  place.line = std::clamp(place.line, 1, static_cast<int>(document.lines.size()));
  const auto size = static_cast<int>(document.lines[static_cast<std::size_t>(place.line) - 1].size());
  place.column = std::clamp(place.column, 1, size + 1);
  return place;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto at = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &at->value;
}

Node* Node::find(std::string_view key) {
  const auto at = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &at->value;
}

Span span_of(const Document& document, Place place) {
  if (place.set >= 0) return {document.path, 0, 0, 1, {}};
  place = clamped(document, place);
  return {document.path, place.line, place.column, place.length,
          document.lines[static_cast<std::size_t>(place.line) - 1]};
}

Place place_within(const Document& document, Place scalar, std::string_view needle) {
  if (scalar.line < 1 || needle.empty()) return scalar;
  const std::string_view line = document.lines[static_cast<std::size_t>(scalar.line) - 1];
  const auto from = static_cast<std::size_t>(scalar.column) - 1;
  const auto at = line.find(needle, from);
  if (at == std::string_view::npos || at + needle.size() > from + static_cast<std::size_t>(scalar.length))
    return scalar;
  return {scalar.line, static_cast<int>(at) + 1, static_cast<int>(needle.size()), -1};
}

std::vector<Error> to_errors(const Document& document, Problems problems, const std::vector<std::string>& sets) {
  constexpr std::size_t shown = 100;
  const auto key = [](const Problem& p) { return std::tuple(p.place.set, p.place.line, p.place.column); };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const Problem& a, const Problem& b) { return key(a) < key(b); });
  std::unordered_set<int> hidden;  // lines, whatever else is wrong in them
  for (const Problem& problem : problems) {
    if (problem.hides_line) hidden.insert(problem.place.line);
  }
  std::vector<Error> errors;
  const Problem* last = nullptr;
  std::unordered_set<std::string> here;  // messages at the same place
  std::size_t more = 0;
  for (const Problem& problem : problems) {
    if (last == nullptr || key(*last) != key(problem)) here.clear();
    last = &problem;
    if (!here.insert(problem.message).second) continue;
    if (errors.size() >= shown && ++more > 1) continue;
    const bool in_file = problem.place.set < 0;
    Error error(in_file ? ErrorCode::recipe : ErrorCode::usage, problem.message, problem.hint);
    if (in_file) {
      error.span = span_of(document, problem.place);
      if (hidden.contains(problem.place.line)) error.span->source_line.clear();
    } else {  // no file is concerned
      const std::string& word = sets[static_cast<std::size_t>(problem.place.set)];
      error.context = {"--set " + word.substr(0, word.find('='))};
    }
    errors.push_back(std::move(error));
  }
  if (more > 1) {
    errors.back().message = fmt::format("and {} more errors from here on", more);
    errors.back().hint.clear();
  }
  return errors;
}

}  // namespace kirikae::recipe
