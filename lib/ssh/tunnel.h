// Tunnel: carries bytes both ways between a socket of ours and a channel of a Session. Used by the session's thread only. What it
// keeps is bounded: 32 KiB on the way up, twice the channel's window on the way down.
#pragma once

#include <cstdint>
#include <string>

#include "core/fd.h"
#include "ssh/channel.h"
#include "ssh/send_ahead.h"

namespace kirikae::ssh {

class Session;

class Tunnel {
 public:
  // `socket` doesn't block.
  Tunnel(Session& session, Channel channel, Fd socket);

  // Takes what has come for any channel of the session off the network; once in a round. False: this one's channel is closed, and
  // can't.
  bool pull() { return !channel_.closed(); }
  // What an edge-triggered epoll has said about the socket since the last round.
  void notice(unsigned events);
  // Does what can be done now. True: there is more that could be done at once, but it is others' turn.
  bool step();
  // Nothing more will pass, either way.
  [[nodiscard]] bool over() const { return over_; }

  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  bool carry_up();
  void carry_down();
  bool send_up();
  void send_down(std::string_view bytes);

  Session& session_;
  Channel channel_;
  Fd socket_;
  bool readable_ = true;  // until the socket says otherwise
  bool writable_ = true;
  bool gone_ = false;  // nobody holds the socket's other end any more
  std::string up_;     // read from the socket, not yet taken by the channel
  std::string down_;   // read from the channel, not yet taken by the socket
  bool up_ended_ = false, told_end_up_ = false;
  SendAhead ahead_;
  std::uint64_t sent_ = 0;  // up
  bool told_end_down_ = false;
  bool over_ = false;
};

}  // namespace kirikae::ssh
