#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/suggestion.h"
#include "recipe/load.h"
#include "verb.h"
#include "verb_help.h"

namespace kirikae::cmd {
namespace {

std::string option_text(const OptionRow& row) {
  const bool short_name = row.flags.find(',') != std::string_view::npos;
  std::string flags = short_name ? fmt::format("{}, {}", row.flags.substr(0, 2), row.flags.substr(3))
                                 : fmt::format("    {}", row.flags);
  if (!row.value.empty()) flags += fmt::format(" {}", row.value);
  return fmt::format("  {:<20} {}\n", flags, fmt::join(row.text, fmt::format("\n{:23}", "")));
}

// Of one verb, or of all where it is none.
std::string options_text(const VerbRow* verb) {
  std::string text;
  std::string_view group;
  for (const OptionRow& row : option_rows()) {
    const bool fits =
        verb == nullptr || row.verbs.empty() || std::ranges::find(row.verbs, verb->verb) != row.verbs.end();
    if (!fits) continue;
    if (row.group != group) text += fmt::format("\n{}:\n", group = row.group);
    text += option_text(row);
  }
  return text;
}

std::string general_text() {
  std::string text =
      "usage: deploy [VERB] STAGE [options]\n"
      "       deploy STAGE [VERB] [options]\n"
      "\n"
      "Puts releases on hosts by SSH, as a recipe (deploy.yml) says: everything that\n"
      "can fail is done on all hosts before any of them is switched to the release.\n"
      "\n"
      "Verbs:\n";
  for (const VerbRow& row : verb_rows()) text += fmt::format("  {:<11} {}\n", row.name, row.text);
  text += options_text(nullptr);
  text += fmt::format("\nExit codes:\n{}\nExamples:\n{}", exit_codes_text(), examples_text());
  return text;
}

std::string verb_text(const VerbRow& row) {
  return fmt::format("usage: deploy {}\n\n{}{}\nExamples:\n{}", row.usage, verb_description(row.verb),
                     options_text(&row), verb_examples(row.verb));
}

}  // namespace

Ended run_help(const Call& call) {
  const std::string& topic = call.options.argument;
  std::string text;
  if (topic.empty()) {
    text = general_text();
  } else if (topic == "recipe") {
    text = recipe::help_text();
  } else {
    const VerbRow* row = find_verb(topic);
    if (row == nullptr) {
      auto topics = verb_names();
      topics.emplace_back("recipe");
      const auto near = nearest_name(topic, topics);
      return std::unexpected(Errors{
          {ErrorCode::usage, fmt::format("no help on '{}'", topic),
           near ? fmt::format("did you mean '{}'?", *near) : fmt::format("topics: {}", fmt::join(topics, ", "))}});
    }
    text = verb_text(*row);
  }
  if (const auto failed = show_text(text)) return std::unexpected(Errors{*failed});
  return event::Report{};
}

Ended run_version(const Call&) {
  if (const auto failed = show_text("deploy (Kirikae) " KIRIKAE_VERSION "\n")) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
