// What a jump host's thread has while it serves: the channels that it has asked for, and the tunnels through those that are there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/fd.h"
#include "ssh/jump_line.h"
#include "ssh/tunnel.h"

struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

struct JumpLine::Round {
  // `first_most`: so many channels may be asked for at the same time.
  Round(Session& on, std::size_t first_most);
  ~Round();
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  struct Opening {
    Requested request;
    _LIBSSH2_CHANNEL* channel;
  };
  struct Carried {
    std::unique_ptr<Tunnel> tunnel;
    std::shared_ptr<Way> way;
  };

  // What the sockets have for their tunnels.
  void look();
  // Asks for a channel for `next`, which is empty then. libssh2's code; LIBSSH2_ERROR_EAGAIN while that is not done.
  int ask();
  Result<Passage> carry(const Target& target, _LIBSSH2_CHANNEL* opened);
  // True: there is more to do at once.
  bool step();
  void forget(const Tunnel& tunnel) const;

  Session& session;
  Fd events;
  std::vector<Carried> carried;
  bool pulled = false;  // in the last step
  std::size_t first = 0;
  Requested next;       // for which a channel is being asked for
  std::string message;  // likewise
  std::vector<Opening> opening;
  std::size_t most;  // that may be in `opening`
};

}  // namespace kirikae::ssh
