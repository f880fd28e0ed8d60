#include "ssh/session.h"

#include <fmt/format.h>
#include <libssh2.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include "host/command.h"
#include "ssh/agent_forward.h"
#include "ssh/certificate.h"
#include "ssh/channel.h"
#include "ssh/libssh2_error.h"
#include "ssh/libssh2_patches.h"
#include "ssh/printable.h"
#include "ssh/round_trip.h"
#include "ssh/session_errors.h"
#include "ssh/socket.h"
#include "ssh/stop_wakes.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// More than this is not taken off the socket in one round, so that a host that floods us waits in the kernel's buffers and
// not in libssh2's memory.
constexpr std::size_t round_limit = 131'072;
// Of what a host says before its key has been looked at, and before it has let us in.
constexpr std::size_t handshake_limit = 1U << 20U;
constexpr std::size_t login_limit = 4U << 20U;
constexpr const char* too_much = "it says more than any host would before anybody is logged in";
// Of answers that the host asks for and doesn't take: our own writers stop long before.
constexpr std::size_t unsent_limit = 1U << 20U;

// Once for the whole process, before any session; it is never undone, since sessions of other threads may still end.
void start_libssh2() {
  static const int started = ::libssh2_init(0);
  static_cast<void>(started);
}

}  // namespace

// What libssh2 calls, with the Session behind `abstract`.
struct SessionCallbacks {
  static Session& self(void** abstract) { return *static_cast<Session*>(*abstract); }

