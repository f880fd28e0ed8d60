#include "recipe/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/suggestion.h"
#include "recipe/rules.h"
#include "recipe/schema.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

void merge_into(Node& below, const Node& above) {
  for (const auto& entry : above.entries) {
    const auto at =
        std::find_if(below.entries.begin(), below.entries.end(), [&](const auto& e) { return e.key == entry.key; });
    if (entry.value.kind == Kind::null) {
      if (at != below.entries.end()) below.entries.erase(at);
    } else if (at == below.entries.end()) {
      below.entries.push_back(entry);
    } else if (at->value.kind == Kind::map && entry.value.kind == Kind::map) {
      merge_into(at->value, entry.value);
    } else {
      *at = entry;
    }
  }
}

// A null that removed nothing is no value of its own. Items of lists stay: they are told as wrong.
void remove_nulls(Node& node) {
  std::erase_if(node.entries, [](const auto& entry) { return entry.value.kind == Kind::null; });
  for (auto& entry : node.entries) remove_nulls(entry.value);
  for (Node& item : node.items) remove_nulls(item);
}

Node scalar_node(std::string text, Place place) {
  Node node;
  node.kind = Kind::scalar;
  node.text = std::move(text);
  node.literal = true;
  node.place = place;
  return node;
}

Node value_for(const Key& key, const std::string& text, Place place) {
  if (key.type != Type::texts) return scalar_node(text, place);
  Node list;
  list.kind = Kind::list;
  list.place = place;
  for (std::size_t from = 0; !text.empty() && from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    list.items.push_back(scalar_node(text.substr(from, comma - from), place));
    from = comma + 1;
  }
  return list;
}

// Whether a value other than a command's text has ${name} in it.
bool uses(const Node& node, const std::string& name) {
  if (node.text.find("${" + name + '}') != std::string::npos) return true;
  const auto inside = [&](const auto& entry) { return entry.key != "run" && entry.key != "command" && uses(entry.value, name); };
  return std::any_of(node.items.begin(), node.items.end(), [&](const Node& item) { return uses(item, name); }) ||
         std::any_of(node.entries.begin(), node.entries.end(), inside);
}

class Setter {
 public:
  Setter(Node& stage, int index, const Names& mentioned, Problems& problems) : stage_(stage), mentioned_(mentioned), problems_(problems) {
    place_.set = index;
  }

