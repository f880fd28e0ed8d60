#include "recipe/mentions.h"

#include <cctype>
#include <string_view>

namespace kirikae::recipe {
namespace {

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void add_used(std::string_view text, Names& names) {
  for (std::size_t at = 0; (at = text.find('$', at)) != std::string_view::npos;) {
    ++at;
    if (at < text.size() && text[at] == '{') ++at;
    std::size_t end = at;
    while (end < text.size() && in_name(text[end])) ++end;
    if (end > at) names.emplace(text.substr(at, end - at));
    at = end;
  }
}

void add_mentioned(const Node& node, Names& names) {
  if (node.kind == Node::Kind::scalar) add_used(node.text, names);
  for (const Node& item : node.items) add_mentioned(item, names);
  for (const auto& entry : node.entries) {
    if (entry.key == "vars" || entry.key == "prompts" || entry.key == "secrets") {
      for (const auto& name : entry.value.entries) names.insert(name.key);
    }
    add_mentioned(entry.value, names);
  }
}

}  // namespace

Names mentioned_names(const Node& root) {
  Names names;
  add_mentioned(root, names);
  return names;
}

}  // namespace kirikae::recipe
