// Authenticator: proves to hosts who the user is, with the keys of the ssh-agent and of key files, and where a host wants that, with
// passwords and answers to its questions. One for a whole run: keys are read once, the agent is asked for its list once, and a
// passphrase is asked for once per key file, a password once per account.
#pragma once

#include <functional>
#include <memory>

#include "core/error.h"
#include "ssh/agent.h"
#include "ssh/passwords.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

struct _LIBSSH2_SESSION;

namespace kirikae::ssh {

// With one question at a time, whoever asks.
Settings asking_in_turn(Settings settings);

class Authenticator {
 public:
  // Repeats `f`, one libssh2 function, until it returns something else than LIBSSH2_ERROR_EAGAIN, and returns that,
  // whatever it is. It waits for the socket in between, and gives up at a time limit or a stop with
  // LIBSSH2_ERROR_TIMEOUT. The limit is that of one call: between calls somebody may be typing a passphrase or touching
  // a hardware key.
  using Call = std::function<int(const std::function<int()>& f)>;

  // `given`: passwords that nobody is asked for.
  explicit Authenticator(const Settings& settings, Passwords::Given given = {});
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Authenticates target.user on a session whose handshake is done and whose host key has been verified; any thread,
  // one session per thread. The session is non-blocking and uses libssh2's default allocator. The keys are tried in KeyRing's
  // order. A passphrase is asked for only where the host
  // would accept the key. Then passwords, where the host takes any and somebody is there to give them; before that, no host is asked
  // what it takes.
  // Errors: auth (with everything that was tried, and what the host takes), local (a required identity can't be used), cancelled,
  // timeout, lost (the host hung up; connecting again may succeed, since answers are kept, keys that it has refused are left out
  // then, and `signed_sent` is not called where a host wants more than a key).
  struct Beside {
    // Where there is one, it is called again and again while the host's judgement of a signature is awaited, with the number of
    // signatures that were sent: what needs the login may be asked for then already.
    std::function<void(int signatures)> signed_sent{};
    std::function<bool()> tries_are_over{};  // the host has hung up since it allows no more; not set: it can't be told
    AgentBinding* binding = nullptr;  // for agents; has the session's id afterwards, if a key has signed
  };
  Result<void> authenticate(_LIBSSH2_SESSION* session, const Target& target, const HostSettings& host, const Call& call,
                            const Wait& wait, const Beside& beside);
  Result<void> authenticate(_LIBSSH2_SESSION* session, const Target& target, const HostSettings& host, const Call& call, const Wait& wait) {
    return authenticate(session, target, host, call, wait, {});
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kirikae::ssh
