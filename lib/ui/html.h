// Html: writes elements so that nothing in a text or an attribute can be one. The result is well-formed XML as well.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kirikae::ui {

class Html {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  // Names of elements and attributes are ours; everything else may be anything.
  Html& open(std::string_view element, Attributes attributes = {});
  Html& close();  // the element that was opened last
  Html& text(std::string_view text);
  Html& leaf(std::string_view element, std::string_view text, Attributes attributes = {});
  Html& empty(std::string_view element, Attributes attributes = {});  // HTML's <meta/> and <br/>, and any of SVG
  Html& style(std::string_view css);                                  // ours

  // Closes what is open.
  std::string take();

 private:
  void tag(std::string_view element, Attributes attributes, std::string_view end);

  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace kirikae::ui
