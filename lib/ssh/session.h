// Session: one SSH connection: the socket, libssh2's session on it, and the loop that drives both. Owned by one thread for
// its whole life; only its waker may be used by others.
//
// libssh2 never sees a full socket: what the socket doesn't take at once is kept here and sent when it does. So no call leaves
// a half-sent packet behind, after which libssh2 would take nothing but that very call again. Whoever writes a lot has to
// look at may_write().
//
// How to drive it: do one round, in which everybody who waits for something tries it (channel reads, writes, ...), then wait(),
// and again. Any libssh2 call may take what belongs to others off the socket; wait() knows and asks for another round
// instead of sleeping.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/deadline.h"
#include "core/error.h"
#include "core/fd.h"
#include "core/waker.h"
#include "ssh/agent.h"
#include "ssh/held_memory.h"
#include "ssh/kexinit.h"
#include "ssh/link.h"
#include "ssh/transport.h"

struct _LIBSSH2_SESSION;
struct _LIBSSH2_CHANNEL;

namespace kirikae::ssh {

class AgentForward;

class Session final : public Link {
 public:
  // Takes a connected socket that doesn't block. `keepalive`: after so long without a byte from the host it is asked for one,
  // after `silences` times (once at
  // least) that it counts as gone; 0: never, but the network may say so.
  Session(Fd socket, Target target, std::chrono::seconds keepalive, int silences = 3);
  ~Session() override;  // shut_down()
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  enum class Handshake {
    done,
    refused,  // closed before anything was agreed on: how a host says that too many are logging in (loss() has details)
    too_early,  // the host lacks what was sent early: to be tried once more, without that
  };
  // Agrees on algorithms and keys; the host key has yet to be verified. `early`: to save round trips, some is sent before the host has said what
  // it can, and less is offered for that; only where libssh2 can do it. Errors: connect (nothing in common, no SSH server), timeout, cancelled.
  Result<Handshake> handshake(const Algorithms& offered, const Wait& wait, bool early = false);
  // Why that failed: the two have nothing in common.
  [[nodiscard]] bool shares_nothing() const { return sniffer_ && !sniffer_->missing(offered_).empty(); }
  // Likewise: the connection broke in the midst of it, or the host got on badly with what was sent early, and hung up or fell silent. Another
  // one may do better.
  [[nodiscard]] bool may_be_tried_again() const { return may_be_tried_again_; }
  // The host says more than any would before anybody is logged in: libssh2 keeps it all, also what nobody has asked for.
  [[nodiscard]] bool says_too_much() const { return says_too_much_; }
  [[nodiscard]] std::string host_key() const;  // the blob, of a key or a certificate; empty before the handshake
  [[nodiscard]] bool is_openssh() const;       // says its greeting; after the handshake
  [[nodiscard]] std::string identity() const override;
  std::unique_ptr<ShellOpening> open_shell() override;
  std::unique_ptr<ShellOpening> open_terminal() override;

  // The last that the host said to whoever logs in (PAM's refusal of an account, say), for an error text; empty: nothing. Of a session whose
  // login has failed, and that nothing else is wanted of.
  std::string said_at_login();

  // From now on silence means something (see the constructor); for when the host has let us in.
  void watch_for_silence();

  // For a socket that is the near end of something else: asked why that has ended, once it has, or why nothing comes through. Empty: it
  // doesn't know. `command`: that is a program, which alone knows whether a host was reached.
  void explain_end(std::function<std::string()> why, bool command = false) {
    why_it_ended_ = std::move(why);
    by_command_ = command;
  }

  // From now on the host may use the agent at this socket; otherwise its channels to one are refused. It has to be asked for on a channel
  // (ChannelOpening), too.
  void forward_agent(const std::string& socket);
  // What agents are told of the host.
  [[nodiscard]] AgentBinding& agent_binding() { return agent_binding_; }
  [[nodiscard]] bool forwards_agent() const { return agent_ != nullptr; }
  void refuse_agent() { agent_refused_ = true; }  // the host doesn't want it
  [[nodiscard]] bool agent_refused() const { return agent_refused_; }

  // What `f`, a libssh2 call, sends; it finds nothing that the host says. And how many pieces were sent so far.
  int send_only(const std::function<int()>& f);
  [[nodiscard]] std::size_t pieces_sent() const { return pieces_sent_; }

  // Repeats `f`, a libssh2 call, until it gives something else than EAGAIN. LIBSSH2_ERROR_TIMEOUT: `limit` or wait.deadline
  // has passed, or wait.stop was asked to stop. The limit starts anew after an `f` that itself took over a second.
  int call(const std::function<int()>& f, std::chrono::milliseconds limit, const Wait& wait);

