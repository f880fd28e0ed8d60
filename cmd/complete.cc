// What the scripts of `deploy completion` ask: `__complete WORD...`, the last of which is unfinished, perhaps empty. The answer is a
// line for each candidate, with a tab and an explanation behind it, or `:files`. It comes from the recipe alone: nothing is
// connected to or started, and what is wrong with the recipe is told when it is used, not here.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "inventory/inventory.h"
#include "load.h"
#include "local.h"
#include "recipe/load.h"
#include "ui/run_folder.h"
#include "ui/run_record.h"
#include "ui/sanitize.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

struct Candidate {
  std::string value, text;
};
using Candidates = std::vector<Candidate>;

class Completion {
 public:
  explicit Completion(std::vector<std::string> words) {
    if (!words.empty()) {
      last_ = std::move(words.back());
      words.pop_back();
    }
    line_ = read_loosely(words);
    for (const auto& [row, value] : line_.values) {
      if (long_name(*row) == "recipe") options_.recipe = value;
    }
    if (const auto file = open_recipe(options_)) {
      if (auto stages = recipe::stage_names(file->text, file->path)) stages_ = *std::move(stages);
    }
    verb_ = verb_of(line_.words);
    for (const std::string& word : line_.words) {
      if (options_.stage.empty() && std::ranges::find(stages_, word) != stages_.end()) options_.stage = word;
    }
  }

  Candidates candidates() {
    if (line_.dashes) return {};
    if (line_.open != nullptr) return values_of(*line_.open, "", last_);
    if (!last_.starts_with('-')) return words();
    const auto equals = last_.find('=');
    if (equals == std::string::npos) return options();
    for (const OptionRow& row : option_rows()) {
      if (last_.substr(0, equals) == fmt::format("--{}", long_name(row)))
        return values_of(row, last_.substr(0, equals + 1), last_.substr(equals + 1));
    }
    return {};
  }

  [[nodiscard]] bool fits(const Candidate& candidate) const {
    return candidate.value.starts_with(last_) || candidate.value == ":files";
  }

 private:
  Candidates options() const {
    Candidates found;
    const Verb verb = verb_ == nullptr ? Verb::deploy : verb_->verb;
    for (const OptionRow& row : option_rows()) {
      if (!row.verbs.empty() && std::ranges::find(row.verbs, verb) == row.verbs.end()) continue;
      found.push_back({fmt::format("--{}", long_name(row)), fmt::format("{}", fmt::join(row.text, " "))});
    }
    return found;
  }

  // `before`: what stands in front of the value in the same word; `typed`: the value so far.
  Candidates values_of(const OptionRow& row, const std::string& before, const std::string& typed) {
    const auto name = long_name(row);
    if (name == "recipe" || name == "file") return {{":files", {}}};
    Candidates found;
    if (name == "output") {
      for (const std::string& kind : output_names()) found.push_back({before + kind, {}});
      return found;
    }
    if (name != "hosts" && name != "exclude" && name != "roles") return {};
    // A list: the last of it is asked for.
    const std::string front =
        before + typed.substr(0, typed.rfind(',') == std::string::npos ? 0 : typed.rfind(',') + 1);
    found = name == "roles" ? roles() : hosts();
    for (Candidate& candidate : found) candidate.value.insert(0, front);
    return found;
  }

  Candidates words() {
    const auto count = line_.words.size();
    if (verb_ != nullptr && !takes_stage(verb_->verb)) return count == 1 ? arguments() : Candidates();
    Candidates found;
    const bool stage = !options_.stage.empty();
    if (count == 0 || (count == 1 && verb_ == nullptr && stage)) found = verbs(count == 1);
    if (count == 0 || (count == 1 && verb_ != nullptr)) {
      for (const std::string& name : stages_) found.push_back({name, "stage"});
    }
    if (count == 2 && verb_ != nullptr && stage && takes_argument(verb_->verb)) found = arguments();
    return found;
  }

  static Candidates verbs(bool of_a_stage) {
    Candidates found;
    for (const VerbRow& row : verb_rows()) {
      if (!of_a_stage || takes_stage(row.verb)) found.push_back({std::string(row.name), std::string(row.text)});
    }
    return found;
  }

  Candidates arguments() {
    switch (verb_->verb) {
      case Verb::task:
        return tasks();
      case Verb::ssh:
        return hosts();
      case Verb::report:
        return runs();
      case Verb::completion:
        return {{"bash", {}}, {"zsh", {}}, {"fish", {}}};
      case Verb::help: {
        Candidates topics = verbs(false);
        topics.push_back({"recipe", "every key of deploy.yml"});
        return topics;
      }
      default:
        return {};
    }
  }

  Candidates hosts() {
    Candidates found;
    const auto recipe = load_stage(options_);
    if (!recipe) return found;
    const auto all = inventory::expand(*recipe);
    if (!all) return found;
    for (const auto& host : *all) found.push_back({host.name, fmt::format("{}", fmt::join(host.roles, ", "))});
    return found;
  }

  Candidates roles() {
    Candidates found;
    const auto recipe = load_stage(options_);
    if (!recipe) return found;
    std::set<std::string> names;
    for (const auto& host : recipe->hosts) names.insert(host.roles.begin(), host.roles.end());
    for (const std::string& name : names) found.push_back({name, {}});
    return found;
  }

  // Runs of this machine, and stages for their latest ones.
  Candidates runs() const {
    Candidates found;
    const auto folder = runs_folder();
    if (!folder) return found;
    for (const ui::KeptRun& run : ui::RunFolder(*folder).list()) {
      std::ifstream file(run.file);
      std::string first;
      if (!std::getline(file, first)) continue;
      const ui::RunRecord record = ui::read_record(first);
      found.push_back({run.id, ui::sanitize_line(fmt::format("{} {}", record.verb, record.stage))});
    }
    for (const std::string& name : stages_) found.push_back({name, "the latest run of this stage"});
    return found;
  }

  Candidates tasks() {
    Candidates found;
    const auto recipe = load_stage(options_);
    if (!recipe) return found;
    for (const auto& [name, task] : recipe->tasks) {
      found.push_back({name, task.local ? "on this machine" : fmt::format("{}", fmt::join(task.roles, ", "))});
    }
    return found;
  }

  Options options_;
  std::string last_;
  LooseLine line_;
  std::vector<std::string> stages_;
  const VerbRow* verb_ = nullptr;
};

}  // namespace

Ended run_complete(const Call& call) {
  Completion completion(call.options.command);
  std::string text;
  for (const Candidate& candidate : completion.candidates()) {
    if (!completion.fits(candidate)) continue;
    text += candidate.value + (candidate.text.empty() ? "" : '\t' + candidate.text) + '\n';
  }
  if (const auto failed = show_text(text)) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
