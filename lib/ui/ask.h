// Questions to the person at the terminal. Always /dev/tty, so that redirections don't matter.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "core/secret.h"

namespace kirikae::ui {

// Somebody is there: standard input is a terminal, and so is /dev/tty.
bool can_ask();

// Shows the question and a colon; takes a line, without its newline. None: end of input, or a stop was asked for.
std::optional<std::string> ask_line(const std::string& question, const std::stop_token& stop);

// Likewise, without echo; empty where there is no answer.
Secret ask_secret(const std::string& question, const std::stop_token& stop);

}  // namespace kirikae::ui
