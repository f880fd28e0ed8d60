// Echo: the one setting of the terminal that questions change, and its way back.
#pragma once

namespace kirikae::ui {

// Typed characters stay invisible, and ^Z is no signal, until restore_echo(). One terminal at a time. False: it is no
// terminal.
bool silence_echo(int fd);

[[nodiscard]] bool echo_is_silent();  // a question waits for its secret answer

// From any thread or a signal handler, any number of times.
void restore_echo();

}  // namespace kirikae::ui
