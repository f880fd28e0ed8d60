// A test that this machine can't run: told as such by ctest (tests/discover.cmake), not as passed.
//
//   if (is_skipped(!can_replace_files(), "a server of its own needs root and the right to mount")) return;
#pragma once

#include <string>

#include "support/catch.h"

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

}  // namespace kirikae::test
