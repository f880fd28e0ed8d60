#include "recipe/check.h"

#include <fmt/format.h>

#include <utility>

#include "core/suggestion.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

std::string shown(const Node& node) {
  switch (node.kind) {
    case Kind::null:
      return "nothing";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      return in_quotes(node.text);
  }
  return {};
}

// `port` alone is written under `ssh`: the sections that have a key of this name.
void find_elsewhere(std::span<const Key> keys, std::string_view name, const std::string& at,
                    std::vector<std::string>& found) {
  for (const Key& key : keys) {
    const std::string path =
        at.empty() ? std::string(key.name) : fmt::format("{}.{}", at, key.name == "*" ? "NAME" : key.name);
    if (key.name == name && !at.empty()) found.push_back(at);
    if (!key.keys.empty()) find_elsewhere(key.keys, name, path, found);
  }
}

std::string hint_for_unknown(std::string_view name, std::span<const Key> keys) {
  const auto known = names_of(keys);
  if (const auto near = nearest_name(name, known)) return fmt::format("did you mean '{}'?", *near);
  std::vector<std::string> found;
  find_elsewhere(recipe_keys(), name, "", found);
  if (!found.empty()) return fmt::format("'{}' belongs under '{}'", name, found.front());
  std::string all;
  for (const auto& each : known) all += (all.empty() ? "" : ", ") + each;
  return "known here: " + all;
}

class Checker {
 public:
  Checker(CheckPhase phase, Problems& problems) : phase_(phase), problems_(problems) {}

  void section(const Node& map, std::span<const Key> keys) {
    for (const auto& entry : map.entries) {
      if (const Key* key = find_key(keys, entry.key)) {
        value(*key, entry.key, entry.value, entry.place);
      } else {
        note(entry.place, fmt::format("unknown key {}", in_quotes(entry.key)), hint_for_unknown(entry.key, keys));
      }
    }
  }

 private:
  void note(Place place, std::string message, std::string hint = {}) {
    problems_.push_back({place, std::move(message), std::move(hint)});
  }

  void wrong_type(const Key& key, std::string_view name, const Node& node) {
    if (key.confidential && node.kind == Kind::scalar) {
      problems_.push_back({node.place, fmt::format("{} must be {}, not text", in_quotes(name), type_text(key)),
                           fmt::format("such as `{}`; a secret itself doesn't belong into a recipe", key.example), true});
      return;
    }
    const std::string subject = name == "*" ? "an item of the list" : in_quotes(name);
    std::string hint;
    if (key.type == Type::flag && node.kind == Kind::scalar) hint = "write true or false, without quotes";
    const bool host = key.name == "*" && key.shorthand == "address";
    const bool holds_keys = key.type == Type::section || key.type == Type::named;
    if (holds_keys && !key.example.empty()) hint = fmt::format("such as `{}`", key.example);
    if (host && node.kind == Kind::list) hint = "put an address with brackets in quotes";
    if (host) {
      note(node.place, fmt::format("a host must be text or a map, not {}", shown(node)), std::move(hint));
      return;
    }
    note(node.place, fmt::format("{} must be {}, not {}", subject, type_text(key), shown(node)), std::move(hint));
  }

  // Not yet, or never, to be told from the text of the node.
  [[nodiscard]] bool is_open(const Key& key, const Node& node) const {
    if (node.unknown) return true;
    return phase_ == CheckPhase::written && key.interpolated && !node.literal &&
           node.text.find("${") != std::string::npos;
  }

  void value(const Key& key, std::string_view name, const Node& node, Place name_place) {
    if (node.kind == Kind::null) return;
    switch (key.type) {
      case Type::text:
      case Type::number:
      case Type::flag:
      case Type::duration:
        return scalar(key, name, node);
      case Type::texts:
        return texts(key, name, node);
      case Type::section:
        return section_value(key, name, node, name_place);
      case Type::named:
        return named(key, name, node);
      case Type::list:
        return list(key, node);
    }
  }

  void scalar(const Key& key, std::string_view name, const Node& node) {
    if (node.kind != Kind::scalar) return wrong_type(key, name, node);
    if (is_open(key, node)) return;
    bool fits = true;
    if (key.type == Type::number) {
      const auto number = to_number(node.text);
      fits = number && *number >= key.least && *number <= key.most;
    } else if (key.type == Type::duration) {
      const auto duration = to_duration(node.text);
      fits = duration.has_value();
      if (duration && (duration->count() < key.least || duration->count() > key.most)) {
        note(node.place, fmt::format("{} must be from {}s to {}s, not {}", in_quotes(name), key.least, key.most,
                                     in_quotes(node.text)));
      }
    } else if (key.type == Type::flag) {
      fits = to_flag(node.text).has_value();
    } else if (key.rule != nullptr) {
      rule(key, node.text, node.place);
    }
    if (!fits) wrong_type(key, name, node);
  }

