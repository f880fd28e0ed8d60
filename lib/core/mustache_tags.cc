#include "core/mustache_tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace kirikae {
namespace {

constexpr std::size_t most_nested = 50;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

class Finder {
 public:
  Finder(const std::string& text, const std::string& path) : text_(text), path_(path) {}

  Result<FoundTags> run() {
    for (std::size_t at = text_.find(begin_); at != std::string::npos; at = text_.find(begin_, at)) {
      const auto next = tag(at);
      if (!next) return std::unexpected(next.error());
      at = *next;
    }
    if (!open_.empty()) {
      return std::unexpected(wrong(open_.back(), fmt::format("the section '{}' is never closed", names_.back()),
                                   fmt::format("close it by {{{{/{}}}}}", names_.back())));
    }
    marked_ += std::string_view(text_).substr(copied_);
    return FoundTags{std::move(tags_), std::move(marked_)};
  }

 private:
  [[nodiscard]] Span span_at(std::size_t at, std::size_t length) const {
    const auto before = text_.rfind('\n', at);
    const std::size_t from = at == 0 || before == std::string::npos ? 0 : before + 1;
    const auto line = static_cast<int>(std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(from), '\n'));
    return {path_, line + 1, static_cast<int>(at - from) + 1, static_cast<int>(length),
            text_.substr(from, std::min(text_.find('\n', from), text_.size()) - from)};
  }

  [[nodiscard]] Error wrong(std::size_t at, std::string message, std::string hint = {}) const {
    Error error(ErrorCode::recipe, std::move(message), std::move(hint));
    error.span = span_at(at, begin_.size());
    return error;
  }

  // Where the text goes on behind the tag at `at`.
  Result<std::size_t> tag(std::size_t at) {
    const std::size_t from = at + begin_.size();
    const bool triple = begin_ == "{{" && text_.compare(from, 1, "{") == 0;
    const bool delimiters = text_.compare(from, 1, "=") == 0;
    const std::string closing = triple ? "}}}" : delimiters ? "=" + end_ : end_;
    const auto to = text_.find(closing, from + (triple || delimiters ? 1 : 0));
    if (to == std::string::npos) {
      return std::unexpected(wrong(at, fmt::format("'{}' is never closed", begin_),
                                   fmt::format("close it by {}; other marks can be set by {{{{=<% %>=}}}}", closing)));
    }
    const std::size_t behind = to + closing.size();
    if (delimiters) {
      TRY(set_delimiters(at, trimmed(std::string_view(text_).substr(from + 1, to - from - 1))));
      mark_line(at, behind);
      return behind;
    }
    std::string_view content = trimmed(std::string_view(text_).substr(from, to - from));
    char kind = ' ';
    if (!content.empty() && std::string_view("#^/>!&{").find(content.front()) != std::string_view::npos) {
      kind = content.front();
      content = trimmed(content.substr(1));
    }
    if (kind != '!') TRY(name_tag(at, behind - at, kind, std::string(content)));
    if (std::string_view("#^/!").find(kind) != std::string_view::npos) mark_line(at, behind);
    return behind;
  }

  // The tag from `at` to `behind` stands for no text. If that goes for all of its line, the line stands for nothing.
  void mark_line(std::size_t at, std::size_t behind) {
    const std::string_view text = text_;
    const auto before = text.substr(0, at).rfind('\n');
    const std::size_t from = std::max(before == std::string_view::npos ? 0 : before + 1, silent_);
    if (!trimmed(text.substr(from, at - from)).empty()) return;
    silent_ = behind;
    if (!trimmed(text.substr(behind, text.find('\n', behind) - behind)).empty()) return;
    marked_ += text.substr(copied_, behind - copied_);
    for (const char* kind : {"#", "/"}) marked_ += begin_ + kind + mustache_line_mark + end_;
    copied_ = behind;
  }

  Result<void> set_delimiters(std::size_t at, std::string_view words) {
    const auto blank = words.find(' ');
    const std::string first(words.substr(0, blank));
    const std::string second(blank == std::string_view::npos ? "" : trimmed(words.substr(blank)));
    const auto odd = [](const std::string& mark) { return mark.empty() || mark.find_first_of(" =\t\n") != std::string::npos; };
    if (odd(first) || odd(second)) return std::unexpected(wrong(at, "new marks are two words", "such as {{=<% %>=}}"));
    begin_ = first;
    end_ = second;
    return {};
  }

  Result<void> name_tag(std::size_t at, std::size_t length, char kind, const std::string& name) {
    if (kind == '>') return std::unexpected(wrong(at, "a template can't take in another one", "write its text here"));
    if (name.empty()) return std::unexpected(wrong(at, "a tag without a name", "write a name, or set other marks by {{=<% %>=}}"));
    if (kind == '/') {
      if (names_.empty() || names_.back() != name) {
        return std::unexpected(wrong(at, fmt::format("the section '{}' is closed, but not open here", name),
                                     names_.empty() ? "" : fmt::format("close '{}' first", names_.back())));
      }
      names_.pop_back();
      open_.pop_back();
      return {};
    }
    MustacheTag tag{name, {}, kind == '#' || kind == '^', names_, span_at(at, length)};
    const auto dot = name.find('.');
    const auto& forms = mustache_forms();
    if (dot != std::string::npos && std::find(forms.begin(), forms.end(), name.substr(0, dot)) != forms.end()) {
      tag.form = name.substr(0, dot);
      tag.name = name.substr(dot + 1);
    }
    tags_.push_back(std::move(tag));
    if (kind == '#' || kind == '^') {
      if (names_.size() == most_nested) return std::unexpected(wrong(at, "sections are nested too deep"));
      names_.push_back(name);
      open_.push_back(at);
    }
    return {};
  }

  const std::string& text_;
  const std::string& path_;
  std::string begin_ = "{{", end_ = "}}";
  std::vector<std::string> names_;  // of the open sections
  std::vector<std::size_t> open_;   // where they begin
  std::vector<MustacheTag> tags_;
  std::size_t silent_ = 0;  // up to where a line has only tags that stand for no text
  std::string marked_;      // FoundTags::text, of
  std::size_t copied_ = 0;  // so much of text_
};

}  // namespace

Result<FoundTags> find_mustache_tags(const std::string& text, const std::string& path) {
  return Finder(text, path).run();
}

}  // namespace kirikae