  static ssize_t receive(libssh2_socket_t fd, void* buffer, std::size_t size, int flags, void** abstract) {
    auto& session = self(abstract);
    if (session.over_) return 0;
    if (session.deaf_) return -EAGAIN;
    if (session.taken_ >= round_limit) return -EAGAIN;  // received_ is set: wait() comes back at once
    const ssize_t n = ::recv(fd, buffer, size, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return -EAGAIN;
    if (n <= 0) {
      // libssh2 would give nothing any more of what it has received before, not even the last step's end.
      if (n < 0 && session.broke_.empty()) session.broke_ = system_cause(errno);
      session.ended_ = true;
      return -EAGAIN;
    }
    session.received_ = true;
    session.taken_ += static_cast<std::size_t>(n);
    session.last_byte_ = Deadline::Clock::now();
    session.unanswered_ = 0;
    // The kernel forgets it again and again. Without it every second small packet of sshd waits 40 ms for our acknowledgement.
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    if (session.sniffer_) session.sniffer_->feed({static_cast<const char*>(buffer), static_cast<std::size_t>(n)});
    session.count(static_cast<std::size_t>(n));
    return n;
  }

  static ssize_t send(libssh2_socket_t, const void* buffer, std::size_t size, int, void** abstract) {
    auto& session = self(abstract);
    if (!session.over_) {
      if (session.logging_in_) session.asked_at_ = Deadline::Clock::now();
      ++session.pieces_sent_;
      session.unsent_.append(static_cast<const char*>(buffer), size);
      session.flush();
      if (session.unsent_.size() - session.sent_ > unsent_limit) session.fail("it asks for answers without end, and takes none");
      session.was_full_ = session.was_full_ || !session.may_write();
    }
    return static_cast<ssize_t>(size);
  }

  static void* allocate(std::size_t size, void** abstract) { return self(abstract).memory_.allocate(size); }
  static void* reallocate(void* piece, std::size_t size, void** abstract) { return self(abstract).memory_.reallocate(piece, size); }
  static void release(void* piece, void** abstract) { self(abstract).memory_.release(piece); }

  static void agent_wanted(LIBSSH2_SESSION*, LIBSSH2_CHANNEL* channel, void** abstract) {
    auto& session = self(abstract);
    session.agent_ ? session.agent_->opened(channel) : session.retire(channel);
  }

  static void disconnected(LIBSSH2_SESSION*, int, const char* message, int length, const char*, int, void** abstract) {
    if (length > 0)
      self(abstract).goodbye_ = "it said '" + printable({message, static_cast<std::size_t>(length)}, 120) + "'";
  }
};

Session::Session(Fd socket, Target target, std::chrono::seconds keepalive, int silences)
    : socket_(std::move(socket)),
      target_(std::move(target)),
      keepalive_(keepalive),
      silences_(silences),
      last_byte_(Deadline::Clock::now()),
      last_probe_(last_byte_) {
  start_libssh2();
  session_ = ::libssh2_session_init_ex(&SessionCallbacks::allocate, &SessionCallbacks::release, &SessionCallbacks::reallocate, this);
  if (session_ == nullptr) throw std::bad_alloc();
  ::libssh2_session_set_blocking(session_, 0);
  const auto set = [this](int what, auto* function) {
    ::libssh2_session_callback_set2(session_, what, reinterpret_cast<libssh2_cb_generic*>(function));
  };
  set(LIBSSH2_CALLBACK_RECV, &SessionCallbacks::receive);
  set(LIBSSH2_CALLBACK_SEND, &SessionCallbacks::send);
  set(LIBSSH2_CALLBACK_DISCONNECT, &SessionCallbacks::disconnected);
}

Session::~Session() { shut_down(); }

void Session::forward_agent(const std::string& socket) {
  agent_ = std::make_unique<AgentForward>(*this, socket);
  ::libssh2_session_callback_set2(session_, LIBSSH2_CALLBACK_AUTHAGENT,
                                  reinterpret_cast<libssh2_cb_generic*>(&SessionCallbacks::agent_wanted));
}

int Session::send_only(const std::function<int()>& f) {
  deaf_ = true;
  const int code = f();
  deaf_ = false;
  return code;
}

std::string Session::said_at_login() {
  constexpr int most = 16;
  // libssh2 gives out one of what it has kept to each question about the methods, which is not sent here.
  std::string said;
  for (int i = 0; i < most; ++i) {
    send_only([this] {
      ::libssh2_userauth_list(session_, target_.user.c_str(), static_cast<unsigned int>(target_.user.size()));
      return 0;
    });
    char* text = nullptr;
    if (::libssh2_userauth_banner(session_, &text) != 0 || text == nullptr || said == text) break;
    said = text;
  }
  return printable(said, 160);
}

Result<Session::Handshake> Session::handshake(const Algorithms& offered, const Wait& wait, bool early) {
  offered_ = offered;
  const std::string certain = early && libssh2_is_patched ? kex_that_begins_alike(offered.kex) : std::string();
  if (!certain.empty()) {
    offered_.kex = certain;
    exchange_keys_early(session_);
  }
  authenticate_early(session_);
  const std::pair<int, const std::string*> preferences[] = {
      {LIBSSH2_METHOD_KEX, &offered_.kex},         {LIBSSH2_METHOD_HOSTKEY, &offered_.host_key},
      {LIBSSH2_METHOD_CRYPT_CS, &offered_.cipher}, {LIBSSH2_METHOD_CRYPT_SC, &offered_.cipher},
      {LIBSSH2_METHOD_MAC_CS, &offered_.mac},      {LIBSSH2_METHOD_MAC_SC, &offered_.mac}};
  for (const auto& [method, list] : preferences) {
    if (::libssh2_session_method_pref(session_, method, list->c_str()) != 0) {
      return std::unexpected(Error(ErrorCode::internal, "libssh2 knows none of '" + *list + "'").on(target_.name));
    }
  }
  sniffer_.emplace();
  const auto started = Deadline::Clock::now();
  const int code = call([this] { return ::libssh2_session_handshake(session_, socket_.get()); },
                        std::chrono::ceil<milliseconds>(wait.deadline.left()), wait);
  const auto after = duration_cast<milliseconds>(Deadline::Clock::now() - started);
  if (code == 0) {
    agent_binding_ = {host_key(), sniffer_->signature(), {}};
    sniffer_.reset();
    logging_in_ = true;
    if (!takes_authentication(session_)) service_asked_at_ = Deadline::Clock::now();
    return Handshake::done;
  }
  if (wait.stop.stop_requested()) {
    return std::unexpected(
        Error(ErrorCode::cancelled, "connecting to " + place_of(target_) + " was stopped").on(target_.name));
  }
  const bool closed = !says_too_much_ && (code == LIBSSH2_ERROR_SOCKET_DISCONNECT || code == LIBSSH2_ERROR_SOCKET_RECV);
  const bool began_early = !certain.empty() && !sniffer_->banner().empty();
  may_be_tried_again_ = closed ? began_early || sniffer_->complete() : began_early && code == LIBSSH2_ERROR_TIMEOUT;
  if (!certain.empty()) {
    const bool lacks_it = !sniffer_->missing(offered_).empty() && sniffer_->missing(offered).empty();
    if (lacks_it) return Handshake::too_early;
    offered_ = offered;
  }
  if (closed && !may_be_tried_again_ && !answers_as_web_server(*sniffer_) &&
      (sniffer_->banner().empty() || sniffer_->banner().starts_with("SSH-2.0"))) {
    const std::string said = printable(sniffer_->before(), 120);
    if (!said.empty()) goodbye_ = "it said '" + said + "'";
    fail(code);
    return Handshake::refused;
  }
  if (says_too_much_) {
    return std::unexpected(Error(ErrorCode::connect,
                                 fmt::format("no SSH session with {}: {}", place_of(target_), too_much),
                                 "check the host's address and port: " + ssh_command(target_))
                               .on(target_.name));
  }
  const bool timed_out = code == LIBSSH2_ERROR_TIMEOUT;
  return std::unexpected(handshake_error({target_, *sniffer_, offered_, timed_out, after, libssh2_text(session_, code),
                                          timed_out && by_command_ ? std::optional(why_it_ended_()) : std::nullopt}));
}

std::string Session::host_key() const {
  std::size_t size = 0;
  int type = 0;
  const char* blob = ::libssh2_session_hostkey(session_, &size, &type);
  return blob != nullptr ? std::string(blob, size) : std::string();
}

std::string Session::identity() const { return fingerprint(plain_key(host_key())); }

std::unique_ptr<ShellOpening> Session::open_shell() { return std::make_unique<ChannelOpening>(*this, host::start_line(), forwards_agent()); }

std::unique_ptr<ShellOpening> Session::open_terminal() {
  return std::make_unique<ChannelOpening>(*this, host::terminal_line(), forwards_agent(), true);
}

bool Session::is_openssh() const {
  const char* banner = ::libssh2_session_banner_get(session_);
  return banner != nullptr && std::string_view(banner).starts_with("SSH-2.0-OpenSSH_");
}

void Session::watch_for_silence() {
  // The shortest interval: when it is time is decided here, by the clock that doesn't jump.
  ::libssh2_keepalive_config(session_, 1, 2);
  watched_ = keepalive_.count() > 0;
  last_byte_ = Deadline::Clock::now();
  logging_in_ = false;
  asked_at_.reset();
}

std::size_t Session::payload_limit() const {
  constexpr std::size_t least = 256 * 1024;
  constexpr std::size_t per_millisecond = 100'000;
  // Others may confirm what they take later than that, and would wait for us as we for them.
  if (!is_openssh()) return std::numeric_limits<std::size_t>::max();
  // Where many log in at once, their answers take far longer than the line.
  const auto kernels = shortest_round_trip(socket_.get());
  if (!kernels && !round_trip_) return std::numeric_limits<std::size_t>::max();
  const auto line = kernels ? std::chrono::ceil<milliseconds>(*kernels) : std::chrono::ceil<milliseconds>(*round_trip_);
  return std::max(least, per_millisecond * static_cast<std::size_t>(line.count()));
}

// The answer to what was `asked` then has come, with the last bytes at the latest.
void Session::note_answer(std::optional<Deadline::Clock::time_point>& asked) {
  if (asked && last_byte_ > *asked) round_trip_ = std::min(last_byte_ - *asked, round_trip_.value_or(last_byte_ - *asked));
  asked.reset();
}

int Session::call(const std::function<int()>& f, milliseconds limit, const Wait& wait_for) {
  const StopWakes wakes(wait_for.stop, *waker_);
  auto own = Deadline::in(limit);
  for (;;) {
    const auto before = Deadline::Clock::now();
    const int code = f();
    // That one takes the host no time, while a login's other answers do.
    if (service_asked_at_ && takes_authentication(session_)) note_answer(service_asked_at_);
    if (code != LIBSSH2_ERROR_EAGAIN) {
      note_answer(asked_at_);
      return code;
    }
    if (Deadline::Clock::now() - before > std::chrono::seconds(1)) own = Deadline::in(limit);
    if (wait_for.stop.stop_requested() || own.passed() || wait_for.deadline.passed()) return LIBSSH2_ERROR_TIMEOUT;
    if (!wait(own.tightened(wait_for.deadline))) return LIBSSH2_ERROR_SOCKET_DISCONNECT;
  }
}

bool Session::wait(Deadline deadline, int also) {
  const bool more = agent_ && !lost() && agent_->step();
  free_retired();
  flush();
  if (lost()) return false;
  taken_ = 0;
  // Who has stopped writing may go on, though nothing would come from the host that says so.
  if (was_full_ && may_write()) {
    was_full_ = false;
    return true;
  }
  // Bytes came in this round, perhaps after somebody had looked for theirs in vain.
  if (received_ || more) {
    received_ = false;
    return true;
  }
  if (ended_) {
    fail(LIBSSH2_ERROR_SOCKET_DISCONNECT);
    return false;
  }
  const bool pending = sent_ < unsent_.size();
  pollfd polled[] = {{socket_.get(), static_cast<short>(POLLIN | (pending ? POLLOUT : 0)), 0},
                     {waker_->fd(), POLLIN, 0},
                     {also, POLLIN, 0},
                     {agent_ ? agent_->fd() : -1, POLLIN, 0}};
  const auto until = watched_ ? deadline.tightened(next_probe()) : deadline;
  if (::poll(polled, 4, until.poll_milliseconds()) < 0) return true;  // EINTR: as good as a wake
  if (polled[1].revents != 0) waker_->clear();
  if ((polled[0].revents & POLLOUT) != 0) flush();
  if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) look_after_silence();
  return !lost();
}

