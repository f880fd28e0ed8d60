#include "load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include "core/shell_quote.h"
#include "core/suggestion.h"
#include "local.h"
#include "prompts.h"
#include "recipe/load.h"
#include "recipe/rules.h"

namespace kirikae::cmd {
namespace {

Error unknown_stage(const Options& options, const RecipeFile& file, const std::vector<std::string>& stages) {
  const auto verbs = verb_names();
  auto known = stages;
  known.insert(known.end(), verbs.begin(), verbs.end());
  const bool is_verb = std::ranges::find(verbs, options.stage) != verbs.end();
  const auto near = nearest_name(options.stage, known);
  std::string hint = is_verb ? fmt::format("'{}' is a verb, of which a call has one; ", options.stage)
                     : near  ? fmt::format("did you mean '{}'? ", *near)
                             : "";
  hint += fmt::format("stages: {}", fmt::join(stages, ", "));
  if (options.verb == Verb::deploy || options.verb == Verb::plan)
    hint += fmt::format("; verbs: {}", fmt::join(verbs, ", "));
  return {ErrorCode::usage, fmt::format("no stage '{}' in '{}'", options.stage, file.path), hint};
}

Error no_stage(const std::vector<std::string>& stages) {
  return {ErrorCode::usage, "no stage given", fmt::format("stages: {}", fmt::join(stages, ", "))};
}

std::expected<recipe::Recipe, Errors> load_from(const RecipeFile& file, const Options& options, const recipe::Surroundings& surroundings) {
  const auto stages = recipe::stage_names(file.text, file.path);
  if (!stages) return std::unexpected(stages.error());
  if (options.stage.empty()) return std::unexpected(Errors{no_stage(*stages)});
  if (std::ranges::find(*stages, options.stage) == stages->end()) {
    return std::unexpected(Errors{unknown_stage(options, file, *stages)});
  }
  return recipe::load_recipe(file.text, file.path, file.folder, options.stage, options.sets, surroundings);
}

}  // namespace

Result<RecipeFile> open_recipe(const Options& options) {
  std::error_code failed;
  const auto here = std::filesystem::current_path(failed);
  if (failed) return std::unexpected(Error(ErrorCode::local, fmt::format("current folder: {}", failed.message())));
  RecipeFile file;
  file.path = options.recipe;
  if (file.path.empty()) {
    TRY_ASSIGN(file.path, recipe::find_recipe(here.string()));
    const auto below = std::filesystem::path(file.path).lexically_relative(here).string();
    if (!below.empty() && !below.starts_with("..")) file.path = below;
  }
  TRY_ASSIGN(file.text, recipe::read_recipe(file.path));
  file.folder = (here / file.path).parent_path().lexically_normal().string();
  if (file.folder.size() > 1 && file.folder.ends_with('/')) file.folder.pop_back();
  return file;
}

std::optional<RecipeFile> reopen_recipe(const Options& options) {
  std::error_code ignored;
  if (!options.recipe.empty() && !std::filesystem::is_regular_file(options.recipe, ignored)) return std::nullopt;
  auto file = open_recipe(options);
  return file ? std::optional(*std::move(file)) : std::nullopt;
}

bool is_no_stage(const Options& options) {
  const auto file = reopen_recipe(options);
  if (!file) return false;
  const auto stages = recipe::stage_names(file->text, file->path);
  return stages && std::ranges::find(*stages, options.stage) == stages->end();
}

std::map<std::string, std::string> application_names(const RecipeFile& file, const std::vector<std::string>& sets) {
  return recipe::application_names(file.text, file.path, file.folder, sets, recipe_surroundings());
}

std::expected<recipe::Recipe, Errors> load_stage(const Options& options) {
  const auto file = open_recipe(options);
  if (!file) return std::unexpected(Errors{file.error()});
  return load_from(*file, options, recipe_surroundings());
}

namespace {

// The tool as it was called, as far as that says where to, as whom and with what answers: no task and no hook, since those of --set may
// be what has failed, and no secret.
std::string command_of(const Options& options, const recipe::Recipe& recipe) {
  std::string command = "deploy";
  if (!options.recipe.empty()) command += " --recipe " + shell_word(options.recipe);
  for (const std::string& set : options.sets) {
    const bool secret = std::ranges::any_of(recipe.prompts, [&](const recipe::Prompt& prompt) {
      return prompt.secret && (set.starts_with(prompt.name + '=') || set.starts_with("vars." + prompt.name + '='));
    });
    if (!secret && !set.starts_with("tasks.") && !set.starts_with("hooks.")) command += " --set " + shell_word(set);
  }
  return command;
}

// ` --hosts web1,web2`
std::string repeated(std::string_view option, const std::vector<std::string>& values) {
  if (values.empty() || values.front().empty()) return {};
  return fmt::format(" --{} {}", option, shell_word(fmt::format("{}", fmt::join(values, ","))));
}

constexpr std::size_t longest_revision = 1024;

// Which commit of a git source is meant; of other sources `--revision` is a text for REVISION, which only a deploy writes.
Result<void> choose_revision(const Options& options, recipe::Source& source) {
  using Kind = recipe::GitSource::Kind;
  for (const auto& [name, value, kind] : {std::tuple{"revision", options.revision, Kind::any}, {"branch", options.branch, Kind::branch},
                                          {"tag", options.tag, Kind::tag}}) {
    if (value.empty()) continue;
    // It becomes one line of REVISION, records and logs.
    const std::string wrong = value.size() > longest_revision ? fmt::format("more than {} bytes", longest_revision)
                              : source.git                    ? recipe::revision_rule(value)
                                                              : recipe::one_line_rule(value);
    if (!wrong.empty()) return std::unexpected(Error(ErrorCode::usage, fmt::format("'--{}': {}", name, wrong)));
    if (source.git) {
      source.git->revision = value;
      source.git->kind = kind;
      continue;
    }
    if (kind == Kind::any && (options.verb == Verb::deploy || options.verb == Verb::plan)) continue;
    return std::unexpected(Error(ErrorCode::usage, fmt::format("'--{}' chooses a commit, and the recipe's source is no git repository", name),
                                 "`source: {git: .}` makes it one"));
  }
  return {};
}

}  // namespace

std::expected<StageHosts, Errors> selected_hosts(const recipe::Recipe& recipe, const Options& options) {
  auto all = inventory::expand(recipe);
  if (!all) return std::unexpected(std::move(all).error());
  auto selected = inventory::select(*all, {options.hosts, options.roles, options.exclude});
  if (!selected) return std::unexpected(Errors{std::move(selected).error()});
  return StageHosts{*std::move(all), *std::move(selected)};
}

std::expected<AnsweredRecipe, Errors> load_answered(const Options& options, const std::stop_token& stop,
                                                    const WrongRecipe& wrong) {
  const auto file = open_recipe(options);
  if (!file) return std::unexpected(Errors{file.error()});
  recipe::Surroundings surroundings = recipe_surroundings();
  auto recipe = load_from(*file, options, surroundings);
  if (!recipe) return std::unexpected(std::move(recipe).error());
  if (wrong) {
    if (auto error = wrong(*recipe)) return std::unexpected(Errors{*std::move(error)});
  }
  auto answers = answers_to(*recipe, options, stop);
  if (!answers) return std::unexpected(std::move(answers).error());
  if (!answers->texts.empty()) {
    surroundings.answers = std::move(answers->texts);
    recipe = load_from(*file, options, surroundings);
    if (!recipe) return std::unexpected(std::move(recipe).error());
  }
  return AnsweredRecipe{*std::move(recipe), std::move(answers->secrets)};
}

std::expected<deploy::Request, Errors> load_request(const Options& options, const std::stop_token& stop,
                                                    const WrongRecipe& wrong) {
  auto answered = load_answered(options, stop, wrong);
  if (!answered) return std::unexpected(std::move(answered).error());
  auto hosts = selected_hosts(answered->recipe, options);
  if (!hosts) return std::unexpected(std::move(hosts).error());

  deploy::Request request;
  for (const inventory::Host& host : hosts->all) {
    const bool in = std::ranges::any_of(hosts->selected, [&](const auto& other) { return other.name == host.name; });
    if (!in) request.other_hosts.push_back(host);
  }
  request.command = command_of(options, answered->recipe);
  request.same_hosts = repeated("hosts", options.hosts) + repeated("roles", options.roles) + repeated("exclude", options.exclude);
  request.same_revision = repeated("revision", {options.revision}) + repeated("branch", {options.branch}) + repeated("tag", {options.tag});
  request.recipe = std::move(answered->recipe);
  request.secret_answers = std::move(answered->secrets);
  request.hosts = std::move(hosts->selected);
  if (auto chosen = choose_revision(options, request.recipe.source); !chosen) return std::unexpected(Errors{std::move(chosen).error()});
  if (!request.recipe.source.git) request.revision = options.revision;
  request.operator_name = operator_name();
  request.job_url = job_url();
  request.lock_wait = options.lock_wait;
  request.despite_freeze = options.despite_freeze;
  return request;
}

}  // namespace kirikae::cmd
