#include "recipe/load.h"

#include <fmt/format.h>

#include <set>

#include "core/redactor.h"
#include "core/suggestion.h"
#include "recipe/answers.h"
#include "recipe/check.h"
#include "recipe/interpolate.h"
#include "recipe/merge.h"
#include "recipe/parse.h"
#include "recipe/text.h"
#include "recipe/validate.h"
#include "recipe/yaml_document.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

constexpr std::size_t most_stages = 1000;

// A stage on its way from the file to a Recipe.
struct Stage {
  std::string name;
  Place place;
  Node tree;
  Recipe recipe;
};

bool has_value(const Node& map, std::string_view name) {
  const Node* node = map.find(name);
  return node != nullptr && node->kind != Kind::null;
}

// What a recipe must be before anything else can be said. The problem is noted where it is not.
bool is_recipe(const Document& document, Problems& problems) {
  if (!document.usable) return false;
  if (document.root.kind == Kind::map) return true;
  const bool empty = document.root.kind == Kind::null;
  problems.push_back({empty ? Place{1, 1, 1, -1} : document.root.place,
                      empty ? "the recipe is empty" : "a recipe is a map of keys",
                      "`deploy init` writes one to start from; `deploy help recipe` lists all keys"});
  return false;
}

// Null where there are none; the problem is noted.
const Node* stages_of(const Node& root, Problems& problems) {
  const Node* stages = root.find("stages");
  if (stages != nullptr && stages->kind != Kind::null && stages->kind != Kind::map) return nullptr;  // a wrong type
  if (stages == nullptr || stages->entries.empty()) {
    problems.push_back({root.place, "the recipe has no stages", fmt::format("such as `{}`", key_at("stages").example)});
    return nullptr;
  }
  if (stages->entries.size() > most_stages) {
    problems.push_back({stages->place, fmt::format("more than {} stages", most_stages), "split the recipe"});
    return nullptr;
  }
  return stages;
}

class Loader {
 public:
  Loader(const Document& document, const std::string& folder, const std::string& wanted,
         const std::vector<std::string>& sets, const Surroundings& surroundings, Problems& problems)
      : document_(document),
        folder_(folder),
        wanted_(wanted),
        sets_(sets),
        surroundings_(surroundings),
        problems_(problems) {}

  // The wanted stage's recipe, perhaps with problems noted; none where there is no such stage.
  std::optional<Recipe> run() {
    make_stages();
    check_required(document_.root);
    validate_all();
    for (Stage& stage : stages_) {
      if (stage.name != wanted_) continue;
      stage.recipe.roles = std::move(roles_);
      return std::move(stage.recipe);
    }
    return std::nullopt;
  }

  std::map<std::string, std::string> application_names() {
    make_stages();
    std::map<std::string, std::string> names;
    for (const Stage& stage : stages_) {
      if (!stage.recipe.application.empty()) names.emplace(stage.name, stage.recipe.application);
    }
    return names;
  }

 private:
  void make_stages() {
    const Node& root = document_.root;
    check_keys(root, recipe_keys(), CheckPhase::written, problems_);
    Node common = root;
    std::erase_if(common.entries, [](const auto& entry) { return entry.key == "stages"; });
    expand_shorthands(common, recipe_keys());
    if (const Node* stages = stages_of(root, problems_)) {
      for (const auto& entry : stages->entries) collect_host_vars(entry.value);
      for (const auto& entry : stages->entries) stages_.push_back(make_stage(common, entry));
    } else {
      // Without stages, the rest of the file is checked all the same.
      stages_.push_back(make_stage(common, {"", root.place, Node()}));
    }
  }

  void collect_host_vars(const Node& stage) {
    const Node* hosts = stage.find("hosts");
    if (hosts == nullptr) return;
    for (const Node& host : hosts->items) {
      const Node* vars = host.find("vars");
      if (vars == nullptr) continue;
      for (const auto& entry : vars->entries) host_vars_.insert(entry.key);
    }
  }

  Stage make_stage(const Node& common, const Node::Entry& entry) {
    Stage stage{entry.key, entry.place, {}, {}};
    Node own = entry.value;
    expand_shorthands(own, stage_keys());
    stage.tree = merged(common, own);
    stage.tree.place = entry.place;
    const bool is_wanted = stage.name == wanted_;
    apply_sets(stage.tree, sets_, is_wanted, mentioned_, problems_);
    const auto answered = answer_prompts(stage.tree, surroundings_.answers);
    interpolate(stage.tree, {document_, surroundings_.environment, stage.name, host_vars_, is_wanted}, problems_);
    check_keys(stage.tree, stage_keys(), CheckPhase::final, problems_);
    stage.recipe = parse_stage(stage.tree, {document_, folder_, surroundings_.home, stage.name});
    for (Prompt& prompt : stage.recipe.prompts) prompt.answered = answered.contains(prompt.name);
    stage.recipe.waiting = waiting_in(stage.tree);
    return stage;
  }

