// The built program at a terminal, with a busy machine's patience.
#pragma once

#include <string>
#include <vector>

#include "golden/pty.h"
#include "support/farm.h"

namespace kirikae::test {

inline golden::Pty at_terminal(const World& world, const std::vector<std::string>& arguments, const std::string& kind = "dumb") {
  std::vector<std::string> argv = {"/usr/bin/env", "-i", "TERM=" + kind, "PATH=/usr/bin:/bin", "HOME=" + (world / "home").string()};
  argv.insert(argv.end(), world.environment.begin(), world.environment.end());
  argv.emplace_back(KIRIKAE_DEPLOY);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return golden::Pty::of_program(argv, world.site().string(), {});
}

inline bool says(golden::Pty& terminal, const std::string& text) {
  for (int i = 0; i < 6; ++i) {
    if (terminal.says(text)) return true;
  }
  return false;
}

inline int end_of(golden::Pty& terminal) {
  for (int i = 0; i < 5; ++i) {
    if (const int status = terminal.end(); status >= 0) return status;
  }
  return -1;
}

}  // namespace kirikae::test
