#include "ssh/libssh2_error.h"

#include <fmt/format.h>
#include <libssh2.h>

#include <csignal>
#include <cstring>

namespace kirikae::ssh {
namespace {

const char* words(int code) {
  switch (code) {
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_BANNER_RECV:
      return "the connection was closed";
    case LIBSSH2_ERROR_SOCKET_SEND:
      return "nothing can be sent any more";
    case LIBSSH2_ERROR_TIMEOUT:
    case LIBSSH2_ERROR_SOCKET_TIMEOUT:
      return "it took too long";
    case LIBSSH2_ERROR_KEX_FAILURE:
    case LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE:
      return "the key exchange failed";
    case LIBSSH2_ERROR_HOSTKEY_INIT:
    case LIBSSH2_ERROR_HOSTKEY_SIGN:
      return "the host's key is not valid";
    case LIBSSH2_ERROR_INVALID_MAC:
    case LIBSSH2_ERROR_DECRYPT:
      return "what came was damaged on the way";
    case LIBSSH2_ERROR_PROTO:
    case LIBSSH2_ERROR_OUT_OF_BOUNDARY:
      return "the host does not keep to the SSH protocol";
    case LIBSSH2_ERROR_CHANNEL_FAILURE:
      return "the host opens no further channel";
    case LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED:
      return "the host refuses to run a command";
    case LIBSSH2_ERROR_CHANNEL_CLOSED:
    case LIBSSH2_ERROR_CHANNEL_EOF_SENT:
    case LIBSSH2_ERROR_CHANNEL_UNKNOWN:
      return "the channel was closed";
    case LIBSSH2_ERROR_ALLOC:
      return "there is not enough memory";
    default:
      return "the SSH library gave up";
  }
}

}  // namespace

std::string libssh2_text(LIBSSH2_SESSION* session, int code) {
  char* said = nullptr;
  int length = 0;
  const int last = session != nullptr ? ::libssh2_session_last_error(session, &said, &length, 0) : 0;
  const bool fits = last == code && said != nullptr && length > 0;
  return fmt::format("{} (libssh2 error {}{}{})", words(code), code, fits ? ": " : "",
                     fits ? std::string_view(said, static_cast<std::size_t>(length)) : std::string_view());
}

bool is_lost(int code) {
  switch (code) {
    case LIBSSH2_ERROR_CHANNEL_FAILURE:
    case LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED:
    case LIBSSH2_ERROR_CHANNEL_CLOSED:
    case LIBSSH2_ERROR_CHANNEL_EOF_SENT:
    case LIBSSH2_ERROR_CHANNEL_UNKNOWN:
      return false;
    default:
      return code < 0 && code != LIBSSH2_ERROR_EAGAIN;
  }
}

std::string signal_name(int number) {
  const char* name = number > 0 && number < NSIG ? ::sigabbrev_np(number) : nullptr;
  return name != nullptr ? name : "";
}

}  // namespace kirikae::ssh
