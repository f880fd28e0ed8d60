#include "recipe/interpolate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "core/letters.h"
#include "core/suggestion.h"
#include "recipe/schema.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

constexpr std::size_t longest_value = std::size_t{64} << 10U;
constexpr std::size_t longest_sum = std::size_t{16} << 20U;  // of all values of a stage
constexpr std::size_t deepest_chain = 100;

class Interpolator {
 public:
  Interpolator(const Node& tree, const InterpolationScene& scene, Problems& problems)
      : tree_(tree), scene_(scene), problems_(problems) {}

  void map(Node& node, std::span<const Key> keys) {
    for (auto& entry : node.entries) {
      if (const Key* key = find_key(keys, entry.key)) value(entry.value, *key);
    }
  }

 private:
  // What a name stands for; found out at most once.
  struct Known {
    bool busy = true;
    std::optional<std::string> value;
  };

  void value(Node& node, const Key& key) {
    if (!key.interpolated) return;
    if (node.kind == Kind::scalar) {
      if (auto text = expanded(node)) {
        node.text = *std::move(text);
      } else {
        node.unknown = true;
      }
      node.literal = true;
    } else if (key.type == Type::texts) {
      for (Node& item : node.items) value(item, key);
    } else if (key.type == Type::list) {
      for (Node& item : node.items) value(item, key.keys.front());
    } else if (key.type == Type::named) {
      for (auto& entry : node.entries) value(entry.value, key.keys.front());
    } else if (key.type == Type::section) {
      map(node, keys_of(key));
    }
  }

  std::nullopt_t wrong(const Node& node, const std::string& needle, std::string message, std::string hint = {}) {
    problems_.push_back({place_within(scene_.document, node.place, needle), std::move(message), std::move(hint)});
    return std::nullopt;
  }

  // None where a part has no value; all parts are looked at all the same, so that all problems come at once.
  std::optional<std::string> expanded(const Node& node) {
    if (node.literal || node.text.find("${") == std::string::npos) return node.text;
    std::string result;
    bool complete = true;
    const std::string_view text = node.text;
    for (std::size_t at = 0; at < text.size();) {
      const auto dollar = std::min(text.find('$', at), text.size());
      result += text.substr(at, dollar - at);
      at = dollar;
      if (text.substr(at).starts_with("$${")) {
        result += "${";
        at += 3;
      } else if (text.substr(at).starts_with("${")) {
        const auto end = text.find('}', at);
        if (end == std::string_view::npos)
          return wrong(node, std::string(text.substr(at)), "'${' without '}'", "write $${ for a plain ${");
        const std::string word(text.substr(at, end + 1 - at));
        if (word.find("${", 2) != std::string::npos) return wrong(node, word, "'${' within '${'", "make a var of what is within, under 'vars'");
        const auto part = replacement(node, word);
        complete = complete && part.has_value();
        result += part.value_or("");
        at = end + 1;
      } else if (at < text.size()) {
        result += '$';
        ++at;
      }
      if (result.size() > longest_value) return wrong(node, "", "the value grows beyond 64 KiB", "use fewer ${…}");
    }
    sum_ += result.size();
    if (sum_ > longest_sum)
      return wrong(node, "", "all values of the stage together grow beyond 16 MiB", "use fewer ${…}");
    if (!complete) return std::nullopt;
    return result;
  }

  // `word` is ${…} whole.
  std::optional<std::string> replacement(const Node& node, const std::string& word) {
    const std::string name = word.substr(2, word.size() - 3);
    if (name.starts_with("env.")) return from_environment(node, word, name.substr(4));
    if (const auto known = known_.find(name); known != known_.end()) {
      if (known->second.busy) return wrong(node, word, cycle_text(name), "break the circle");
      return known->second.value;
    }
    if (name == "stage") return scene_.stage;
    if (name == "shared_path" || name == "current_path" || name == "releases_path") {
      auto root = replacement_of_key(node, word, "deploy_to", name);
      if (!root) return std::nullopt;
      return normalised(*root) + '/' + name.substr(0, name.find('_'));
    }
    if (name == "application" || name == "deploy_to" || name == "user" || name == "keep_releases") {
      return replacement_of_key(node, word, name, name);
    }
    const Node* vars = tree_.find("vars");
    if (const Node* var = vars == nullptr ? nullptr : vars->find(name)) return resolved(name, *var, node, word);
    return unknown_name(node, word, name);
  }

  std::optional<std::string> replacement_of_key(const Node& node, const std::string& word, const std::string& key,
                                                const std::string& name) {
    if (const auto known = known_.find(key); known != known_.end()) {
      if (known->second.busy) return wrong(node, word, cycle_text(key), "break the circle");
      return known->second.value;
    }
    if (const Node* given = tree_.find(key)) return resolved(key, *given, node, word);
    if (!key_at(key).fallback.empty() && key != "user") return std::string(key_at(key).fallback);
    return wrong(node, word, fmt::format("'{}' is used, but '{}' is not set", name, key),
                 fmt::format("set '{}' in the recipe", key));
  }

