#include "ssh/transport.h"

#include <fmt/format.h>

namespace kirikae::ssh {

std::string Exit::text() const {
  return fmt::format("ended with status {}{}", status, signal.empty() ? "" : fmt::format(" (as by signal {})", signal));
}

Result<Exit> Transport::exec_row(const Row& row, const OutputFn& on_output, const Wait& wait) {
  Exit ended;
  for (std::size_t i = 0; i < row.commands.size() && ended.ok(); ++i) {
    if (i > 0) row.begun(i);
    TRY_ASSIGN(ended, exec(row.commands[i], on_output, wait));
  }
  return ended;
}

Result<Exit> Transport::send_row(const Row& row, const Payload& payload, const OutputFn& on_output, const Wait& wait) {
  Exit ended;
  for (std::size_t i = 0; i < row.commands.size() && ended.ok(); ++i) {
    if (i > 0) row.begun(i);
    if (i == payload.for_command) {
      TRY_ASSIGN(ended, send(row.commands[i], payload.data, payload.sent, on_output, wait));
    } else {
      TRY_ASSIGN(ended, exec(row.commands[i], on_output, wait));
    }
  }
  return ended;
}

}  // namespace kirikae::ssh
