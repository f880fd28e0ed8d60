#include <algorithm>

#include "options.h"

namespace kirikae::cmd {
namespace {

// By its long name, or by the short one that the verb gives it.
const OptionRow* find_option(std::string_view name, const VerbRow* verb) {
  const OptionRow* found = nullptr;
  for (const OptionRow& row : option_rows()) {
    if (name == row.flags.substr(row.flags.find("--"))) return &row;
    if (name.size() != 2 || !row.flags.starts_with(name) || row.flags[2] != ',') continue;
    const bool fits = verb != nullptr && std::ranges::find(row.verbs, verb->verb) != row.verbs.end();
    if (found == nullptr || fits) found = &row;
  }
  return found;
}

}  // namespace

std::string_view long_name(const OptionRow& row) { return row.flags.substr(row.flags.find("--") + 2); }

const VerbRow* find_verb(std::string_view name) {
  for (const VerbRow& row : verb_rows()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const VerbRow* verb_of(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < std::min<std::size_t>(words.size(), 2); ++i) {
    if (const VerbRow* row = find_verb(words[i])) return row;
  }
  return nullptr;
}

bool takes_stage(Verb verb) {
  return verb != Verb::init && verb != Verb::help && verb != Verb::completion && verb != Verb::report;
}

bool takes_argument(Verb verb) { return !takes_stage(verb) || verb == Verb::task || verb == Verb::ssh; }

namespace {

// `verb`: whose short options are meant until the words name one; null: nobody's.
LooseLine read_for(const VerbRow* verb, std::span<const std::string> arguments) {
  LooseLine line;
  for (const std::string& argument : arguments) {
    if (line.open != nullptr) {
      line.values.emplace_back(line.open, argument);
      line.open = nullptr;
    } else if (argument == "--") {
      line.dashes = true;
      break;
    } else if (argument.starts_with('-') && argument.size() > 1) {
      const auto equals = std::min(argument.find('='), argument.size());
      const VerbRow* named = verb_of(line.words);
      const OptionRow* row = find_option(std::string_view(argument).substr(0, equals), named == nullptr ? verb : named);
      if (row == nullptr || row->value.empty()) continue;
      if (equals < argument.size()) {
        line.values.emplace_back(row, argument.substr(equals + 1));
      } else {
        line.open = row;
      }
    } else {
      line.words.push_back(argument);
    }
  }
  return line;
}

}  // namespace

LooseLine read_loosely(std::span<const std::string> arguments) {
  LooseLine line = read_for(nullptr, arguments);
  if (verb_of(line.words) != nullptr) return line;
  // A short option before the verb may be the verb's own, and take what looked like a word.
  for (const VerbRow& row : verb_rows()) {
    LooseLine other = read_for(&row, arguments);
    if (verb_of(other.words) == &row) return other;
  }
  return line;
}

}  // namespace kirikae::cmd
