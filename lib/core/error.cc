#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace kirikae {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

// The part of a source line that is worth showing, with the bytes to mark in it.
struct Excerpt {
  std::string text;
  std::size_t mark = 0;
  std::size_t length = 0;
};

Excerpt excerpt_of(const Span& span) {
  constexpr std::size_t longest = 160;
  const std::string& line = span.source_line;
  Excerpt excerpt{line, static_cast<std::size_t>(std::max(span.column, 1)) - 1,
                  static_cast<std::size_t>(std::max(span.length, 1))};
  if (line.size() > longest) {
    std::size_t from = excerpt.mark > longest / 2 ? std::min(excerpt.mark - longest / 2, line.size() - longest) : 0;
    std::size_t to = from + longest;
    while (from > 0 && continues_character(line[from])) --from;
    while (to < line.size() && continues_character(line[to])) ++to;
    const std::string_view before = from > 0 ? "…" : "";
    excerpt.text = std::string(before) + line.substr(from, to - from) + (to < line.size() ? "…" : "");
    excerpt.mark = excerpt.mark - from + before.size();
  }
  excerpt.length =
      excerpt.mark < excerpt.text.size() ? std::min(excerpt.length, excerpt.text.size() - excerpt.mark) : 1;
  return excerpt;
}

// One mark for each character, however many bytes it has. Tabs stay tabs, so that the caret stands under its column whatever
// the terminal's tab width.
std::string caret_line(const Excerpt& excerpt) {
  std::string marks;
  for (std::size_t i = 0; i < excerpt.mark + excerpt.length; ++i) {
    const char c = i < excerpt.text.size() ? excerpt.text[i] : ' ';
    if (continues_character(c) && i != excerpt.mark) continue;
    if (i < excerpt.mark) {
      marks += c == '\t' ? '\t' : ' ';
    } else {
      marks += i == excerpt.mark ? '^' : '~';
    }
  }
  return marks;
}

}  // namespace

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return "usage";
    case ErrorCode::recipe: return "recipe";
    case ErrorCode::connect: return "connect";
    case ErrorCode::auth: return "auth";
    case ErrorCode::host_key: return "host_key";
    case ErrorCode::locked: return "locked";
    case ErrorCode::preflight: return "preflight";
    case ErrorCode::remote: return "remote";
    case ErrorCode::lost: return "lost";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::local: return "local";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::string message_of(const Error& error) {
  std::string text;
  for (auto doing = error.context.rbegin(); doing != error.context.rend(); ++doing) text += *doing + ": ";
  return text + error.message;
}

std::string to_text(const Error& error) {
  std::string text;
  if (!error.host.empty()) text += fmt::format("[{}] ", error.host);
  if (error.span) {
    text += error.span->file;
    if (error.span->line > 0) text += fmt::format(":{}:{}", error.span->line, error.span->column);
    text += ": ";
  }
  text += message_of(error);
  if (error.span && error.span->line > 0 && !error.span->source_line.empty()) {
    const Excerpt excerpt = excerpt_of(*error.span);
    text += fmt::format("\n  {}\n  {}", excerpt.text, caret_line(excerpt));
  }
  if (!error.hint.empty()) text += "\n  " + error.hint;
  return text;
}

}  // namespace kirikae
