// SharedText: what several hosts say alike, told once.
#pragma once

#include <string>
#include <vector>

namespace kirikae::ui {

class SharedText {
 public:
  struct Part {
    std::string text;  // where hosts share it, their own names in it are HOST
    std::vector<std::string> hosts;
  };
  // `host` is empty for what concerns this machine or the run as a whole. Texts that differ in their host's name only
  // are alike.
  void add(const std::string& host, const std::string& text);
  // In the order in which the texts first came.
  [[nodiscard]] std::vector<Part> parts() const;

 private:
  struct Entry {
    std::string first, general;
    std::vector<std::string> hosts;
  };
  std::vector<Entry> entries_;
};

}  // namespace kirikae::ui
