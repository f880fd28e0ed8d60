#include "ssh/openssh_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

#include "host/command.h"
#include "ssh/openssh_command.h"
#include "ssh/printable.h"
#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

constexpr int no_status = 255;  // ssh itself has failed; of the command nothing is known
constexpr milliseconds master_until_term{300}, master_until_kill{300};
// Of a stream in a round: whoever floods us must not keep all the rest waiting. More than a socket holds, so that the last look misses nothing.
constexpr std::size_t link_round_limit = 262'144;

// False: it still runs.
bool ends_within(Child& child, milliseconds time) {
  for (const auto until = Deadline::in(time); child.runs() && !child.end();) {
    if (until.passed()) return false;
    pollfd polled{child.exit_fd(), POLLIN, 0};
    const auto look = child.exit_fd() >= 0 ? until : until.tightened(Deadline::in(exit_poll));
    ::poll(&polled, 1, look.poll_milliseconds());
  }
  return true;
}

}  // namespace

// A shell's streams, and the `ssh -S` that carries it; the first one has none of its own.
class OpensshLink::Shell final : public ShellChannel {
 public:
  Shell(OpensshLink& link, Streams streams, std::optional<Child> slave)
      : link_(link), streams_(std::move(streams)), slave_(std::move(slave)) {
    link_.shells_.push_back(this);
  }
  ~Shell() override {
    std::erase(link_.shells_, this);
    if (slave_) link_.drop(*std::move(slave_));
  }

  std::size_t write(std::string_view bytes) override {
    if (bytes.empty() || link_.lost() || !streams_.socket.valid()) return 0;
    const ssize_t n = ::send(streams_.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // A shell that has ended takes nothing more; its end is seen by those who read.
    wants_room_ = n < 0 ? errno == EAGAIN : static_cast<std::size_t>(n) < bytes.size();
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  std::size_t read(Stream stream, std::span<char> buffer) override {
    Fd& fd = stream == Stream::out ? streams_.socket : streams_.errors;
    std::size_t& left = stream == Stream::out ? left_.out : left_.errors;
    buffer = buffer.first(std::min(buffer.size(), left));
    if (link_.lost() || !fd.valid() || buffer.empty()) return 0;
    const bool over = child().end().has_value();
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n > 0 && stream == Stream::err && !slave_) link_.note_errors({buffer.data(), static_cast<std::size_t>(n)});
    if (n > 0) {
      left -= static_cast<std::size_t>(n);
      return static_cast<std::size_t>(n);
    }
    // What a program has written before its end is there since. Somebody whom it has left behind may hold its streams.
    if (n == 0 || (errno != EAGAIN && errno != EINTR) || (errno == EAGAIN && over)) fd.reset();
    return 0;
  }
  [[nodiscard]] std::size_t unconfirmed() const override { return 0; }
  bool send_eof() override {
    if (streams_.socket.valid()) ::shutdown(streams_.socket.get(), SHUT_WR);
    return true;
  }
  bool terminate() override {
    if (link_.lost() || !slave_) return true;
    if (remote_process_ == 0) return false;  // it has not said hello yet
    link_.terminate(remote_process_);
    return true;
  }
  [[nodiscard]] bool wants_process() const override { return slave_ || link_.beside_; }
  void set_process(long process) override { remote_process_ = process; }
  [[nodiscard]] long process() const override { return remote_process_; }
  [[nodiscard]] bool at_end() const override { return !streams_.socket.valid() && !streams_.errors.valid(); }
  [[nodiscard]] std::string how_it_ended() const override {
    const auto end = child().end();
    return end && *end > 0 && *end != no_status ? fmt::format("exit status {}", *end) : std::string();
  }

  // What wait() looks at.
  template <class Add>
  void add_polled(const Add& add) const {
    add(streams_.socket.get(), static_cast<short>(POLLIN | (wants_room_ ? POLLOUT : 0)));
    add(streams_.errors.get(), POLLIN);
    if (slave_) add(slave_->exit_fd(), POLLIN);
  }
  void asked() { wants_room_ = false; }  // who still wants it, tries again
  void begin_round() { left_ = {}; }
  [[nodiscard]] bool has_unknown_end() const { return slave_ && slave_->runs() && slave_->exit_fd() < 0; }

 private:
  [[nodiscard]] Child& child() const { return slave_ ? *slave_ : link_.master_; }

  OpensshLink& link_;
  Streams streams_;
  mutable std::optional<Child> slave_;
  long remote_process_ = 0;
  bool wants_room_ = false;
  struct {
    std::size_t out = link_round_limit, errors = link_round_limit;
  } left_;  // to be read in this round
};

// There at once: what becomes of it, its streams tell.
class OpensshLink::Opening final : public ShellOpening {
 public:
  Opening(OpensshLink& link, bool terminal) : link_(link), terminal_(terminal) {}

