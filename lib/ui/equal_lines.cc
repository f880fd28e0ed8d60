#include "ui/equal_lines.h"

#include <utility>

namespace kirikae::ui {

void EqualLines::add(const std::string& host, const std::string& text) {
  bytes_ += text.size();
  std::size_t& latest = latest_[text];
  std::size_t& last_said = last_said_[host];
  if (host.empty() || latest <= last_said || lines_[latest - 1].hosts.empty()) {
    lines_.push_back({{}, text});
    latest = lines_.size();
  }
  last_said = latest;
  if (!host.empty()) lines_[latest - 1].hosts.push_back(host);
}

std::vector<EqualLines::Line> EqualLines::take() {
  latest_.clear();
  last_said_.clear();
  bytes_ = 0;
  return std::exchange(lines_, {});
}

}  // namespace kirikae::ui
