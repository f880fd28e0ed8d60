// ProcessWatch: reads, again and again from a thread of its own, what every user of a machine can read of all processes (their command
// lines), and the environments of those that are named, and keeps those that show a text.
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kirikae::test {

class ProcessWatch {
 public:
  // `environments_of`: starts of names; one that is empty means all.
  ProcessWatch(std::string text, std::vector<std::string> environments_of);
  void end();                                      // after one more look
  [[nodiscard]] long looks() const { return looks_; }  // that have ended
  [[nodiscard]] const std::set<std::string>& seen() const { return seen_; }  // once it has ended

 private:
  void look();

  std::string text_;
  std::vector<std::string> environments_of_;
  std::set<std::string> seen_;
  std::atomic<long> looks_ = 0;
  std::jthread thread_;
};

}  // namespace kirikae::test
