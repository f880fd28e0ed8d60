// Authenticator: proves to hosts who the user is, with the keys of the ssh-agent and of key files. One for a whole run:
// keys are read once, the agent is asked for its list once, and a passphrase is asked for once per key file.
#pragma once

#include <functional>
#include <memory>

#include "core/error.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

struct _LIBSSH2_SESSION;

namespace kirikae::ssh {

class Authenticator {
 public:
  // Repeats `f`, one libssh2 function, until it returns something else than LIBSSH2_ERROR_EAGAIN, and returns that. It waits
  // for the socket in between, and gives up at its time limit or at a stop with a code of its own choice that is no success
  // (LIBSSH2_ERROR_TIMEOUT). Each Call has a time limit of its own, which starts anew after an `f` that took longer than a
  // second: signing may wait for a person who touches a hardware key.
  using Call = std::function<int(const std::function<int()>& f)>;

  explicit Authenticator(const Settings& settings);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Authenticates target.user on a session whose handshake is done and whose host key has been verified; any thread, one
  // session per thread. The session is non-blocking and uses libssh2's default allocator. Order: the given identities alone,
  // or the agent's keys and then the default files. A passphrase is asked for outside of `call`, and only for a key that the
  // host would accept.
  // Errors: auth (with every key that was tried), cancelled, timeout, lost (the host hung up; where it did so while a
  // passphrase was awaited, connecting again succeeds, since the answer is kept).
  Result<void> authenticate(_LIBSSH2_SESSION* session, const Target& target, const Call& call, const Wait& wait);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kirikae::ssh
