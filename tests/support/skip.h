// A test that this machine can't run: told as such by ctest (tests/discover.cmake), not as passed.
//
//   if (is_skipped(path_of("mksh").empty(), "mksh is not installed")) return;
#pragma once

#include <string>

#include "support/catch.h"
#include "support/replaced_files.h"

namespace kirikae::test {

inline bool is_skipped(bool impossible, const std::string& why) {
  const std::string text = "this test is skipped: " + why;
#ifdef SKIP
  if (impossible) SKIP(text);
#else
  if (impossible) WARN(text);
#endif
  return impossible;
}

inline bool is_skipped_without_mounts() {
  return is_skipped(!can_replace_files(), "other files at the place of the system's need root and the right to mount");
}

}  // namespace kirikae::test
