// What CI systems read out of a job's log: groups that fold, annotations; and what keeps others from being heard there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kirikae::ui {

enum class Ci { none, github, gitlab };

// Text of others, made deaf: GitHub's runner takes a line that begins with `::`, after whatever isn't visible, for a command,
// and `##[` anywhere in one. A sign of each is shown as `\x3a` or `\x5b`.
std::string without_commands(Ci ci, std::string_view text);

// A line of its own, which GitHub shows at the top of the job as well; elsewhere empty. `text` may have several lines.
std::string annotation(Ci ci, std::string_view severity, std::string_view text);

// CiGroups: the lines around what belongs together.
class CiGroups {
 public:
  CiGroups() = default;
  CiGroups(Ci ci, std::int64_t (*unix_now)()) : ci_(ci), unix_now_(unix_now) {}

  [[nodiscard]] Ci ci() const { return ci_; }
  // `title` is harmless. Without a CI system it is the line itself.
  std::string begin(std::string_view title);
  // Of the group that was begun last; empty where none is open.
  std::string end();

 private:
  Ci ci_ = Ci::none;
  std::int64_t (*unix_now_)() = nullptr;
  int count_ = 0;
  bool open_ = false;
};

}  // namespace kirikae::ui
