// This program as the one by which the system's ssh asks (ssh/askpass.h).
#pragma once

#include <string>

namespace kirikae::cmd {

// The path of the program that runs; empty: it isn't known.
std::string own_program();

// Whether ssh has called us to ask; then answer_ssh() is all that is to be done, and its result the exit status.
bool called_by_ssh(int argc);
int answer_ssh(const std::string& question);

}  // namespace kirikae::cmd
