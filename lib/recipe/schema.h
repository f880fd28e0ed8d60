// The table of keys: every key that a recipe may have, in one place. What checks recipes, `deploy help recipe` and the
// reference in docs/recipe.md are all made from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/rules.h"

namespace kirikae::recipe {

enum class Type {
  text,      // any scalar, exactly as written
  number,    // from `least` to `most`
  flag,      // true or false
  duration,  // 30s, 5m, 1h; from `least` to `most` seconds
  texts,     // a list of texts; one text is a list of one
  section,   // a map of the keys in `keys`
  named,     // a map of free names, each of which holds what keys[0] says
  list,      // a list of what keys[0] says; one item is a list of one
};

struct Key {
  std::string_view name;  // "*": what a free name or a list holds
  Type type = Type::text;
  std::string_view fallback = {};  // the default as YAML; empty: none
  std::string_view summary = {};   // one sentence or two
  std::string_view example = {};   // `key: value`, YAML on one line
  Rule rule = nullptr;             // of a text, of each of texts, of the names of `named`
  int least = 0;  // of a number; of texts: 1 where none is a mistake
  int most = 0;
  bool required = false;
  bool interpolated = true;
  bool confidential = false;        // what stands there instead of the right thing is not shown, nor the line of what is wrong
  bool is_stage = false;            // a section that takes all keys of the recipe but `stages`, too
  std::string_view shorthand = {};  // a section may be one text, which is the value of this key
  std::span<const Key> keys = {};
};

std::span<const Key> recipe_keys();
// What a stage may hold: its own keys, then those of the recipe but `stages`.
std::span<const Key> stage_keys();
std::span<const Key> keys_of(const Key& section);

// Null where there is none.
const Key* find_key(std::span<const Key> keys, std::string_view name);
// By dotted path, free names and list items as `*`: "tasks.*.timeout". Precondition: it exists.
const Key& key_at(std::string_view path);
std::vector<std::string> names_of(std::span<const Key> keys);

// What the key takes, for messages and the reference: "a whole number from 1 to 1000".
std::string type_text(const Key& key);

}  // namespace kirikae::recipe
