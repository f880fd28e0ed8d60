// JumpHosts: the ways to hosts behind jump hosts. Each jump host is logged in on once in a run, whatever is behind it, by a thread
// that then carries the bytes of all these hosts. Any thread.
//
// A channel to a host that is down may take a jump host minutes: where a login is held up by such ones, a second one is made on the same
// jump host. A login through which nothing has gone for a while is ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "core/error.h"
#include "ssh/host_settings.h"
#include "ssh/jump_line.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class Session;

class JumpHosts {
 public:
  // Logs in on `hop`: reaches it through `before` (where that is empty: as the hop's own settings say), verifies its key, authenticates.
  // Called in the thread that will own the session; may call connect() of the same object. `wait` has no deadline: the hop's settings
  // have limits. It is stopped when nobody waits for it any more.
  using LogIn =
      std::function<Result<std::unique_ptr<Session>>(const Hop& hop, const std::vector<Hop>& before, const Wait& wait)>;

  explicit JumpHosts(LogIn log_in, std::chrono::milliseconds linger = std::chrono::seconds(30));
  ~JumpHosts();  // ends all ways; nobody may be in connect() any more
  JumpHosts(const JumpHosts&) = delete;
  JumpHosts& operator=(const JumpHosts&) = delete;

  // A way to target.address and target.port, as the last of `jumps` (there is one at least) understands these.
  // Errors: those of a login, for all who waited for it, with "jump host 'NAME'" as context. They are kept for those who come later
  // too, so that hundreds of hosts don't wait one after the other for a jump host that is down; but not lost and cancelled, nor any
  // once a login on it has been good. Then connect (the jump host refuses, or doesn't reach the target), lost, timeout, cancelled.
  // `limit`: how long the jump host may take to come to the target, once it was asked; a login on it has limits of its own.
  Result<Passage> connect(const std::vector<Hop>& jumps, const Target& target, std::chrono::milliseconds limit, const Wait& wait);

  [[nodiscard]] std::size_t logins() const;  // so many were begun

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kirikae::ssh
