#include "host/sudo.h"

#include <unistd.h>

#include "support/catch.h"
#include "support/file_text.h"
#include "support/process.h"
#include "support/skip.h"

namespace kirikae::test {

// Each process has its own: what another test shows of its password is none of ours.
const std::string sudo_password_start = "Xq sudo's" + std::to_string(::getpid());
const std::string sudo_password = sudo_password_start + " \\pass\"word";

bool is_skipped_without_sudo() {
  if (is_skipped_without_mounts()) return true;
  REQUIRE(installed("sudo"));
  return false;
}

ReplacedFiles nobodys_sudo(const TempDir& folder, const std::string& sudoers, const std::string& first_rule) {
  return sudo_files(folder, sudoers, {{"nobody", sudo_password}}, first_rule);
}

std::vector<Shell> with_sudo(std::vector<Shell> shells) {
  static const TempDir programs;
  static const bool made = [] {
    open_to_all(programs);
    fs::create_symlink("/usr/bin/sudo", programs.path() / "sudo");
    return true;
  }();
  for (Shell& shell : shells) shell.path += made ? ":" + programs.path().string() : "";
  return shells;
}

std::vector<std::string> processes_that_show(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& process : all_processes()) {
    for (const char* file : {"cmdline", "environ"}) {
      const fs::path path = fs::path("/proc") / std::to_string(process.pid) / file;
      try {
        if (file_text(path).find(text) != std::string::npos) found.push_back(path.string());
      } catch (const std::ios_base::failure&) {  // it has ended
      }
    }
  }
  return found;
}

}  // namespace kirikae::test
