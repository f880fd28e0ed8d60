// What libssh2's error codes mean, in words and as our errors.
#pragma once

#include <string>

#include "core/error.h"

struct _LIBSSH2_SESSION;

namespace kirikae::ssh {

// "the connection was closed (libssh2 error -13: socket disconnect)": our words for the code, then libssh2's own for the last
// error of the session, where there are any.
std::string libssh2_text(_LIBSSH2_SESSION* session, int code);

// Whether the code says that the connection itself is gone or can't be used any more.
bool is_lost(int code);

// The name of a signal without SIG: 9 is "KILL"; empty: there is no such signal.
std::string signal_name(int number);

}  // namespace kirikae::ssh