  State advance() override { return start() ? State::there : State::refused; }
  [[nodiscard]] bool is_open() const override { return shell_ != nullptr; }
  std::unique_ptr<ShellChannel> take() override { return std::move(shell_); }
  Result<std::unique_ptr<ShellChannel>> finish(milliseconds, const Wait&, const std::function<void()>&) override {
    TRY(start());
    return take();
  }

 private:
  Result<void> start() {
    if (shell_) return {};
    if (link_.first_) {
      shell_ = std::make_unique<Shell>(link_, *std::exchange(link_.first_, std::nullopt), std::nullopt);
      return {};
    }
    Child slave;
    const std::string line = terminal_ ? host::terminal_line() : host::start_line();
    TRY_ASSIGN(Streams streams, run({.argv = openssh_slave(socket(link_.folder_), line, terminal_)}, slave, link_.target_));
    shell_ = std::make_unique<Shell>(link_, std::move(streams), std::move(slave));
    return {};
  }

  OpensshLink& link_;
  const bool terminal_;
  std::unique_ptr<ShellChannel> shell_;
};

Result<OpensshLink::Streams> OpensshLink::run(ChildCall call, Child& child, const Target& target) {
  Ends socket = socket_pair();
  Ends errors = socket.ours.valid() ? pipe_to_us() : Ends();
  int error = errno;
  if (errors.ours.valid()) {
    call.socket = socket.theirs.get();
    call.errors = errors.theirs.get();
    error = child.start(call);
    if (error == 0) return Streams{std::move(socket.ours), std::move(errors.ours)};
  }
  if (error == ENOENT) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("there is no 'ssh' on this machine to reach '{}' with", target.name),
                                 "install OpenSSH's client (Debian: openssh-client)")
                               .on(target.name));
  }
  return std::unexpected(Error(ErrorCode::local, fmt::format("'ssh' can't be started: {}", system_cause(error))).on(target.name));
}

Result<std::unique_ptr<OpensshLink>> OpensshLink::start(Start with) {
  std::unique_ptr<OpensshLink> link(new OpensshLink(std::move(with.target), std::move(with.folder), std::move(with.place), with.beside));
  const std::string log_path = log(link->folder_);
  // With a writer of ours, ssh needn't wait for a reader, and its end is none of the pipe's.
  if (::mkfifo(log_path.c_str(), 0600) == 0) link->log_ = Fd(::open(log_path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!link->log_.valid()) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("no pipe for ssh's log at '{}': {}", log_path, system_cause(errno))).on(link->target_.name));
  }
  TRY_ASSIGN(link->first_, run(std::move(with.master), link->master_, link->target_));
  return link;
}

OpensshLink::~OpensshLink() { shut_down(); }

std::unique_ptr<ShellOpening> OpensshLink::open_shell() { return std::make_unique<Opening>(*this, false); }
std::unique_ptr<ShellOpening> OpensshLink::open_terminal() { return std::make_unique<Opening>(*this, true); }

