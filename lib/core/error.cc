#include "core/error.h"

#include <fmt/format.h>

namespace kirikae {
namespace {

// Tabs stay tabs, so that the caret stands under its column whatever the terminal's tab width.
std::string caret_line(const Span& span) {
  std::string marks;
  for (int i = 0; i + 1 < span.column; ++i) {
    const auto at = static_cast<std::size_t>(i);
    marks += at < span.source_line.size() && span.source_line[at] == '\t' ? '\t' : ' ';
  }
  marks += '^';
  for (int i = 1; i < span.length; ++i) marks += '~';
  return marks;
}

}  // namespace

std::string to_text(const Error& error) {
  std::string text;
  if (!error.host.empty()) text += fmt::format("[{}] ", error.host);
  if (error.span) {
    text += error.span->file;
    if (error.span->line > 0) text += fmt::format(":{}:{}", error.span->line, error.span->column);
    text += ": ";
  }
  for (auto doing = error.context.rbegin(); doing != error.context.rend(); ++doing) text += *doing + ": ";
  text += error.message;
  if (error.span && error.span->line > 0) {
    text += fmt::format("\n  {}\n  {}", error.span->source_line, caret_line(*error.span));
  }
  if (!error.hint.empty()) text += "\n  " + error.hint;
  return text;
}

}  // namespace kirikae
