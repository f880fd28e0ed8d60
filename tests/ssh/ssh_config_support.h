// What the tests of ssh_config share: somebody who has one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ssh/ssh_config.h"
#include "support/temp_dir.h"

namespace kirikae::ssh {

using test::TempDir;
using Names = std::vector<std::string>;

inline const LocalUser ada{"/lab/ada", "ada", "laptop.example.org", "/run/agent", {{"KEYS", "/keys"}, {"PATH", "/usr/bin:/bin"}}};

inline SshConfig config_of(const TempDir& folder, const std::string& text, Overrides overrides = {}) {
  overrides.config = folder.write("ssh config", text);
  return {std::move(overrides), ada};
}

}  // namespace kirikae::ssh
