// What third_party/libssh2/ours adds to libssh2: each spares a round trip or two, but for that by which hosts can be asked for
// certificates (HostKeys::key_types()), that by which several channels are opened at the same time, and that which tells what a host said to a
// login that failed. A library of the system has none of it.
#pragma once

#include <libssh2.h>

#include <optional>
#include <string_view>

namespace kirikae::ssh {

// What a host has said to a request that didn't let anybody in (RFC 4252, section 5.1).
struct LoginFailure {
  std::string_view methods;  // that can continue, with commas between; the session's, until its next request
  bool partial = false;      // what it was given was right, and is not enough
};

#if defined(LIBSSH2_FLAG_EARLY_KEX) && defined(LIBSSH2_FLAG_EARLY_AUTH) && defined(LIBSSH2_FLAG_SIGN_FIRST) && \
    defined(LIBSSH2_FLAG_EARLY_CHANNEL) && defined(LIBSSH2_HOSTKEY_TYPE_CERTIFICATE) && defined(LIBSSH2_FLAG_PENDING_CHANNELS)

inline constexpr bool libssh2_is_patched = true;

// Our side of the key exchange goes out with the greeting, where all methods on offer begin alike.
inline void exchange_keys_early(LIBSSH2_SESSION* session) { ::libssh2_session_flag(session, LIBSSH2_FLAG_EARLY_KEX, 1); }
// The first authentication request needn't wait for the host's word that it takes such requests.
inline void authenticate_early(LIBSSH2_SESSION* session) { ::libssh2_session_flag(session, LIBSSH2_FLAG_EARLY_AUTH, 1); }
// Whether that word has come.
inline bool takes_authentication(LIBSSH2_SESSION* session) { return ::libssh2_userauth_service_accepted(session) == 1; }
// Whether the next key is shown with a signature at once.
inline void sign_first(LIBSSH2_SESSION* session, bool yes) { ::libssh2_session_flag(session, LIBSSH2_FLAG_SIGN_FIRST, yes ? 1 : 0); }
// Whether a command can be asked for on the first channel before the host has opened it, which has to give it the number 0.
inline void use_channel_early(LIBSSH2_SESSION* session, bool yes) { ::libssh2_session_flag(session, LIBSSH2_FLAG_EARLY_CHANNEL, yes ? 1 : 0); }
// From now on channels are returned when they have been asked for, and are used once they are open: any number at the same time.
inline void open_many_channels(LIBSSH2_SESSION* session) { ::libssh2_session_flag(session, LIBSSH2_FLAG_PENDING_CHANNELS, 1); }
// libssh2's code for one of these; LIBSSH2_ERROR_EAGAIN while the host has not answered.
inline int channel_opened(LIBSSH2_CHANNEL* channel) { return ::libssh2_channel_opened(channel); }
// The last that there was; nothing where libssh2 doesn't keep it.
inline std::optional<LoginFailure> login_failure(LIBSSH2_SESSION* session) {
  const char* methods = nullptr;
  int partial = 0;
  if (::libssh2_userauth_failure(session, &methods, &partial) != 0) return std::nullopt;
  return LoginFailure{methods, partial != 0};
}

#else

inline constexpr bool libssh2_is_patched = false;
inline void exchange_keys_early(LIBSSH2_SESSION*) {}
inline void authenticate_early(LIBSSH2_SESSION*) {}
inline bool takes_authentication(LIBSSH2_SESSION*) { return true; }
inline void sign_first(LIBSSH2_SESSION*, bool) {}
inline void use_channel_early(LIBSSH2_SESSION*, bool) {}
inline void open_many_channels(LIBSSH2_SESSION*) {}
inline int channel_opened(LIBSSH2_CHANNEL*) { return 0; }
inline std::optional<LoginFailure> login_failure(LIBSSH2_SESSION*) { return std::nullopt; }

#endif

}  // namespace kirikae::ssh
