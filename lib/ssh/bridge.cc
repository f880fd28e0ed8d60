#include "ssh/bridge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "ssh/socket.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds call_limit{30};  // for a program to call its remote shell
constexpr seconds end_limit{20};   // for it to end after the command has
constexpr std::size_t bridge_piece = 65536;
constexpr std::size_t ahead = 4 * bridge_piece;  // of the host
constexpr std::size_t longest_complaint = 4096;
constexpr std::size_t longest_command = 65536;
// rsync reads while it writes, so hardly anything ever waits for it.
constexpr std::size_t most_unread = std::size_t{64} << 20;

// A message comes whole, or not at all.
Fd message_socket() { return Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

sockaddr_un door_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Fd open_door(const std::string& path) {
  Fd socket = message_socket();
  const auto address = door_address(path);
  if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1) != 0) {
    return {};
  }
  return socket;
}

// Room for two descriptors beside a message.
struct Beside {
  static constexpr std::size_t size = 2 * sizeof(int);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(size)> bytes{};
};

msghdr message_with(iovec& where, Beside& beside) {
  msghdr message{};
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = beside.bytes.data();
  message.msg_controllen = beside.bytes.size();
  return message;
}

bool is_ours(const Fd& caller) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(caller.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == ::geteuid();
}

// The last of it, from the beginning of a line on.
void keep_last(std::string& words) {
  if (words.size() <= longest_complaint) return;
  words.erase(0, words.size() - longest_complaint);
  words.erase(0, words.find('\n') + 1);
}

// False: it would have to be waited for.
bool write_some(const Fd& fd, std::string& bytes) {
  ssize_t n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n < 0 && errno == ENOTSOCK) n = ::write(fd.get(), bytes.data(), bytes.size());  // a pipe
  if (n > 0) bytes.erase(0, static_cast<std::size_t>(n));
  return n > 0 || errno == EAGAIN || errno == EINTR;
}

}  // namespace

// Reads what the program has said.
class Bridge::Source final : public ByteSource {
 public:
  explicit Source(Bridge& bridge) : bridge_(bridge) {}
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
    const std::lock_guard lock(bridge_.mutex_);
    if (bridge_.failure_) return std::unexpected(*bridge_.failure_);
    const auto there = bridge_.to_host_.size() - bridge_.taken_;
    if (there == 0) {
      if (!bridge_.from_program_.valid()) return Piece{Piece::State::end, 0};
      bridge_.reader_ = waker;
      return Piece{Piece::State::later, 0};
    }
    const auto size = bridge_.to_host_.copy(buffer.data(), buffer.size(), bridge_.taken_);
    bridge_.taken_ += size;
    if (size == there) {
      bridge_.to_host_.clear();
      bridge_.taken_ = 0;
    } else if (bridge_.taken_ >= ahead) {
      bridge_.to_host_.erase(0, bridge_.taken_);
      bridge_.taken_ = 0;
    }
    if (there >= ahead && there - size < ahead) bridge_.wake_->wake();
    return Piece{Piece::State::data, size};
  }

 private:
  Bridge& bridge_;
};

Result<std::unique_ptr<Bridge>> Bridge::start(const Call& call, const Wait& wait) {
  // Gone as soon as the program has called: there is nothing left to be found by anybody, nor to be left behind.
  TRY_ASSIGN(const PrivateFolder folder, PrivateFolder::make());
  const std::string shell = folder / "shell", file = folder / "file", path = folder / "socket";
  const auto argv = call.argv(shell, file);
  std::unique_ptr<Bridge> bridge(new Bridge(argv.front()));
  const auto failed = [&](const std::string& why) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("'{}' can't be started on this machine: {}", argv.front(), why)));
  };
  // A name without anything that a program might split it at.
  std::error_code linked;
  std::filesystem::create_symlink(call.shell, shell, linked);
  if (linked) return failed(linked.message());
  std::ofstream out(file, std::ios::binary);
  out << call.file;
  out.close();
  if (!out) return failed("no room for its list in '" + file + "'");
  const Fd door = open_door(path);
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Ends errors = pipe_to_us();
  if (!door.valid() || !nothing.valid() || !errors.ours.valid()) return failed(system_cause(errno));
  const ChildCall child{
      .argv = argv, .environment = {{bridge_variable, path}}, .without = call.without, .socket = nothing.get(), .errors = errors.theirs.get()};
  if (const int error = bridge->child_.start(child); error != 0) return failed(system_cause(error));
  errors.theirs.reset();
  bridge->errors_ = std::move(errors.ours);
  bridge->to_host_ = call.first;
  TRY(bridge->await_call(door, wait));
  bridge->thread_ = std::jthread([self = bridge.get()](const std::stop_token& stop) { self->copy(stop); });
  return bridge;
}

Bridge::~Bridge() {
  thread_.request_stop();
  wake_->wake();
}

Result<void> Bridge::await_call(const Fd& door, const Wait& wait) {
  const StopWakes wakes(wait.stop, *wake_);
  const auto until = wait.deadline.tightened(Deadline::in(call_limit));
  for (;;) {
    const bool over = child_.end().has_value();
    read_errors();
    if (let_in(door)) return {};
    if (over) {
      return std::unexpected(Error(ErrorCode::local, fmt::format("'{}' on this machine has ended before it called the host{}{}", program_,
                                                                 words_.empty() ? "" : ":\n  ", words_.substr(0, words_.find_last_not_of('\n') + 1))));
    }
    if (wait.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, fmt::format("'{}' was stopped", program_)));
    if (until.passed()) return std::unexpected(Error(ErrorCode::timeout, fmt::format("'{}' on this machine doesn't call the host", program_)));
    std::array<pollfd, 4> fds{{{door.get(), POLLIN, 0}, {child_.exit_fd(), POLLIN, 0}, {wake_->fd(), POLLIN, 0}, {errors_.get(), POLLIN, 0}}};
    const auto look = child_.exit_fd() >= 0 ? until : until.tightened(Deadline::in(exit_poll));
    ::poll(fds.data(), fds.size(), look.poll_milliseconds());
  }
}