std::size_t OpensshLink::payload_limit() const { return std::numeric_limits<std::size_t>::max(); }

bool OpensshLink::wait(Deadline deadline, int also) {
  std::erase_if(leaving_, [](Child& child) { return child.end().has_value(); });
  read_log();
  if (lost()) return false;
  for (Shell* shell : shells_) shell->begin_round();
  if (!master_.runs()) {
    if (!std::exchange(last_look_, true)) return true;
    note_end_of_master();
    if (lost()) return false;
  }
  std::vector<pollfd> polled = {{waker_->fd(), POLLIN, 0}, {also, POLLIN, 0}, {master_.exit_fd(), POLLIN, 0}, {log_.get(), POLLIN, 0}};
  const auto add = [&](int fd, short events) { polled.push_back({fd, events, 0}); };
  bool unknown_end = master_.runs() && master_.exit_fd() < 0;
  for (Shell* shell : shells_) {
    shell->add_polled(add);
    shell->asked();
    unknown_end = unknown_end || shell->has_unknown_end();
  }
  if (unknown_end) deadline = deadline.tightened(Deadline::in(exit_poll));
  const bool ran = master_.runs();
  if (::poll(polled.data(), polled.size(), deadline.poll_milliseconds()) < 0) return true;  // EINTR: as good as a wake
  if (polled[0].revents != 0) waker_->clear();
  if (ran) master_.end();
  return true;
}

// Another status than this is that of the shell, which says so itself.
void OpensshLink::note_end_of_master() {
  const auto end = master_.end();
  if (!end || (*end >= 0 && *end != no_status)) return;
  std::string words = said().complaint;
  // The last words are an exception: they are said on standard error.
  const auto line = errors_.rfind("Connection ");
  if (words.empty() && line != std::string::npos && (line == 0 || errors_[line - 1] == '\n')) {
    words = printable(std::string_view(errors_).substr(line), longest_openssh_words);
  }
  fail(!words.empty() ? "ssh says '" + words + "'" : *end < 0 ? fmt::format("ssh was ended by signal {}", -*end) : "ssh ended");
}

void OpensshLink::note_errors(std::string_view bytes) {
  errors_reader_.feed(bytes);
  errors_ += bytes;
  if (errors_.size() > longest_openssh_words) errors_.erase(0, errors_.size() - longest_openssh_words);
}

void OpensshLink::fail(const std::string& why) {
  if (!lost()) loss_ = why;
}

// By its group, which sshd makes for each command; where something stands in between, by its number.
void OpensshLink::terminate(long process) {
  const std::string line = fmt::format("exec /bin/sh -c 'kill -s TERM -- -{0} || kill -s TERM {0}'", process);
  Child child;
  if (run({.argv = openssh_slave(socket(folder_), line)}, child, target_)) leaving_.push_back(std::move(child));
}

// Its streams are closed: it ends as soon as it sees that.
void OpensshLink::drop(Child child) {
  child.signal(SIGTERM);
  if (!child.end()) leaving_.push_back(std::move(child));
}

void OpensshLink::shut_down() {
  fail("it was closed");
  leaving_.clear();
  first_.reset();
  if (!ends_within(master_, master_until_term)) master_.signal(SIGTERM);
  if (!ends_within(master_, master_until_kill)) master_.signal(SIGKILL);
}

std::string OpensshLink::identity() const {
  const std::string& key = log_reader_.log().host_key;
  return key.empty() ? place_ : key;
}

// A pipe's worth at most, so that nobody waits for a host that has ssh say things without end.
void OpensshLink::read_log() {
  std::array<char, 65536> buffer{};
  const ssize_t n = ::read(log_.get(), buffer.data(), buffer.size());
  if (n > 0) log_reader_.feed({buffer.data(), static_cast<std::size_t>(n)});
}

const OpensshLog& OpensshLink::said() {
  read_log();
  return log_reader_.log();
}

}  // namespace kirikae::ssh