  static std::string item_name(const Key& item) {
    return item.shorthand == "address" ? "a host" : "an item of the list";
  }

  void rule(const Key& key, std::string_view text, Place place) {
    if (auto wrong = key.rule(text); !wrong.empty()) problems_.push_back({place, std::move(wrong), {}, key.confidential});
  }

  void texts(const Key& key, std::string_view name, const Node& node) {
    if (node.kind == Kind::map) return wrong_type(key, name, node);
    if (node.kind == Kind::scalar) return text_item(key, name, node);
    if (node.items.empty() && key.least > 0) {
      note(node.place, fmt::format("{} names none", in_quotes(name)), "leave it out, or name one, such as `" + std::string(key.example) + "`");
    }
    for (const Node& item : node.items) text_item(key, name, item);
  }

  void text_item(const Key& key, std::string_view name, const Node& item) {
    if (item.kind != Kind::scalar) {
      note(item.place, fmt::format("each of {} must be text, not {}", in_quotes(name), shown(item)));
    } else if (!is_open(key, item) && key.rule != nullptr) {
      rule(key, item.text, item.place);
    }
  }

  void section_value(const Key& key, std::string_view name, const Node& node, Place name_place) {
    if (node.kind == Kind::scalar && !key.shorthand.empty()) {
      return value(*find_key(key.keys, key.shorthand), key.shorthand, node, name_place);
    }
    if (node.kind != Kind::map) return wrong_type(key, name, node);
    section(node, keys_of(key));
    if (phase_ == CheckPhase::written || key.is_stage) return;
    for (const Key& inner : key.keys) {
      const Node* given = node.find(inner.name);
      if (!inner.required || (given != nullptr && given->kind != Kind::null)) continue;
      note(name_place, fmt::format("{} has no '{}'", name == "*" ? item_name(key) : in_quotes(name), inner.name),
           fmt::format("such as `{}`", inner.example));
    }
  }

  void named(const Key& key, std::string_view name, const Node& node) {
    if (node.kind != Kind::map) return wrong_type(key, name, node);
    for (const auto& entry : node.entries) {
      if (key.rule != nullptr) rule(key, entry.key, entry.place);
      const Key& item = key.keys.front();
      if (entry.value.kind == Kind::null && !item.is_stage && !in_stage_) {
        note(entry.place, fmt::format("{} has no value", in_quotes(entry.key)), fmt::format("leave it out, or give it one, such as `{}`", key.example));
      }
      const bool outside = std::exchange(in_stage_, in_stage_ || item.is_stage);
      value(item, entry.key, entry.value, entry.place);
      in_stage_ = outside;
    }
  }

  void list(const Key& key, const Node& node) {
    const Key& item = key.keys.front();
    // What stands in a list replaces all: a null has nothing to remove there.
    const bool outside = std::exchange(in_stage_, false);
    if (node.kind != Kind::list) value(item, item.name, node, node.place);
    for (const Node& each : node.items) {
      if (each.kind == Kind::null) {
        wrong_type(item, item.name, each);
      } else {
        value(item, item.name, each, each.place);
      }
    }
    in_stage_ = outside;
  }

  CheckPhase phase_;
  Problems& problems_;
  bool in_stage_ = false;  // where null removes what the recipe has
};

void expand(Node& node, const Key& key) {
  if (key.type == Type::list) {
    if (node.kind == Kind::scalar || node.kind == Kind::map) {
      Node only = std::move(node);
      node = Node();
      node.kind = Kind::list;
      node.place = only.place;
      node.items.push_back(std::move(only));
    }
    for (Node& item : node.items) expand(item, key.keys.front());
  } else if (key.type == Type::named) {
    for (auto& entry : node.entries) expand(entry.value, key.keys.front());
  } else if (key.type == Type::section) {
    if (node.kind == Kind::scalar && !key.shorthand.empty()) {
      Node text = std::move(node);
      node = Node();
      node.kind = Kind::map;
      node.place = text.place;
      node.entries.push_back({std::string(key.shorthand), text.place, std::move(text)});
    }
    expand_shorthands(node, keys_of(key));
  }
}

}  // namespace

void check_keys(const Node& map, std::span<const Key> keys, CheckPhase phase, Problems& problems) {
  Checker(phase, problems).section(map, keys);
}

void expand_shorthands(Node& map, std::span<const Key> keys) {
  for (auto& entry : map.entries) {
    if (const Key* key = find_key(keys, entry.key)) expand(entry.value, *key);
  }
}

}  // namespace kirikae::recipe
