#include "ssh/socket.h"

#include <fmt/format.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "core/shell_quote.h"
#include "core/waker.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

struct Answer {
  int code = EAI_AGAIN;
  int system_error = 0;
  std::vector<Endpoint> endpoints;
};

Answer look_up(const std::string& address, int port, AddressFamily family, int flags) {
  addrinfo hints{};
  hints.ai_family = family == AddressFamily::ipv4 ? AF_INET : family == AddressFamily::ipv6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  Answer answer;
  answer.code = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  answer.system_error = errno;
  std::vector<Endpoint> of_family[2];  // the first one's, the others'
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    Endpoint endpoint;
    std::memcpy(&endpoint.address, entry->ai_addr, entry->ai_addrlen);
    endpoint.size = entry->ai_addrlen;
    of_family[entry->ai_family == found->ai_family ? 0 : 1].push_back(endpoint);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  for (std::size_t i = 0; i < std::max(of_family[0].size(), of_family[1].size()); ++i) {
    for (const auto& each : of_family) {
      if (i < each.size()) answer.endpoints.push_back(each[i]);
    }
  }
  return answer;
}

// What a resolving thread and its asker share. The asker may be gone by the time of the answer.
struct Question {
  std::mutex mutex;
  std::optional<Answer> answer;
  Waker answered;
};

std::unexpected<Error> cancelled(const Target& target) {
  return std::unexpected(
      Error(ErrorCode::cancelled, "connecting to " + place_of(target) + " was stopped").on(target.name));
}

Result<std::vector<Endpoint>> resolve(const Target& target, AddressFamily family, const Wait& wait) {
  Answer answer = look_up(target.address, target.port, family, AI_NUMERICHOST);
  if (answer.code == EAI_NONAME) {
    // getaddrinfo can neither be given a deadline nor be interrupted, and a dead name server holds it for half a minute. So
    // it runs in a thread that owns all that it touches and that nobody has to wait for.
    auto question = std::make_shared<Question>();
    std::thread([question, address = target.address, port = target.port, family] {
      Answer found = look_up(address, port, family, 0);
      const std::scoped_lock lock(question->mutex);
      question->answer = std::move(found);
      question->answered.wake();
    }).detach();
    Waker stopped;
    const StopWakes wakes(wait.stop, stopped);
    pollfd polled[] = {{question->answered.fd(), POLLIN, 0}, {stopped.fd(), POLLIN, 0}};
    while (::poll(polled, 2, wait.deadline.poll_milliseconds()) < 0 && errno == EINTR) {
    }
    if (wait.stop.stop_requested()) return cancelled(target);
    const std::scoped_lock lock(question->mutex);
    if (!question->answer) {
      return std::unexpected(
          Error(ErrorCode::timeout,
                fmt::format("the name server did not say in time which address '{}' has", target.address),
                "check the network and its name servers: getent hosts " + shell_word(target.address))
              .on(target.name));
    }
    answer = std::move(*question->answer);
  }
  if (answer.code == 0 && !answer.endpoints.empty()) return std::move(answer.endpoints);
  const std::string why = answer.code == EAI_SYSTEM ? system_cause(answer.system_error)
                          : answer.code == 0        ? "no address"
                                                    : ::gai_strerror(answer.code);
  return std::unexpected(
      Error(ErrorCode::connect, fmt::format("can't find the address of '{}': {}", target.address, why),
            "check the host's name in the recipe, or ask the resolver: getent hosts " + shell_word(target.address))
          .on(target.name));
}

