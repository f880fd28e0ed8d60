#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "local.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {

std::optional<Error> show_text(const std::string& text) {
  return show_raw(ui::without_commands(ci_system(false), text));
}

std::optional<Error> show_raw(const std::string& text) {
  if (ui::write_all(STDOUT_FILENO, text) || errno == EPIPE) return {};  // a reader such as `head` has what it wanted
  return Error(ErrorCode::local, fmt::format("standard output can't be written: {}", std::strerror(errno)));
}

}  // namespace kirikae::cmd