  // Ends one round: sends what is kept, and sleeps until there may be something to do: bytes from the host, room for more, the
  // waker, the deadline, or `also` readable. False: the connection is lost, loss() says how.
  bool wait(Deadline deadline, int also = -1) override;

  // Whether a writer of much may go on; otherwise wait() comes back when it may.
  [[nodiscard]] bool may_write() const override { return unsent_.size() - sent_ < 65536; }

  // How much of a payload should be on its way at most. OpenSSH's server copies what its receiver has not yet taken again and again, at a
  // cost of 20 ms for 2 MiB; no less than what keeps a line of 100 MB/s busy.
  [[nodiscard]] std::size_t payload_limit() const override;

  // What libssh2 may hold besides, where channels may wait with what has come on them.
  void allow(std::size_t bytes) { allowed_ = bytes; }

  // A libssh2 call failed in a way that leaves no use for the connection.
  void fail(int code);
  // Likewise, in words: "no sign of life for 45 s".
  void fail(const std::string& why) override;
  [[nodiscard]] bool lost() const override { return !loss_.empty(); }
  [[nodiscard]] const std::string& loss() const override { return loss_; }
  // The host has ended the connection, saying that no more tries to log in are allowed (MaxAuthTries; OpenSSH's servers say so).
  [[nodiscard]] bool tries_are_over() const { return goodbye_.contains("Too many authentication failures"); }

  // A channel that nobody wants any more: closed and freed beside everything else.
  void retire(_LIBSSH2_CHANNEL* channel);
  [[nodiscard]] bool is_retiring() const { return !retired_.empty(); }  // wait() is still needed for some

  // Says goodbye if there is somebody to say it to, closes the socket and frees libssh2's session. Never waits for the host.
  void shut_down() override;

  [[nodiscard]] _LIBSSH2_SESSION* raw() const { return session_; }
  [[nodiscard]] const Target& target() const override { return target_; }
  // Shared, since what wakes may outlive the session by a moment.
  [[nodiscard]] const std::shared_ptr<Waker>& waker() const override { return waker_; }
  [[nodiscard]] std::chrono::milliseconds silence() const;  // since the last byte

 private:
  friend struct SessionCallbacks;
  void flush();
  void count(std::size_t bytes);
  void look_after_silence();
  void free_retired();
  void note_answer(std::optional<Deadline::Clock::time_point>& asked);
  [[nodiscard]] Deadline next_probe() const;

  Fd socket_;
  const Target target_;
  const std::chrono::seconds keepalive_;
  const int silences_;
  std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();
  HeldMemory memory_;
  std::size_t allowed_ = 0;
  _LIBSSH2_SESSION* session_ = nullptr;
  std::vector<_LIBSSH2_CHANNEL*> retired_;

  AgentBinding agent_binding_;
  std::unique_ptr<AgentForward> agent_;
  bool agent_refused_ = false;
  bool deaf_ = false;  // send_only()
  std::size_t pieces_sent_ = 0;

  std::string unsent_;  // what the socket has not taken yet, from sent_ on
  std::size_t sent_ = 0;
  bool was_full_ = false;  // since wait() last said that a writer may go on
  std::size_t taken_ = 0;  // bytes received in this round
  std::size_t taken_before_login_ = 0;  // in all
  bool says_too_much_ = false;
  bool received_ = false;  // in this round
  bool ended_ = false;     // the host's side of the socket has ended
  bool over_ = false;      // shut_down() has begun: nothing is sent or received any more
  std::string loss_;
  std::string goodbye_;  // what the host said when it disconnected
  std::string broke_;    // how the socket failed
  std::function<std::string()> why_it_ended_;
  bool by_command_ = false;

  Algorithms offered_;
  bool may_be_tried_again_ = false;
  std::optional<KexinitSniffer> sniffer_;
  bool watched_ = false;
  int unanswered_ = 0;  // requests for a sign of life
  Deadline::Clock::time_point last_byte_;
  bool logging_in_ = false;  // question and answer by turns
  std::optional<Deadline::Clock::time_point> asked_at_;
  std::optional<Deadline::Clock::time_point> service_asked_at_;  // whether it takes authentication requests
  // The login's quickest answer: not less than a round trip, however many forwarders are in between.
  std::optional<Deadline::Clock::duration> round_trip_;
  Deadline::Clock::time_point last_probe_;
};

}  // namespace kirikae::ssh
