// ConfigShape: which hosts ssh_config can't tell apart but by their names. What ssh -G says of one of them holds for all, and most runs have
// many hosts and a file that is about others.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::ssh {

class ConfigShape {
 public:
  // The files that ssh would read, and those that they include; ones that are missing have nothing to say. `home`: the account's folder.
  ConfigShape(const std::vector<std::string>& files, const std::string& home);

  // No block but those for all hosts speaks of it, and these say nothing that ssh makes of its name. False where that isn't certain.
  [[nodiscard]] bool is_plain(std::string_view name) const;
  [[nodiscard]] bool has_read(const std::string& file) const { return files_.contains(file); }

 private:
  void read(const std::string& path, const std::string& home, int depth);
  void include(const std::vector<std::string>& patterns, const std::string& home, int depth);

  bool uncertain_ = false;
  std::set<std::string> files_;
  std::vector<std::vector<std::string>> blocks_;  // patterns of Host lines that are not for all
};

}  // namespace kirikae::ssh
