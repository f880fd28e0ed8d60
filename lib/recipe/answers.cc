#include "recipe/answers.h"

#include <algorithm>

#include "recipe/merge.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

bool is_secret(const Node& prompt) {
  const Node* secret = prompt.find("secret");
  return secret != nullptr && secret->text == "true";
}

Node& vars_of(Node& tree) {
  Node* vars = tree.find("vars");
  if (vars == nullptr) {
    tree.entries.push_back({"vars", tree.place, Node()});
    vars = &tree.entries.back().value;
    vars->kind = Kind::map;
    vars->place = tree.place;
  }
  return *vars;
}

void remove(Node& vars, const std::string& name) {
  std::erase_if(vars.entries, [&](const Node::Entry& entry) { return entry.key == name; });
}

// The value of the var where --set didn't give one.
Node value_of(const Node::Entry& prompt, const std::map<std::string, std::string>& answers) {
  const Node* fallback = prompt.value.find("default");
  const Node* text = fallback == nullptr ? nullptr : fallback->find("text");
  const auto answer = answers.find(prompt.key);
  if (answer == answers.end() && text != nullptr && text->kind == Kind::scalar) return *text;
  Node node;
  node.kind = Kind::scalar;
  node.place = prompt.place;
  node.literal = true;
  node.unknown = answer == answers.end();
  if (!node.unknown) node.text = answer->second;
  return node;
}

bool has_unknown(const Node& node) {
  return node.unknown || std::any_of(node.items.begin(), node.items.end(), has_unknown) ||
         std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return has_unknown(entry.value); });
}

std::set<std::string> unknown_of(const Node* map) {
  std::set<std::string> keys;
  if (map == nullptr) return keys;
  for (const auto& entry : map->entries) {
    if (has_unknown(entry.value)) keys.insert(entry.key);
  }
  return keys;
}

}  // namespace

std::set<std::string> answer_prompts(Node& tree, const std::map<std::string, std::string>& answers) {
  std::set<std::string> answered;
  const Node* prompts = tree.find("prompts");
  if (prompts == nullptr || prompts->kind != Kind::map) return answered;
  const std::vector<Node::Entry> entries = prompts->entries;
  for (const auto& prompt : entries) {
    if (prompt.value.kind != Kind::map) continue;
    Node& vars = vars_of(tree);
    const Node* var = vars.find(prompt.key);
    const bool set = var != nullptr && var->place.set >= 0;
    if (set || answers.contains(prompt.key)) answered.insert(prompt.key);
    if (is_secret(prompt.value)) {
      if (set) remove(vars, prompt.key);
      continue;
    }
    if (!set) {
      remove(vars, prompt.key);
      vars.entries.push_back({prompt.key, prompt.place, value_of(prompt, answers)});
    }
    remove_host_var(tree, prompt.key);
  }
  return answered;
}

Waiting waiting_in(const Node& tree) {
  return {unknown_of(&tree), unknown_of(tree.find("vars")), unknown_of(tree.find("env"))};
}

}  // namespace kirikae::recipe
