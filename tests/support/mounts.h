// For tests whose servers see other files at the place of the system's: they need root and the right to mount.
#pragma once

#include "support/catch.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {

// Told as such by ctest (tests/discover.cmake), not as passed.
inline bool is_skipped_without_mounts() {
  const bool can = can_replace_files();
  const char* why = "this test is skipped: a server with files of its own in /etc needs root and the right to mount";
#ifdef SKIP
  if (!can) SKIP(why);
#else
  if (!can) WARN(why);
#endif
  return !can;
}

}  // namespace kirikae::test
