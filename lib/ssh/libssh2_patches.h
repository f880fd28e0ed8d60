// What third_party/libssh2/ours adds to libssh2: each spares a round trip or two, but for that by which hosts can be asked for
// certificates (HostKeys::key_types()), and that by which several channels are opened at the same time. A library of the system has none of it.
#pragma once

#include <libssh2.h>

namespace kirikae::ssh {

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

#else

inline constexpr bool libssh2_is_patched = false;
inline void exchange_keys_early(LIBSSH2_SESSION*) {}
inline void authenticate_early(LIBSSH2_SESSION*) {}
inline bool takes_authentication(LIBSSH2_SESSION*) { return true; }
inline void sign_first(LIBSSH2_SESSION*, bool) {}
inline void use_channel_early(LIBSSH2_SESSION*, bool) {}
inline void open_many_channels(LIBSSH2_SESSION*) {}
inline int channel_opened(LIBSSH2_CHANNEL*) { return 0; }

#endif

}  // namespace kirikae::ssh