bool Bridge::let_in(const Fd& door) {
  pollfd at_door{door.get(), POLLIN, 0};
  if (::poll(&at_door, 1, 0) <= 0) return false;
  Fd caller(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!caller.valid() || !is_ours(caller)) return false;
  const timeval patience{2, 0};  // it says all at once
  ::setsockopt(caller.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string text(longest_command, '\0');
  Beside beside;
  iovec where{text.data(), text.size()};
  msghdr message = message_with(where, beside);
  const ssize_t size = ::recvmsg(caller.get(), &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* fds = size > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (fds == nullptr || fds->cmsg_type != SCM_RIGHTS || fds->cmsg_len != CMSG_LEN(Beside::size) || (message.msg_flags & MSG_TRUNC) != 0) return false;
  std::array<int, 2> streams{};
  std::memcpy(streams.data(), CMSG_DATA(fds), Beside::size);
  from_program_ = Fd(streams[0]);
  to_program_ = Fd(streams[1]);
  for (const int fd : streams) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  text.resize(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\0', at), text.size());
    command_.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  caller_ = std::move(caller);
  return true;
}

std::unique_ptr<ByteSource> Bridge::data() { return std::make_unique<Source>(*this); }

void Bridge::hear(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (!to_program_.valid()) return;
  if (from_host_.size() + bytes.size() > most_unread) {
    failure_ = Error(ErrorCode::local, program_ + " on this machine reads nothing of what the host says");
  } else {
    from_host_ += bytes;
  }
  wake_->wake();
}

void Bridge::give_up(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
  if (const auto reader = std::exchange(reader_, nullptr)) reader->wake();
}

std::optional<Bridge::End> Bridge::finish(int status) {
  {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  wake_->wake();
  for (const auto until = Deadline::in(end_limit); !child_.end();) {
    if (until.passed()) return std::nullopt;
    pollfd exit{child_.exit_fd(), POLLIN, 0};
    ::poll(&exit, 1, (child_.exit_fd() >= 0 ? until : until.tightened(Deadline::in(exit_poll))).poll_milliseconds());
  }
  const std::lock_guard lock(mutex_);
  read_errors();
  return End{*child_.end(), words_};
}

void Bridge::copy(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::array<pollfd, 4> fds{{{wake_->fd(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLOUT, 0}, {-1, POLLIN, 0}}};
    {
      const std::lock_guard lock(mutex_);
      if (status_ && from_host_.empty() && caller_.valid()) say_status();
      // Whoever waits for the host's end has no use for more.
      if (status_ || to_host_.size() - taken_ < ahead) fds[1].fd = from_program_.get();
      if (!from_host_.empty()) fds[2].fd = to_program_.get();
      fds[3].fd = errors_.get();
    }
    ::poll(fds.data(), fds.size(), -1);
    wake_->clear();
    const std::lock_guard lock(mutex_);
    if (fds[1].revents != 0) read_program();
    if (fds[2].revents != 0) write_program();
    if (fds[3].revents != 0) read_errors();
  }
}

// The program has got all that the host has said: as ssh does, which ends behind that.
void Bridge::say_status() {
  to_program_.reset();
  const char said = static_cast<char>(*status_);
  ::send(caller_.get(), &said, 1, MSG_NOSIGNAL);
  caller_.reset();
}

void Bridge::read_program() {
  std::array<char, bridge_piece> buffer;
  const ssize_t n = ::read(from_program_.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    from_program_.reset();
  } else if (!status_) {
    to_host_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (const auto reader = std::exchange(reader_, nullptr)) reader->wake();
}

void Bridge::write_program() {
  if (write_some(to_program_, from_host_)) return;
  from_host_.clear();
  to_program_.reset();
}

void Bridge::read_errors() {
  std::array<char, 4096> buffer;
  while (errors_.valid()) {
    const ssize_t n = ::read(errors_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      errors_.reset();
      return;
    }
    words_.append(buffer.data(), static_cast<std::size_t>(n));
    keep_last(words_);
  }
}

int carry_over(const std::string& path, const std::vector<std::string>& words) {
  constexpr int gone = 255;  // as ssh says it
  const Fd socket = message_socket();
  const auto address = door_address(path);
  if (words.size() < 2 || !socket.valid() || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return gone;
  std::string text;
  for (std::size_t i = 1; i < words.size(); ++i) text += words[i] + '\0';  // the first is the host
  const std::array<int, 2> streams{STDIN_FILENO, STDOUT_FILENO};
  Beside beside;
  iovec where{text.data(), text.size()};
  msghdr message = message_with(where, beside);
  cmsghdr* const fds = CMSG_FIRSTHDR(&message);
  fds->cmsg_level = SOL_SOCKET;
  fds->cmsg_type = SCM_RIGHTS;
  fds->cmsg_len = CMSG_LEN(Beside::size);
  std::memcpy(CMSG_DATA(fds), streams.data(), Beside::size);
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) return gone;
  unsigned char status = gone;
  ssize_t n = 0;
  do {
    n = ::read(socket.get(), &status, 1);
  } while (n < 0 && errno == EINTR);
  return n == 1 ? status : gone;
}

}  // namespace kirikae::ssh
