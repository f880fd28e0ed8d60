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

// The text with the host's name as HOST: whole names only, `web1` is no part of `web10` nor of `web1.example.com`.
std::string without_host(const std::string& text, const std::string& host);

}  // namespace kirikae::ui