  std::optional<std::string> resolved(const std::string& name, const Node& value, const Node& asking,
                                      const std::string& word) {
    if (value.kind != Kind::scalar) return std::nullopt;  // a wrong type, told elsewhere
    if (chain_.size() >= deepest_chain)
      return wrong(asking, word, fmt::format("more than {} names refer to one another", deepest_chain));
    known_[name] = Known();
    chain_.push_back(name);
    auto text = value.unknown ? std::nullopt : expanded(value);
    chain_.pop_back();
    known_[name] = {false, text};
    return text;
  }

  [[nodiscard]] std::string cycle_text(const std::string& name) const {
    std::string path;
    for (auto at = std::find(chain_.begin(), chain_.end(), name); at != chain_.end(); ++at) path += *at + " -> ";
    return fmt::format("'{}' refers to itself: {}{}", name, path, name);
  }

  [[nodiscard]] bool is_secret(const std::string& name) const {
    const Node* secrets = tree_.find("secrets");
    if (secrets != nullptr && secrets->find(name) != nullptr) return true;
    const Node* prompts = tree_.find("prompts");
    const Node* prompt = prompts == nullptr ? nullptr : prompts->find(name);
    const Node* secret = prompt == nullptr ? nullptr : prompt->find("secret");
    return secret != nullptr && secret->text == "true";
  }

  // Null where no secret comes from this variable.
  [[nodiscard]] const std::string* secret_from(const std::string& variable) const {
    const Node* secrets = tree_.find("secrets");
    if (secrets == nullptr) return nullptr;
    for (const auto& entry : secrets->entries) {
      const Node* env = entry.value.find("env");
      if (env != nullptr && env->kind == Kind::scalar && env->text == variable) return &entry.key;
    }
    return nullptr;
  }

  std::optional<std::string> from_environment(const Node& node, const std::string& word, const std::string& rest) {
    const auto split = rest.find(":-");
    const std::string name = rest.substr(0, split);
    if (const std::string* secret = secret_from(name)) {
      return wrong(node, word, fmt::format("the environment variable {} holds the secret {}, which can't be part of a value",
                                           in_quotes(name), in_quotes(*secret)),
                   fmt::format("commands have it as ${}", *secret));
    }
    const bool has_default = split != std::string::npos;
    const auto set = scene_.environment.find(name);
    if (set != scene_.environment.end() && !(set->second.empty() && has_default)) {
      if (invalid_utf8(set->second) < set->second.size()) {
        return wrong(node, word, fmt::format("the environment variable '{}' is not UTF-8 text", name));
      }
      return set->second;
    }
    if (has_default) return rest.substr(split + 2);
    if (!scene_.environment_is_final) return std::nullopt;
    return wrong(node, word, fmt::format("the environment variable {} is not set", in_quotes(name)),
                 fmt::format("set it, or give a default: ${{env.{}:-…}}", name));
  }

  std::optional<std::string> unknown_name(const Node& node, const std::string& word, const std::string& name) {
    if (is_secret(name)) {
      return wrong(node, word, fmt::format("{} is a secret, and values are shown", in_quotes(name)),
                   fmt::format("commands have it as ${}", name));
    }
    const auto& ours = command_variables();
    const auto known = known_names();
    if (std::find(known.begin(), known.end(), lower(name)) == known.end() &&
        std::find(ours.begin(), ours.end(), upper(name)) != ours.end()) {
      return wrong(node, word, fmt::format("{} is known to commands only", in_quotes(name)),
                   fmt::format("commands have it as ${}", upper(name)));
    }
    if (scene_.host_vars.contains(name)) {
      return wrong(node, word, fmt::format("{} is a var of single hosts", in_quotes(name)),
                   fmt::format("commands have it as ${}; for other values, set it under 'vars'", name));
    }
    auto near = nearest_name(name, known);
    if (!near) near = nearest_name(lower(name), known);
    return wrong(node, word, fmt::format("nothing is named {}", in_quotes(name)),
                 near ? fmt::format("did you mean '{}'?", *near) : "set it under 'vars', or write $${ for a plain ${");
  }

  [[nodiscard]] std::vector<std::string> known_names() const {
    std::vector<std::string> names = built_in_names();
    if (const Node* vars = tree_.find("vars")) {
      for (const auto& entry : vars->entries) names.push_back(entry.key);
    }
    return names;
  }

  const Node tree_;  // as written: values are replaced in the caller's tree, and looked up here
  const InterpolationScene& scene_;
  Problems& problems_;
  std::map<std::string, Known> known_;
  std::vector<std::string> chain_;
  std::size_t sum_ = 0;
};

}  // namespace

void interpolate(Node& stage_tree, const InterpolationScene& scene, Problems& problems) {
  Interpolator(stage_tree, scene, problems).map(stage_tree, stage_keys());
}

}  // namespace kirikae::recipe