void set_options(int fd) {
  const auto set = [fd](int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
  // What the kernel has taken but not sent can't be overtaken by a heartbeat or a cancel: on a slow line the default is minutes.
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 262'144);
}

// Attempts at several addresses, under way at the same time.
class Race {
 public:
  // `from`: addresses of ours to come from; empty: whichever.
  Race(const Target& target, std::vector<Endpoint> endpoints, std::vector<Endpoint> from)
      : target_(target), endpoints_(std::move(endpoints)), from_(std::move(from)) {}

  Result<Fd> run(const Wait& wait) {
    Waker stopped;
    const StopWakes wakes(wait.stop, stopped);
    const auto started = Deadline::Clock::now();
    auto next_start = Deadline::in({});
    for (;;) {
      if (next_ < endpoints_.size() && (pending_.empty() || next_start.passed())) {
        if (auto fd = start_next()) return std::move(*fd);
        next_start = Deadline::in(std::chrono::milliseconds(250));
        continue;
      }
      if (pending_.empty()) return refused();
      std::vector<pollfd> polled{{stopped.fd(), POLLIN, 0}};
      for (const auto& fd : pending_) polled.push_back({fd.get(), POLLOUT, 0});
      const auto until = next_ < endpoints_.size() ? wait.deadline.tightened(next_start) : wait.deadline;
      ::poll(polled.data(), polled.size(), until.poll_milliseconds());
      if (wait.stop.stop_requested()) return cancelled(target_);
      for (std::size_t i = polled.size(); i-- > 1;) {
        if (polled[i].revents == 0) continue;
        if (auto fd = settle(i - 1)) return std::move(*fd);
      }
      if (wait.deadline.passed()) return no_answer(Deadline::Clock::now() - started);
    }
  }

 private:
  std::optional<Fd> start_next() {
    const auto& endpoint = endpoints_[next_++];
    Fd fd(::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) {
      last_error_ = errno;
      return std::nullopt;
    }
    set_options(fd.get());
    if (!bind(fd.get(), endpoint.address.ss_family)) {
      last_error_ = errno;
      return std::nullopt;
    }
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) == 0) return fd;
    if (errno == EINPROGRESS) {
      pending_.push_back(std::move(fd));
    } else {
      last_error_ = errno;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool bind(int fd, sa_family_t family) const {
    if (from_.empty()) return true;
    const auto own = std::ranges::find_if(from_, [&](const Endpoint& each) { return each.address.ss_family == family; });
    errno = EADDRNOTAVAIL;
    return own != from_.end() && ::bind(fd, reinterpret_cast<const sockaddr*>(&own->address), own->size) == 0;
  }

  std::optional<Fd> settle(std::size_t index) {
    Fd fd = std::move(pending_[index]);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    // Who resets a connection has taken it (one that isn't wanted is refused), and just had too many: that is seen once it is used.
    if (error == 0 || error == ECONNRESET) return fd;
    last_error_ = error;
    return std::nullopt;
  }

  [[nodiscard]] Result<Fd> refused() const {
    const std::string others = endpoints_.size() > 1 ? fmt::format(" (all {} addresses tried)", endpoints_.size()) : "";
    return std::unexpected(
        Error(last_error_ == ETIMEDOUT ? ErrorCode::timeout : ErrorCode::connect,
              fmt::format("can't connect to {}: {}{}", place_of(target_), system_cause(last_error_), others), hint())
            .on(target_.name));
  }

  [[nodiscard]] Result<Fd> no_answer(Deadline::Clock::duration after) const {
    const auto seconds = std::chrono::duration<double>(after).count();
    return std::unexpected(Error(ErrorCode::timeout,
                                 fmt::format("can't connect to {}: no answer in {:.0f} s", place_of(target_), seconds),
                                 hint())
                               .on(target_.name));
  }

  [[nodiscard]] std::string hint() const {
    return fmt::format("check that the host is up and that port {} is reachable: {}", target_.port,
                       ssh_command(target_));
  }

  const Target& target_;
  std::vector<Endpoint> endpoints_;
  std::vector<Endpoint> from_;
  std::size_t next_ = 0;
  std::vector<Fd> pending_;
  int last_error_ = 0;
};

}  // namespace

std::string system_cause(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string place_of(const Target& target) {
  if (target.name == target.address && target.port == 22) return "'" + target.name + "'";
  if (target.name == target.address) return fmt::format("'{}' port {}", target.name, target.port);
  return fmt::format("'{}' ({} port {})", target.name, target.address, target.port);
}

std::string ssh_command(const Target& target) {
  if (!target.command.empty()) return target.command;
  return fmt::format("ssh -p {} {}", target.port, shell_word(target.user + "@" + target.address));
}

Result<Fd> connect_socket(const Target& target, const HostSettings& host, const Wait& wait) {
  TRY_ASSIGN(auto endpoints, resolve(target, host.family, wait));
  std::vector<Endpoint> from;
  if (!host.bind_address.empty()) {
    from = look_up(host.bind_address, 0, host.family, AI_NUMERICHOST).endpoints;
    if (from.empty()) {
      return std::unexpected(Error(ErrorCode::connect, fmt::format("'{}' is no address of this machine (BindAddress)", host.bind_address),
                                   "ssh_config wants connections to this host to come from there: write a numeric address")
                                 .on(target.name));
    }
  }
  return Race(target, std::move(endpoints), std::move(from)).run(wait);
}

}  // namespace kirikae::ssh