void Session::count(std::size_t bytes) {
  if (memory_.is_too_much(allowed_)) fail("it sends without end what nobody has asked for");
  if (!sniffer_ && !logging_in_) return;
  taken_before_login_ += bytes;
  if (taken_before_login_ <= (sniffer_ ? handshake_limit : login_limit)) return;
  says_too_much_ = true;
  fail(too_much);
}

void Session::flush() {
  while (sent_ < unsent_.size() && !lost()) {
    const ssize_t n = ::send(socket_.get(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EINTR) {
      break;
    } else {
      // What the host has said before it closed is still to be read, and says more than this error.
      if (broke_.empty()) broke_ = system_cause(errno);
      sent_ = unsent_.size();
    }
  }
  if (sent_ == unsent_.size()) {
    unsent_.clear();
    sent_ = 0;
  } else if (sent_ > 65536) {
    unsent_.erase(0, sent_);
    sent_ = 0;
  }
}

Deadline Session::next_probe() const {
  const auto last = std::max(last_byte_, last_probe_);
  return Deadline::in(last + keepalive_ - Deadline::Clock::now());
}

// Counted in requests and not in time alone, so that a machine that wakes from sleep first asks.
void Session::look_after_silence() {
  if (!watched_ || !next_probe().passed()) return;
  if (silences_ > 0 && unanswered_ > 0 && unanswered_ + 1 >= silences_) {
    fail(fmt::format("no sign of life for {:.0f} s", std::chrono::duration<double>(silence()).count()));
    return;
  }
  ++unanswered_;
  last_probe_ = Deadline::Clock::now();
  int next = 0;
  if (const int code = ::libssh2_keepalive_send(session_, &next); code != 0) fail(code);
}

milliseconds Session::silence() const { return duration_cast<milliseconds>(Deadline::Clock::now() - last_byte_); }

void Session::fail(int code) {
  if (lost()) return;
  const bool closed =
      code == LIBSSH2_ERROR_SOCKET_DISCONNECT || code == LIBSSH2_ERROR_SOCKET_RECV || code == LIBSSH2_ERROR_SOCKET_SEND;
  if (!closed) {
    loss_ = libssh2_text(session_, code);
    return;
  }
  loss_ = goodbye_;
  if (loss_.empty() && why_it_ended_) loss_ = why_it_ended_();
  if (loss_.empty()) loss_ = broke_.empty() ? "the host closed it" : broke_;
}

void Session::fail(const std::string& why) {
  if (!lost()) loss_ = why;
}

void Session::retire(LIBSSH2_CHANNEL* channel) {
  if (session_ != nullptr) retired_.push_back(channel);  // otherwise it has gone with the session
}

void Session::free_retired() {
  std::erase_if(retired_,
                [](LIBSSH2_CHANNEL* channel) { return ::libssh2_channel_free(channel) != LIBSSH2_ERROR_EAGAIN; });
}

void Session::shut_down() {
  if (session_ == nullptr) return;
  agent_.reset();
  if (!lost() && sent_ == unsent_.size()) {
    ::libssh2_session_disconnect_ex(session_, SSH_DISCONNECT_BY_APPLICATION, "done", "");
    flush();
  }
  // Without it the library would wait for answers of a host that may be gone.
  over_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  // A key exchange that is cut short frees what it has made only when it is told so itself.
  if (sniffer_) ::libssh2_session_handshake(session_, socket_.get());
  while (::libssh2_session_free(session_) == LIBSSH2_ERROR_EAGAIN) {
  }
  session_ = nullptr;
  retired_.clear();
  fail("it was closed");
}

}  // namespace kirikae::ssh
