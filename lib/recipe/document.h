// Document: a YAML file as a tree of nodes that know where they stand in the file, and what is wrong with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::recipe {

// Where something stands: line and column from 1, columns and length in bytes. `set` ≥ 0: not in the file, but the nth --set word.
struct Place {
  int line = 0;
  int column = 0;
  int length = 1;
  int set = -1;

  bool operator==(const Place&) const = default;
};

struct Node {
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  Place place;
  std::string text;      // of a scalar
  bool literal = false;  // a scalar in which ${…} means nothing
  // A scalar whose value can't be told here: an unset ${env.…} of another stage, or one with an error.
  bool unknown = false;
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file, keys unique

  // Null where this is no map or has no such key.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
};

struct Node::Entry {
  std::string key;
  Place place;
  Node value;
};

// One thing that is wrong, before it is known how the file looks around it.
struct Problem {
  Place place;
  std::string message;
  std::string hint;
  bool hides_line = false;  // the line of the file may hold what nobody shall see
};
using Problems = std::vector<Problem>;

struct Document {
  std::string path;  // for messages
  std::vector<std::string> lines;
  Node root;           // null where the file is no YAML
  bool usable = true;  // false: nothing sensible can be said about the content
};

// The place of `needle` in the scalar that starts at `scalar`, where both stand on one line; else `scalar` itself.
Place place_within(const Document& document, Place scalar, std::string_view needle);

// A place as errors show it.
Span span_of(const Document& document, Place place);

// In the order of the file, each once; beyond the first hundred, one line says how many more there are.
// `sets` are the --set words that places may refer to.
std::vector<Error> to_errors(const Document& document, Problems problems, const std::vector<std::string>& sets = {});

}  // namespace kirikae::recipe
