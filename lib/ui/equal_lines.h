// EqualLines: output of many hosts that is shown together: lines that are alike are one, with all their hosts. Each
// host's own lines stay in their order.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace kirikae::ui {

class EqualLines {
 public:
  struct Line {
    std::vector<std::string> hosts;  // empty: this machine's
    std::string text;
  };
  void add(const std::string& host, const std::string& text);
  // In the order in which each was first said. Forgets them.
  std::vector<Line> take();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Line> lines_;
  std::map<std::string, std::size_t> latest_;     // a text's latest line, from 1
  std::map<std::string, std::size_t> last_said_;  // a host's last line, from 1
  std::size_t bytes_ = 0;
};

}  // namespace kirikae::ui
