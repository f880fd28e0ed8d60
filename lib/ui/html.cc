#include "ui/html.h"

#include <utility>

#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

// Control characters are no part of XML, and directions of writing no part of an honest report. The page may be printed into the log of
// a CI job, where `::` and `##[` begin commands.
std::string escaped_text(std::string_view text) {
  std::string safe;
  char before = '\0';
  for (const char c : sanitize_text(text)) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      case ':': safe += before == ':' ? "&#58;" : ":"; break;
      case '[': safe += before == '#' ? "&#91;" : "["; break;
      default: safe += c;
    }
    before = c;
  }
  return safe;
}

}  // namespace

void Html::tag(std::string_view element, Attributes attributes, std::string_view end) {
  out_ += '<';
  out_ += element;
  for (const auto& [name, value] : attributes) {
    out_ += ' ';
    out_ += name;
    out_ += "=\"" + escaped_text(value) + '"';
  }
  out_ += end;
}

Html& Html::open(std::string_view element, Attributes attributes) {
  tag(element, attributes, ">");
  open_.emplace_back(element);
  return *this;
}

Html& Html::close() {
  out_ += "</" + open_.back() + '>';
  open_.pop_back();
  return *this;
}

Html& Html::text(std::string_view text) {
  out_ += escaped_text(text);
  return *this;
}

Html& Html::leaf(std::string_view element, std::string_view content, Attributes attributes) {
  return open(element, attributes).text(content).close();
}

Html& Html::empty(std::string_view element, Attributes attributes) {
  tag(element, attributes, "/>");
  return *this;
}

Html& Html::style(std::string_view css) {
  out_ += "<style>";
  out_ += css;
  out_ += "</style>";
  return *this;
}

std::string Html::take() {
  while (!open_.empty()) close();
  return std::move(out_);
}

}  // namespace kirikae::ui
