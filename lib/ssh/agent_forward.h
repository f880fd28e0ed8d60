// AgentForward: lets a host use the ssh-agent of this machine: each connection that it makes becomes one to the agent's socket, which is
// told whose it is. Used by the session's thread only; never waits, however slow the agent is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/fd.h"

struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

class Session;

class AgentForward {
 public:
  AgentForward(Session& session, std::string socket);
  ~AgentForward();
  AgentForward(const AgentForward&) = delete;
  AgentForward& operator=(const AgentForward&) = delete;

  // The host has opened a channel to the agent. libssh2 is in the middle of something then: nothing is done yet.
  void opened(_LIBSSH2_CHANNEL* channel) { waiting_.push_back(channel); }
  // Once in a round. True: there is more to do at once.
  bool step();
  // Readable where step() would find something to do.
  [[nodiscard]] int fd() const { return events_.get(); }

 private:
  struct Connection;
  void connect(_LIBSSH2_CHANNEL* channel);
  void forget(const Connection& connection) const;

  Session& session_;
  const std::string socket_;
  Fd events_;
  std::vector<_LIBSSH2_CHANNEL*> waiting_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// A connection to an agent, which doesn't block. Not valid: there is none, errno says why.
Fd connect_to_agent(const std::string& socket);

}  // namespace kirikae::ssh
