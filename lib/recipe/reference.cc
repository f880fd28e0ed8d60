#include <fmt/format.h>

#include <algorithm>

#include "recipe/load.h"
#include "recipe/schema.h"

namespace kirikae::recipe {
namespace {

constexpr std::size_t width = 80;

// `text` broken at blanks, every line with `indent` blanks before it.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string result;
  std::string line;
  const auto end_line = [&] {
    result += fmt::format("{:{}}{}\n", "", indent, line);
    line.clear();
  };
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, blank);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) end_line();
    line += (line.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  if (!line.empty()) end_line();
  return result;
}

std::string needed(const Key& key) {
  if (key.required) return "required";
  return key.fallback.empty() ? "" : fmt::format("default: {}", key.fallback);
}

// A map whose one key `*` stands for free names or items: what these hold, where they hold keys.
std::span<const Key> inner_keys(const Key& key) {
  if (key.type == Type::section) return key.keys;
  if ((key.type == Type::named || key.type == Type::list) && key.keys.front().type == Type::section)
    return key.keys.front().keys;
  return {};
}

std::string_view holder_of(const Key& key) {
  if (key.type == Type::list) return key.name == "hosts" ? "each host:" : "each template:";
  if (key.type != Type::named) return "";
  return key.name == "stages" ? "each stage:" : key.name == "secrets" ? "each secret:" : key.name == "prompts" ? "each prompt:" : "each task:";
}

void write_help(std::string& text, std::span<const Key> keys, std::size_t indent) {
  for (const Key& key : keys) {
    std::string head = fmt::format("{:{}}{}", "", indent, key.name);
    head += fmt::format("{:{}}{}", "", head.size() < 22 ? 24 - head.size() : 2, type_text(key));
    if (const auto more = needed(key); !more.empty()) head += "; " + more;
    text += head.size() <= width ? head + '\n' : wrapped(head.substr(indent), indent);
    text += wrapped(key.summary, indent + 4);
    text += fmt::format("{:{}}{}\n", "", indent + 4, key.example);
    const auto inner = inner_keys(key);
    if (inner.empty()) continue;
    std::size_t deeper = indent + 2;
    if (!holder_of(key).empty()) {
      text += fmt::format("{:{}}{}\n", "", deeper, holder_of(key));
      deeper += 2;
    }
    write_help(text, inner, deeper);
  }
}

std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' ? "\\|" : c == '<' ? "&lt;" : std::string(1, c);
  return result;
}

void write_table(std::string& text, std::span<const Key> keys) {
  text += "| key | takes | default | meaning |\n|---|---|---|---|\n";
  for (const Key& key : keys) {
    const std::string fallback = key.required ? "required" : key.fallback.empty() ? "" : cell(key.fallback);
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, type_text(key), fallback, cell(key.summary));
  }
  text += "\n```\n";
  for (const Key& key : keys) text += fmt::format("{}\n", key.example);
  text += "```\n";
}

void write_sections(std::string& text, std::span<const Key> keys, const std::string& at) {
  for (const Key& key : keys) {
    const auto inner = inner_keys(key);
    if (inner.empty()) continue;
    std::string path = at.empty() ? std::string(key.name) : fmt::format("{}.{}", at, key.name);
    if (key.type == Type::named) path += ".NAME";
    text += fmt::format("\n### `{}`\n\n", path);
    write_table(text, inner);
    write_sections(text, inner, path);
  }
}

constexpr std::string_view rules_of_values[] = {
    "A stage overrides the recipe: maps merge, lists replace, null removes. --set KEY=VALUE overrides both, and takes "
    "its value as it stands; that of a list is split at commas.",
    "Where a list is expected, one value is a list of one. Text may be anything YAML reads as one value: 8080 and yes "
    "are text, too.",
    "${name} in a value is replaced: vars, application, stage, deploy_to, user, keep_releases, shared_path, "
    "current_path, "
    "releases_path; ${env.NAME} and ${env.NAME:-default} read the environment of this machine. $${ stands for a plain "
    "${.",
    "Nothing is replaced inside of 'run'. Commands read environment variables instead: every entry of vars and env, "
    "and",
};

std::string variables() { return fmt::format("{}", fmt::join(command_variables(), " ")); }

}  // namespace

std::string help_text() {
  std::string text = "The recipe: deploy.yml\n\n";
  for (const auto rule : rules_of_values) text += wrapped(rule, 2);
  text += wrapped(variables(), 4) + '\n';
  write_help(text, recipe_keys(), 2);
  return text;
}

std::string reference_markdown() {
  std::string text;
  for (const auto rule : rules_of_values) text += fmt::format("* {}\n", rule);
  text += "  `" + variables() + "`\n\n### The recipe\n\n";
  write_table(text, recipe_keys());
  write_sections(text, recipe_keys(), "");
  return text;
}

}  // namespace kirikae::recipe
