// Mustache: text with {{names}} in it, checked when it is read, and what fills it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae {

// What a name stands for. An empty text counts as false.
struct MustacheValue {
  enum class Kind { text, flag, list, map } kind = Kind::map;
  std::string text{};
  bool flag = false;
  std::vector<MustacheValue> items{};
  std::map<std::string, MustacheValue> names{};

  static MustacheValue of(std::string text) { return {Kind::text, std::move(text), false, {}, {}}; }
  static MustacheValue of_flag(bool flag) { return {Kind::flag, {}, flag, {}, {}}; }
  static MustacheValue of_list(std::vector<MustacheValue> items) { return {Kind::list, {}, false, std::move(items), {}}; }
  static MustacheValue of_map(std::map<std::string, MustacheValue> names) { return {Kind::map, {}, false, {}, std::move(names)}; }
};

// A name that a template asks for.
struct MustacheTag {
  std::string name;                   // without the form
  std::string form;                   // shell, json, url, xml; empty: as it is
  bool is_section = false;
  std::vector<std::string> sections;  // those that it stands in, the outermost first
  Span span;
};

// Values are put in as they are; in a form where the name has one in front ({{shell.name}}): one word of a shell, a string of JSON,
// percent-encoded, text of XML. Nothing is ever HTML-escaped by itself.
class MustacheTemplate {
 public:
  // Errors (recipe), with their place: tags and sections that are not closed, partials.
  static Result<MustacheTemplate> parse(const std::string& text, std::string path);

  [[nodiscard]] const std::vector<MustacheTag>& tags() const { return tags_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Errors (recipe): a name that stands for nothing, or for what has no text (a list, a map, true or false); a value with a line break or another control character in a plain {{name}}
  // ({{{name}}} takes it).
  [[nodiscard]] Result<std::string> render(const MustacheValue& names) const;

 private:
  explicit MustacheTemplate(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Error error_at(const std::string& name, std::string message, std::string hint) const;

  std::string text_;  // as the library reads it (FoundTags)
  std::string path_;
  std::vector<MustacheTag> tags_;
};

// One of the forms, for the text of a value.
std::string in_form(std::string_view form, std::string_view value);
const std::vector<std::string>& mustache_forms();

}  // namespace kirikae
