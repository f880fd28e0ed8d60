// SharedText: what several hosts say alike, told once.
#pragma once

#include <string>
#include <vector>

namespace kirikae::ui {

class SharedText {
 public:
  struct Part {
    std::string text;  // where hosts share it, as said_of_all() has it
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

// The text with its host's name taken out: texts of two hosts that come to the same say the same. Whole names only, `web1` is no part of
// `web10` nor of `web1.example.com`.
std::string without_host(const std::string& text, const std::string& host);

// The text of one host as it is shown for several: its name in quotes is `the host`; where it stands otherwise, in a command, it stays,
// and the first such line says that it is the same with the others.
std::string said_of_all(const std::string& text, const std::string& host);

}  // namespace kirikae::ui
