#include "askpass.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "local.h"
#include "ssh/askpass.h"
#include "ui/terminal.h"

namespace kirikae::cmd {

std::string own_program() {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed || !std::filesystem::exists(path, failed) ? std::string() : path.string();
}

bool called_by_ssh(int argc) { return argc == 2 && std::getenv(ssh::askpass_variable) != nullptr; }

int answer_ssh(const std::string& question) {
  const bool notice = environment_variable("SSH_ASKPASS_PROMPT") == "none";
  const Secret answer = ssh::ask_at_desk(std::getenv(ssh::askpass_variable), question, notice);
  if (notice) return 0;
  if (answer.empty() || !ui::write_all(STDOUT_FILENO, answer.reveal()) || !ui::write_all(STDOUT_FILENO, "\n")) return 1;
  return 0;
}

}  // namespace kirikae::cmd
