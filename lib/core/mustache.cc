#include "core/mustache.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <kainjow/mustache.hpp>
#include <optional>
#include <ranges>

#include "core/mustache_tags.h"
#include "core/shell_quote.h"

namespace kirikae {
namespace {

using Data = kainjow::mustache::data;

Data data_of(const MustacheValue& value) {
  switch (value.kind) {
    case MustacheValue::Kind::text:
      return value.text.empty() ? Data(false) : Data(value.text);
    case MustacheValue::Kind::flag:
      return Data(value.flag);
    case MustacheValue::Kind::list: {
      Data list(Data::type::list);
      for (const auto& item : value.items) list.push_back(data_of(item));
      return list;
    }
    case MustacheValue::Kind::map: {
      Data map(Data::type::object);
      for (const auto& [name, inner] : value.names) map.set(name, data_of(inner));
      return map;
    }
  }
  return Data(false);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

std::string json_string(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\u{:04x}", byte);
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string percent_encoded(std::string_view value) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string text;
  for (const char c : value) {
    text += plain.find(c) != std::string_view::npos ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text;
}

std::string xml_text(std::string_view value) {
  std::string text;
  for (const char c : value) {
    switch (c) {
      case '&': text += "&amp;"; break;
      case '<': text += "&lt;"; break;
      case '>': text += "&gt;"; break;
      case '"': text += "&quot;"; break;
      case '\'': text += "&#39;"; break;
      default: text += c;
    }
  }
  return text;
}

const MustacheValue* find(const MustacheValue& in, std::string_view name) {
  const auto dot = name.find('.');
  const auto found = in.names.find(std::string(name.substr(0, dot)));
  if (found == in.names.end()) return nullptr;
  return dot == std::string_view::npos ? &found->second : find(found->second, name.substr(dot + 1));
}

// What a tag asks for. Null: nothing, or that isn't known, as in a section for a list that is empty.
const MustacheValue* value_of(const MustacheTag& tag, const MustacheValue& names) {
  std::vector<const MustacheValue*> scopes{&names};
  const auto in_scope = [&](const std::string& name) -> const MustacheValue* {
    for (const MustacheValue* scope : std::views::reverse(scopes)) {
      if (name == ".") return scope;
      if (const MustacheValue* const found = find(*scope, name)) return found;
    }
    return nullptr;
  };
  for (const std::string& section : tag.sections) {
    const MustacheValue* const value = in_scope(section);
    if (value == nullptr || (value->kind == MustacheValue::Kind::list && value->items.empty())) return nullptr;
    scopes.push_back(value->kind == MustacheValue::Kind::list ? &value->items.front() : value);
  }
  return in_scope(tag.name);
}

Error has_no_text(const MustacheTag& tag, MustacheValue::Kind kind) {
  using Kind = MustacheValue::Kind;
  const std::string& name = tag.name;
  Error error(ErrorCode::recipe, fmt::format("'{}' is {}, not a text", name, kind == Kind::list ? "a list" : kind == Kind::map ? "a map" : "true or false"),
              kind == Kind::map ? fmt::format("name what of it is meant: {{{{{}NAME}}}}", name == "." ? "" : name + '.')
                                : fmt::format("write {{{{#{0}}}}} … {{{{/{0}}}}}, {1}", name, kind == Kind::list ? "where {{.}} or {{NAME}} is of an item" : "for what is there if it is true"));
  error.span = tag.span;
  return error;
}

// Looks names up, and notes what is wrong with what it is asked: the library passes over it.
class Context final : public kainjow::mustache::context<std::string> {
 public:
  explicit Context(const Data* data) : kainjow::mustache::context<std::string>(data) {}

  const Data* get(const std::string& name) const override {
    asked_ = name;
    in_form_ = false;
    const Data* found = kainjow::mustache::context<std::string>::get(name);
    const auto dot = name.find('.');
    const auto& forms = mustache_forms();
    const bool form = dot != std::string::npos && dot > 0 &&
                      std::find(forms.begin(), forms.end(), name.substr(0, dot)) != forms.end();
    if (form) found = kainjow::mustache::context<std::string>::get(name.substr(dot + 1));
    if (found == nullptr && !unknown_) unknown_ = name;
    if (!form || found == nullptr || found->is_list() || found->is_object()) return found;
    in_form_ = true;
    // Nothing, too, has a form: '' is a word, "" a string.
    formed_.emplace_back(in_form(name.substr(0, dot), found->is_string() ? found->string_value() : std::string()));
    return &formed_.back();
  }

  // What stands in for {{name}}.
  std::string plain(const std::string& value) const {
    if (!in_form_ && !broken_ && has_control(value)) broken_ = asked_;
    return value;
  }

  [[nodiscard]] const std::optional<std::string>& unknown() const { return unknown_; }
  [[nodiscard]] const std::optional<std::string>& broken() const { return broken_; }

 private:
  mutable std::string asked_;
  mutable bool in_form_ = false;
  mutable std::optional<std::string> unknown_, broken_;
  mutable std::deque<Data> formed_;
};

}  // namespace

const std::vector<std::string>& mustache_forms() {
  static const std::vector<std::string> forms = {"shell", "json", "url", "xml"};
  return forms;
}

std::string in_form(std::string_view form, std::string_view value) {
  if (form == "shell") return shell_quote(value);
  if (form == "json") return json_string(value);
  if (form == "url") return percent_encoded(value);
  if (form == "xml") return xml_text(value);
  return std::string(value);
}

Result<MustacheTemplate> MustacheTemplate::parse(const std::string& text, std::string path) {
  MustacheTemplate made(std::move(path));
  TRY_ASSIGN(auto found, find_mustache_tags(text, made.path_));
  made.tags_ = std::move(found.tags);
  made.text_ = std::move(found.text);
  const kainjow::mustache::mustache library(made.text_);
  if (!library.is_valid()) {
    return std::unexpected(Error(ErrorCode::recipe, fmt::format("'{}' is no mustache template: {}", made.path_, library.error_message())));
  }
  return made;
}

Error MustacheTemplate::error_at(const std::string& name, std::string message, std::string hint) const {
  Error error(ErrorCode::recipe, std::move(message), std::move(hint));
  const auto tag = std::find_if(tags_.begin(), tags_.end(), [&](const MustacheTag& each) {
    return name == (each.form.empty() ? each.name : each.form + '.' + each.name);
  });
  error.span = tag == tags_.end() ? Span{path_, 0, 0, 1, {}} : tag->span;
  return error;
}

Result<std::string> MustacheTemplate::render(const MustacheValue& names) const {
  for (const MustacheTag& tag : tags_) {
    const MustacheValue* const value = tag.is_section ? nullptr : value_of(tag, names);
    if (value != nullptr && value->kind != MustacheValue::Kind::text) return std::unexpected(has_no_text(tag, value->kind));
  }
  kainjow::mustache::mustache library(text_);
  Data data = data_of(names);
  data.set(mustache_line_mark, Data(true));
  Context context(&data);
  library.set_custom_escape([&](const std::string& value) { return context.plain(value); });
  std::string text = library.render(context);
  if (!library.is_valid()) {
    return std::unexpected(Error(ErrorCode::recipe, fmt::format("'{}' can't be rendered: {}", path_, library.error_message())));
  }
  if (context.unknown()) {
    return std::unexpected(error_at(*context.unknown(), fmt::format("nothing is named '{}' here", *context.unknown()), ""));
  }
  if (context.broken()) {
    return std::unexpected(error_at(*context.broken(), fmt::format("the value of '{}' has a line break or a control character in it", *context.broken()),
                                    fmt::format("{{{{{{{}}}}}}} takes it as it is, {{{{shell.{}}}}} and {{{{json.{}}}}} make it safe",
                                                *context.broken(), *context.broken(), *context.broken())));
  }
  return text;
}

}  // namespace kirikae