  void apply(const std::string& word, bool whole) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) return note("a --set word must be KEY=VALUE");
    const std::string value = word.substr(equals + 1);
    if (invalid_utf8(value) < value.size()) return note("the value is not UTF-8 text");
    std::vector<std::string> path = split(word.substr(0, equals));
    if (path.front() == "stages" || path.front() == "hosts") {
      return note(fmt::format("'{}' can't be set", path.front()),
                  path.front() == "hosts" ? "--hosts, --roles and --exclude select hosts"
                                          : "name the key alone: it is set for the stage that runs");
    }
    if (path.size() == 1 && find_key(stage_keys(), path.front()) == nullptr) {
      const bool is_var = is_in("vars", path.front()) || is_in("prompts", path.front()) || uses(stage_, path.front());
      if (whole && !is_var && is_in("env", path.front())) {
        return note(fmt::format("'{}' is under 'env', which wins over a var", path.front()), fmt::format("did you mean 'env.{}'?", path.front()));
      }
      if (whole && !mentioned_.contains(path.front()) && var_name_rule(path.front()).empty()) return unknown(path.front());
      path.insert(path.begin(), "vars");
    }
    if (path.front() == "vars" && path.size() == 2) remove_host_var(stage_, path.back());
    if (whole || path.size() == 1 || path.front() == "vars") set(path, value);
  }

 private:
  void note(std::string message, std::string hint = {}) {
    problems_.push_back({place_, std::move(message), std::move(hint)});
  }

  [[nodiscard]] bool is_in(std::string_view map, const std::string& name) const {
    const Node* found = std::as_const(stage_).find(map);
    return found != nullptr && found->find(name) != nullptr;
  }

  // Neither key nor var: what was meant, and how to have such a var all the same.
  void unknown(const std::string& name) {
    std::string meant;
    for (const Key& key : stage_keys()) {
      if (key.type == Type::section && find_key(keys_of(key), name) != nullptr) meant = fmt::format("{}.{}", key.name, name);
    }
    std::vector<std::string> known = names_of(stage_keys());
    known.insert(known.end(), mentioned_.begin(), mentioned_.end());
    if (meant.empty()) meant = nearest_name(name, known).value_or("");
    note(fmt::format("'{}' is neither a key nor a var that the recipe names", name),
         fmt::format("{}for a new var: --set vars.{}=…", meant.empty() ? "" : fmt::format("did you mean '{}'? ", meant), name));
  }

  static std::vector<std::string> split(const std::string& dotted) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= dotted.size();) {
      const auto dot = std::min(dotted.find('.', from), dotted.size());
      parts.push_back(dotted.substr(from, dot - from));
      from = dot + 1;
    }
    return parts;
  }

  void set(const std::vector<std::string>& path, const std::string& value) {
    std::span<const Key> keys = stage_keys();
    const Key* key = nullptr;
    Node* map = &stage_;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const bool free_name = key != nullptr && key->type == Type::named;
      key = free_name ? &key->keys.front() : find_key(keys, path[i]);
      if (key == nullptr) {
        const auto near = nearest_name(path[i], names_of(keys));
        return note(fmt::format("unknown key {}", in_quotes(path[i])),
                    near ? fmt::format("did you mean '{}'?", *near) : "");
      }
      if (i + 1 < path.size()) {
        if (key->type != Type::named && key->type != Type::section) {
          return note(fmt::format("'{}' has no keys inside", path[i]));
        }
        map = &child(*map, path[i]);
        if (map->kind != Kind::map) *map = empty_map();
        keys = keys_of(*key);
      }
    }
    if (key->type == Type::section && !key->shorthand.empty()) {
      map = &child(*map, path.back());
      if (map->kind != Kind::map) *map = empty_map();
      child(*map, std::string(key->shorthand)) = scalar_node(value, place_);
    } else if (key->type == Type::section || key->type == Type::named) {
      note(fmt::format("'{}' is a map and can't be set as a whole", path.back()), "name one of its keys, with a dot");
    } else {
      child(*map, path.back()) = value_for(*key, value, place_);
    }
  }

  [[nodiscard]] Node empty_map() const {
    Node map;
    map.kind = Kind::map;
    map.place = place_;
    return map;
  }

  Node& child(Node& map, const std::string& name) const {
    if (Node* found = map.find(name)) return *found;
    map.entries.push_back({name, place_, Node()});
    return map.entries.back().value;
  }

  Node& stage_;
  Place place_;
  const Names& mentioned_;
  Problems& problems_;
};

}  // namespace

void remove_host_var(Node& stage, const std::string& name) {
  Node* hosts = stage.find("hosts");
  if (hosts == nullptr) return;
  for (Node& host : hosts->items) {
    if (Node* vars = host.find("vars")) std::erase_if(vars->entries, [&](const auto& entry) { return entry.key == name; });
  }
}

Node merged(const Node& below, const Node& above) {
  Node result = below;
  if (result.kind != Kind::map) {
    result = Node();
    result.kind = Kind::map;
  }
  merge_into(result, above);
  remove_nulls(result);
  return result;
}

void apply_sets(Node& stage, const std::vector<std::string>& sets, bool whole, const Names& mentioned, Problems& problems) {
  for (std::size_t i = 0; i < sets.size(); ++i) Setter(stage, static_cast<int>(i), mentioned, problems).apply(sets[i], whole);
}

}  // namespace kirikae::recipe
