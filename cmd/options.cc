#include "options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <variant>

#include "core/suggestion.h"
#include "recipe/rules.h"

namespace kirikae::cmd {
namespace {

const std::string see_help = "see 'deploy --help'";

Error usage_error(std::string message, std::string hint = see_help) {
  return {ErrorCode::usage, std::move(message), std::move(hint)};
}

// Values as CLI11 fills them in; the words in their order.
struct Parsed {
  std::vector<std::string> words;
  std::vector<std::string> after;  // `--`, nothing of which is an option
  std::map<std::string, std::vector<std::string>, std::less<>> values;  // by long name, without the dashes
  std::map<std::string, bool, std::less<>> flags;
};

std::string unknown_option_hint(const std::string& typed) {
  std::vector<std::string> known;
  for (const OptionRow& row : option_rows()) known.push_back(fmt::format("--{}", long_name(row)));
  const auto near = nearest_name(typed.substr(0, typed.find('=')), known);
  return near ? fmt::format("did you mean '{}'? {}", *near, see_help) : see_help;
}

// A short name that two options have in common is the one's whose verb it is, else the first one's.
std::string flags_for(const OptionRow& row, const VerbRow* verb) {
  if (row.flags[1] == '-') return std::string(row.flags);
  const auto fits = [&](const OptionRow& other) {
    return verb != nullptr && std::ranges::find(other.verbs, verb->verb) != other.verbs.end();
  };
  const OptionRow* owner = nullptr;
  for (const OptionRow& other : option_rows()) {
    if (other.flags.substr(0, 3) != row.flags.substr(0, 3)) continue;
    if (owner == nullptr || (fits(other) && !fits(*owner))) owner = &other;
  }
  return owner == &row ? std::string(row.flags) : fmt::format("--{}", long_name(row));
}

// Each option may stand before, between and after the words; a value is never taken for more than one.
Result<Parsed> parse_words(int argc, const char* const* argv) {
  CLI::App app;
  Parsed parsed;
  const std::span<const char* const> all(argv, static_cast<std::size_t>(argc));
  const auto dashes = std::ranges::find(all, std::string_view("--"));
  if (dashes != all.end()) parsed.after.assign(dashes + 1, all.end());
  argc = static_cast<int>(dashes - all.begin());
  app.set_help_flag();
  app.allow_extras();
  app.add_option("words", parsed.words);
  const LooseLine line = read_loosely(std::vector<std::string>(argv + 1, argv + std::max(argc, 1)));
  for (const OptionRow& row : option_rows()) {
    const std::string name(long_name(row)), flags = flags_for(row, verb_of(line.words));
    if (row.value.empty()) {
      app.add_flag(flags, parsed.flags[name]);
    } else {
      app.add_option(flags, parsed.values[name])
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ConversionError&) {  // values are text, which converts: it was a flag
    return std::unexpected(usage_error("an option that takes no value was given one"));
  } catch (const CLI::ParseError& error) {
    std::string text = error.what();
    std::ranges::replace(text, '\n', ' ');
    if (const auto colon = text.find(':'); text.starts_with("--") && colon != std::string::npos) {
      return std::unexpected(usage_error(fmt::format("option '{}' needs a value", text.substr(0, colon))));
    }
    return std::unexpected(usage_error(text));
  }
  for (const std::string& extra : app.remaining()) {
    if (!extra.starts_with('-')) continue;
    return std::unexpected(usage_error(fmt::format("unknown option '{}'", extra), unknown_option_hint(extra)));
  }
  return parsed;
}

// What people know from other tools.
std::string_view meant_by(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> habits = {{{"keyscan", "trust"},
                                                                                     {"exec", "run"},
                                                                                     {"invoke", "task"},
                                                                                     {"shell", "ssh"},
                                                                                     {"console", "ssh"},
                                                                                     {"login", "ssh"},
                                                                                     {"tail", "logs"},
                                                                                     {"revert", "rollback"},
                                                                                     {"list", "releases"},
                                                                                     {"history", "releases"},
                                                                                     {"completions", "completion"}}};
  const auto habit = std::ranges::find(habits, word, &std::pair<std::string_view, std::string_view>::first);
  return habit == habits.end() ? std::string_view() : habit->second;
}

Error unknown_verb(const std::vector<std::string>& words) {
  const auto names = verb_names();
  for (const std::string& word : words) {
    if (const auto meant = meant_by(word); !meant.empty()) {
      return usage_error(fmt::format("unknown verb '{}'", word), fmt::format("did you mean '{}'? {}", meant, see_help));
    }
  }
  for (const std::string& word : words) {
    if (const auto near = nearest_name(word, names)) {
      return usage_error(fmt::format("unknown verb '{}'", word), fmt::format("did you mean '{}'? {}", *near, see_help));
    }
  }
  return usage_error(fmt::format("one of '{}' and '{}' has to be a verb", words[0], words[1]),
                     fmt::format("verbs: {}", fmt::join(names, ", ")));
}

// `VERB STAGE`, `STAGE VERB`, `STAGE`, or nothing; behind `--` the command of `run`, else words that look like options.
Result<void> take_words(const Parsed& parsed, Options& options) {
  std::vector<std::string> words = parsed.words;
  if (const VerbRow* verb = verb_of(words); verb != nullptr && verb->verb == Verb::run) {
    options.command = parsed.after;
  } else {
    words.insert(words.end(), parsed.after.begin(), parsed.after.end());
  }
  if (words.empty()) return {};
  std::vector<std::string> rest = words;
  const VerbRow* row = verb_of(words);
  if (row != nullptr) rest.erase(std::ranges::find(rest, row->name));
  if (row == nullptr && words.size() > 1) return std::unexpected(unknown_verb(words));
  options.verb = row == nullptr ? Verb::deploy : row->verb;
  const bool stage = takes_stage(options.verb), argument = takes_argument(options.verb);
  const std::size_t most = (stage ? 1 : 0) + (argument ? 1 : 0);
  if (rest.size() > most) {
    return std::unexpected(
        usage_error(fmt::format("'{}' is one word too many", rest[most]),
                    fmt::format("usage: deploy {}", find_verb(row == nullptr ? "deploy" : row->name)->usage)));
  }
  if (stage && !rest.empty()) options.stage = rest[0];
  if (argument && rest.size() == most) options.argument = rest.back();
  return {};
}

// One value at most, and not an empty one.
Result<void> take_value(const Parsed& parsed, std::string_view name, std::string& into) {
  const auto& values = parsed.values.find(name)->second;
  if (values.empty()) return {};
  if (values.size() > 1) return std::unexpected(usage_error(fmt::format("option '--{}' is given twice", name)));
  if (values[0].empty()) return std::unexpected(usage_error(fmt::format("option '--{}' needs a value", name)));
  into = values[0];
  return {};
}

Result<void> take_keep(const Parsed& parsed, std::optional<int>& into) {
  constexpr int most = 1000;
  std::string text;
  TRY(take_value(parsed, "keep", text));
  if (text.empty()) return {};
  into = recipe::to_number(text);
  if (into && *into >= 1 && *into <= most) return {};
  return std::unexpected(usage_error(fmt::format("'--keep {}' is no number from 1 to {}", text, most)));
}

// Comma separated, and any number of times.
Result<void> take_list(const Parsed& parsed, std::string_view name, std::vector<std::string>& into) {
  for (const std::string& value : parsed.values.find(name)->second) {
    for (std::size_t from = 0; from <= value.size();) {
      const auto comma = std::min(value.find(',', from), value.size());
      if (comma == from)
        return std::unexpected(usage_error(fmt::format("option '--{}' has an empty name in '{}'", name, value)));
      into.push_back(value.substr(from, comma - from));
      from = comma + 1;
    }
  }
  return {};
}

Result<void> take_sets(const Parsed& parsed, std::vector<std::string>& into) {
  for (const std::string& set : parsed.values.find("set")->second) {
    const auto equals = set.find('=');
    if (equals == std::string::npos || equals == 0) {
      return std::unexpected(
          usage_error(fmt::format("'--set {}' is no KEY=VALUE", set), "write it as '--set keep_releases=3'"));
    }
    into.push_back(set);
  }
  return {};
}

constexpr std::array<std::pair<std::string_view, Output>, 4> output_kinds = {
    {{"auto", Output::automatic}, {"plain", Output::plain}, {"tty", Output::tty}, {"json", Output::json}}};

Result<void> take_output(const Parsed& parsed, Output& into) {
  std::string text;
  TRY(take_value(parsed, "output", text));
  if (text.empty()) return {};
  const auto found = std::ranges::find(output_kinds, text, &std::pair<std::string_view, Output>::first);
  if (found == output_kinds.end()) {
    return std::unexpected(usage_error(fmt::format("unknown output '{}'", text), fmt::format("it is one of {}", fmt::join(output_names(), ", "))));
  }
  into = found->second;
  return {};
}

Result<void> take_duration(const Parsed& parsed, std::string_view name, std::chrono::seconds& into) {
  std::string text;
  TRY(take_value(parsed, name, text));
  if (text.empty()) return {};
  const auto duration = recipe::to_duration(text);
  if (!duration) {
    return std::unexpected(usage_error(fmt::format("'--{} {}' is no time", name, text), "write it as 90s, 10m or 1h"));
  }
  into = *duration;
  return {};
}

// The same as --set limit_rate=RATE, which goes before the recipe's.
Result<void> take_limit_rate(const Parsed& parsed, std::vector<std::string>& sets) {
  std::string text;
  TRY(take_value(parsed, "limit-rate", text));
  if (text.empty()) return {};
  if (!recipe::to_rate(text)) {
    return std::unexpected(usage_error(fmt::format("'--limit-rate {}' is no rate", text), "bytes per second: write it as 500k or 5MB; 0 for no limit"));
  }
  sets.push_back("limit_rate=" + text);
  return {};
}

Result<void> take_timeout(const Parsed& parsed, std::optional<std::chrono::seconds>& into) {
  std::chrono::seconds time{0};
  TRY(take_duration(parsed, "timeout", time));
  if (time.count() > 0) {
    into = time;
  } else if (!parsed.values.find("timeout")->second.empty()) {
    return std::unexpected(usage_error("'--timeout' of nothing would end every command", "write it as 90s, 10m or 1h"));
  }
  return {};
}

Result<void> take_lines(const Parsed& parsed, std::optional<int>& into) {
  std::string text;
  TRY(take_value(parsed, "lines", text));
  if (text.empty()) return {};
  const auto number = recipe::to_number(text);
  if (!number || *number > 1'000'000) {
    return std::unexpected(usage_error(fmt::format("'--lines {}' is no number of lines", text), "write it as --lines 100"));
  }
  into = *number;
  return {};
}

bool is_given(const Parsed& parsed, const OptionRow& row) {
  const std::string name(long_name(row));
  if (row.value.empty()) return parsed.flags.find(name)->second;
  return !parsed.values.find(name)->second.empty();
}

// An option that would be parsed and then do nothing is an error.
Result<void> refuse_misplaced(const Parsed& parsed, Verb verb) {
  for (const OptionRow& row : option_rows()) {
    if (!is_given(parsed, row) || row.verbs.empty()) continue;
    if (std::ranges::find(row.verbs, verb) != row.verbs.end()) continue;
    std::vector<std::string_view> fitting;
    for (const VerbRow& verb_row : verb_rows()) {
      if (std::ranges::find(row.verbs, verb_row.verb) != row.verbs.end()) fitting.push_back(verb_row.name);
    }
    return std::unexpected(usage_error(fmt::format("option '--{}' has no meaning here", long_name(row)),
                                       fmt::format("it goes with: {}", fmt::join(fitting, ", "))));
  }
  return {};
}

Result<void> take_options(const Parsed& parsed, Options& options) {
  TRY(take_value(parsed, "recipe", options.recipe));
  TRY(take_list(parsed, "hosts", options.hosts));
  TRY(take_list(parsed, "roles", options.roles));
  TRY(take_list(parsed, "exclude", options.exclude));
  TRY(take_sets(parsed, options.sets));
  TRY(take_value(parsed, "to", options.to));
  TRY(take_value(parsed, "revision", options.revision));
  TRY(take_value(parsed, "branch", options.branch));
  TRY(take_value(parsed, "tag", options.tag));
  TRY(take_output(parsed, options.output));
  TRY(take_duration(parsed, "lock-wait", options.lock_wait));
  TRY(take_limit_rate(parsed, options.sets));
  TRY(take_value(parsed, "message", options.message));
  TRY(take_keep(parsed, options.keep));
  TRY(take_timeout(parsed, options.timeout));
  TRY(take_value(parsed, "file", options.file));
  TRY(take_lines(parsed, options.lines));
  for (const auto& [name, into] : {std::pair{"group", &options.group},
                                   {"list", &options.list},
                                   {"follow", &options.follow},
                                   {"no-follow", &options.no_follow},
                                   {"exit-code", &options.exit_code},
                                   {"ssh", &options.ssh},
                                   {"yes", &options.yes},
                                   {"quiet", &options.quiet},
                                   {"verbose", &options.verbose},
                                   {"dry-run", &options.dry_run},
                                   {"despite-freeze", &options.despite_freeze},
                                   {"force", &options.force},
                                   {"replace", &options.replace}}) {
    *into = parsed.flags.find(name)->second;
  }
  if (options.group && options.output == Output::json) {
    return std::unexpected(usage_error("'--group' and '--output json' exclude each other", "each line of JSON names its host"));
  }
  const auto is_given = [&](const char* name) {
    const auto flag = parsed.flags.find(name);
    return flag == parsed.flags.end() ? !parsed.values.find(name)->second.empty() : flag->second;
  };
  for (const auto& [one, other] :
       {std::pair{"follow", "no-follow"}, {"quiet", "verbose"}, {"revision", "branch"}, {"revision", "tag"}, {"branch", "tag"}}) {
    if (is_given(one) && is_given(other)) {
      return std::unexpected(usage_error(fmt::format("'--{}' and '--{}' exclude each other", one, other)));
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> output_names() {
  std::vector<std::string> names;
  for (const auto& [name, kind] : output_kinds) names.emplace_back(name);
  return names;
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const VerbRow& row : verb_rows()) names.emplace_back(row.name);
  return names;
}

bool wants_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return false;
    if (word == "--output=json" || (word == "--output" && i + 1 < argc && std::string_view(argv[i + 1]) == "json")) return true;
  }
  return false;
}

Result<Options> parse_options(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "__complete") {  // what the scripts of `completion` ask
    Options options;
    options.verb = Verb::complete;
    options.command.assign(argv + 2, argv + argc);
    return options;
  }
  TRY_ASSIGN(const Parsed parsed, parse_words(argc, argv));
  Options options;
  const auto flag = [&](std::string_view name) { return parsed.flags.find(name)->second; };
  if (flag("version")) {
    options.verb = Verb::version;
    return options;
  }
  if (flag("help")) {  // also of a line that is wrong otherwise: help is what its writer needs
    options.verb = Verb::help;
    for (const std::string& word : parsed.words) {
      if (find_verb(word) != nullptr && (options.argument.empty() || options.argument == "help"))
        options.argument = word;
    }
    return options;
  }
  TRY(take_words(parsed, options));
  TRY(take_options(parsed, options));
  if (options.verb == Verb::deploy && options.stage.empty()) options.verb = Verb::stages;
  if (options.verb != Verb::stages) TRY(refuse_misplaced(parsed, options.verb));
  if (options.verb == Verb::audit && options.lines == 0) {
    return std::unexpected(usage_error("'--lines 0' would show nothing of the audit", "write it as --lines 100"));
  }
  if (options.verb == Verb::deploy && options.dry_run) options.verb = Verb::plan;
  return options;
}

}  // namespace kirikae::cmd