  void check_required(const Node& root) {
    for (const Key& key : recipe_keys()) {
      if (!key.required || key.name == "stages") continue;
      std::vector<const Stage*> without;
      for (const Stage& stage : stages_) {
        if (!has_value(stage.tree, key.name)) without.push_back(&stage);
      }
      const std::string hint = fmt::format("such as `{}`", key.example);
      if (without.size() == stages_.size() && !has_value(root, key.name)) {
        problems_.push_back({root.place, fmt::format("the recipe has no '{}'", key.name), hint});
        continue;
      }
      for (const Stage* stage : without) {
        problems_.push_back(
            {stage->place, fmt::format("stage {} has no '{}'", in_quotes(stage->name), key.name), hint});
      }
    }
    for (const Stage& stage : stages_) {
      const Node* hosts = stage.tree.find("hosts");
      const bool none = hosts == nullptr || (hosts->kind == Kind::list && hosts->items.empty());
      if (!none || stage.name.empty()) continue;
      problems_.push_back({stage.place, fmt::format("stage {} has no hosts", in_quotes(stage.name)),
                           fmt::format("such as `{}`", key_at("stages.*.hosts").example)});
    }
  }

  void validate_all() {
    for (const Stage& stage : stages_) {
      for (const HostEntry& host : stage.recipe.hosts) roles_.insert(host.roles.begin(), host.roles.end());
    }
    for (const Stage& stage : stages_) {
      validate(stage.recipe, stage.tree, {roles_, !surroundings_.home.empty()}, problems_);
    }
  }

  const Document& document_;
  const std::string& folder_;
  const std::string& wanted_;
  const std::vector<std::string>& sets_;
  const Surroundings& surroundings_;
  Problems& problems_;
  std::vector<Stage> stages_;
  std::set<std::string> host_vars_, roles_;
  const Names mentioned_ = mentioned_names(document_.root);
};

// Variables that the recipe, any part of it, takes secrets from.
void collect_secret_variables(const Node& map, std::set<std::string>& names) {
  if (const Node* secrets = map.find("secrets")) {
    for (const auto& entry : secrets->entries) {
      const Node* env = entry.value.find("env");
      if (env != nullptr && env->kind == Kind::scalar) names.insert(env->text);
    }
  }
}

// Another variable may hold the same text as a secret's, and errors show values.
void take_secrets_out(Errors& errors, const Document& document, const Surroundings& surroundings) {
  std::set<std::string> names;
  collect_secret_variables(document.root, names);
  if (const Node* stages = document.root.find("stages")) {
    for (const auto& stage : stages->entries) collect_secret_variables(stage.value, names);
  }
  Redactor redactor;
  for (const auto& name : names) {
    const auto set = surroundings.environment.find(name);
    if (set != surroundings.environment.end() && Redactor::can_mask(set->second)) redactor.add(set->second);
  }
  for (Error& error : errors) {
    error.message = redactor.redact(error.message);
    error.hint = redactor.redact(error.hint);
  }
}

Error no_such_stage(const Document& document, const std::string& wanted) {
  std::vector<std::string> names;
  if (const Node* stages = document.root.find("stages")) {
    for (const auto& entry : stages->entries) names.push_back(entry.key);
  }
  const auto near = nearest_name(wanted, names);
  return {ErrorCode::usage, fmt::format("no stage {} in '{}'", in_quotes(wanted), document.path),
          near ? fmt::format("did you mean '{}'?", *near) : fmt::format("stages: {}", fmt::join(names, ", "))};
}

}  // namespace

std::expected<Recipe, Errors> load_recipe(std::string_view text, const std::string& path, const std::string& folder,
                                          const std::string& stage, const std::vector<std::string>& sets,
                                          const Surroundings& surroundings) {
  Problems problems;
  const Document document = parse_yaml(text, path, problems);
  if (!is_recipe(document, problems)) return std::unexpected(to_errors(document, std::move(problems)));
  auto recipe = Loader(document, folder, stage, sets, surroundings, problems).run();
  Errors errors = to_errors(document, std::move(problems), sets);
  const Node* stages = document.root.find("stages");
  if (stages != nullptr && !stages->entries.empty() && stages->find(stage) == nullptr) {
    errors.push_back(no_such_stage(document, stage));
  }
  if (!errors.empty()) {
    take_secrets_out(errors, document, surroundings);
    return std::unexpected(std::move(errors));
  }
  return *std::move(recipe);
}

std::map<std::string, std::string> application_names(std::string_view text, const std::string& path, const std::string& folder,
                                                     const std::vector<std::string>& sets, const Surroundings& surroundings) {
  Problems unsaid;
  const Document document = parse_yaml(text, path, unsaid);
  if (!is_recipe(document, unsaid)) return {};
  const std::string none;
  return Loader(document, folder, none, sets, surroundings, unsaid).application_names();
}

std::expected<std::vector<std::string>, Errors> stage_names(std::string_view text, const std::string& path) {
  Problems problems;
  const Document document = parse_yaml(text, path, problems);
  std::vector<std::string> names;
  if (is_recipe(document, problems)) {
    const Node* stages = stages_of(document.root, problems);
    if (stages != nullptr) {
      for (const auto& entry : stages->entries) names.push_back(entry.key);
    } else if (problems.empty()) {
      check_keys(document.root, recipe_keys(), CheckPhase::written, problems);
    }
  }
  if (!problems.empty()) return std::unexpected(to_errors(document, std::move(problems)));
  return names;
}

const std::vector<std::string>& reserved_stage_names() {
  static const std::vector<std::string> names = {
      "audit",  "catch-up", "check",       "completion", "config",  "deploy", "diff",    "help", "init",   "inventory",
      "lock",   "logs",     "maintenance", "plan",       "prepare", "prune",  "publish", "pull", "relay",  "releases",
      "report", "rollback", "run",         "ssh",        "status",  "task",   "trust",   "undo", "unlock", "version"};
  return names;
}

}  // namespace kirikae::recipe
