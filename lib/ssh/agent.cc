#include "ssh/agent.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "core/fd.h"
#include "core/waker.h"
#include "ssh/stop_wakes.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr char request_identities = 11;
constexpr char identities_answer = 12;
constexpr char sign_request = 13;
constexpr char sign_response = 14;
constexpr char extension = 27;
constexpr std::uint32_t flag_rsa_sha2_256 = 2;
constexpr std::uint32_t flag_rsa_sha2_512 = 4;
constexpr std::size_t agent_answer_limit = 256U << 10U;  // ssh-agent's own limit for a message

Error no_agent(const std::string& socket_path, const std::string& why) {
  return Error(ErrorCode::local, fmt::format("no ssh-agent at '{}': {}", socket_path, why));
}
Error nonsense() { return Error(ErrorCode::local, "the ssh-agent's answer makes no sense"); }

// A conversation that ends at a deadline or a stop.
class Connection {
 public:
  Connection(const std::string& socket_path, const Wait& wait)
      : socket_path_(socket_path), wait_(wait), wakes_(wait.stop, stopped_) {}

  Result<void> open() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path)
      return std::unexpected(no_agent(socket_path_, "the path is too long"));
    std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
    fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_.valid()) return std::unexpected(failed());
    while (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno != EAGAIN && errno != EINTR) return std::unexpected(failed());
      // The agent's queue is full. No event tells when there is room again.
      TRY(wait_for(-1, 0, Deadline::in(std::chrono::milliseconds(20))));
    }
    return {};
  }

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        TRY(wait_for(fd_.get(), POLLOUT, Deadline::never()));
      } else if (errno != EINTR) {
        return std::unexpected(failed());
      }
    }
    return {};
  }

  Result<std::string> receive(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t have = 0; have < size;) {
      const ssize_t got = ::recv(fd_.get(), bytes.data() + have, size - have, 0);
      if (got > 0) {
        have += static_cast<std::size_t>(got);
      } else if (got == 0) {
        return std::unexpected(no_agent(socket_path_, "it hung up"));
      } else if (errno == EAGAIN) {
        TRY(wait_for(fd_.get(), POLLIN, Deadline::never()));
      } else if (errno != EINTR) {
        return std::unexpected(failed());
      }
    }
    return bytes;
  }

 private:
  [[nodiscard]] Error failed() const { return no_agent(socket_path_, std::generic_category().message(errno)); }

  // Returns at the event or at `pause`; either may be spurious.
  Result<void> wait_for(int fd, short events, Deadline pause) {
    const Deadline until = wait_.deadline.tightened(pause);
    std::array<pollfd, 2> fds{{{stopped_.fd(), POLLIN, 0}, {fd, events, 0}}};
    ::poll(fds.data(), fds.size(), until.poll_milliseconds());
    if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
    if (wait_.deadline.passed()) return std::unexpected(Error(ErrorCode::timeout, "the ssh-agent does not answer"));
    return {};
  }

  const std::string& socket_path_;
  const Wait& wait_;
  Fd fd_;
  Waker stopped_;
  StopWakes wakes_;
};

std::uint32_t flags_of(std::string_view algorithm) {
  if (algorithm.starts_with("rsa-sha2-256")) return flag_rsa_sha2_256;
  return algorithm.starts_with("rsa-sha2-512") ? flag_rsa_sha2_512 : 0;
}

// A certificate's key signs under its own name, without what makes it a certificate.
std::string signature_name(std::string_view algorithm) {
  constexpr std::string_view certificate = "-cert-v01@openssh.com";
  if (!algorithm.ends_with(certificate)) return std::string(algorithm);
  std::string name(algorithm.substr(0, algorithm.size() - certificate.size()));
  return name.starts_with("sk-") ? name + "@openssh.com" : name;
}

}  // namespace

std::string AgentBinding::message(bool forwarding) const {
  std::string request(1, extension);
  append_string(request, "session-bind@openssh.com");
  append_string(request, host_key);
  append_string(request, session_id);
  append_string(request, signature);
  request += forwarding ? '\1' : '\0';
  std::string message;
  append_string(message, request);
  return message;
}

Result<std::string> Agent::ask(const std::vector<std::string>& messages, const Wait& wait) const {
  Connection connection(socket_path_, wait);
  TRY(connection.open());
  std::string answer;
  for (const std::string& message : messages) {
    TRY(connection.send(message));
    TRY_ASSIGN(const std::string head, connection.receive(4));
    const auto size = WireReader(head).number().value_or(0);
    if (size == 0 || size > agent_answer_limit) return std::unexpected(nonsense());
    TRY_ASSIGN(answer, connection.receive(size));
  }
  return answer;
}

Result<std::vector<Agent::Identity>> Agent::list(const Wait& wait) const {
  const Wait limited{wait.deadline.tightened(Deadline::in(list_limit)), wait.stop};
  std::string message;
  append_string(message, std::string(1, request_identities));
  TRY_ASSIGN(const std::string answer, ask({message}, limited));
  WireReader reader(answer);
  if (reader.byte() != static_cast<unsigned char>(identities_answer)) return std::unexpected(nonsense());
  const auto count = reader.number();
  if (!count) return std::unexpected(nonsense());
  std::vector<Identity> identities;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto blob = reader.string();
    const auto comment = reader.string();
    if (!blob || !comment) return std::unexpected(nonsense());
    identities.push_back({std::string(*blob), std::string(*comment)});
  }
  return identities;
}

Result<std::string> Agent::sign(std::string_view blob, std::string_view data, std::string_view algorithm,
                                const Wait& wait, const AgentBinding& binding) const {
  std::string request(1, sign_request);
  append_string(request, blob);
  append_string(request, data);
  append_number(request, flags_of(algorithm));
  const Wait limited{wait.deadline.tightened(Deadline::in(sign_limit)), wait.stop};
  std::vector<std::string> messages(1);
  append_string(messages.back(), request);
  // An agent that knows no bindings says so, and signs.
  if (binding.is_whole()) messages.insert(messages.begin(), binding.message(false));
  TRY_ASSIGN(const std::string answer, ask(messages, limited));
  WireReader reader(answer);
  if (reader.byte() != static_cast<unsigned char>(sign_response)) {
    return std::unexpected(Error(ErrorCode::auth, "the ssh-agent won't sign with this key"));
  }
  const auto signature = reader.string();
  if (!signature) return std::unexpected(nonsense());
  WireReader parts(*signature);
  const auto name = parts.string();
  if (!name) return std::unexpected(nonsense());
  if (*name != signature_name(algorithm)) {
    return std::unexpected(Error(ErrorCode::auth, fmt::format("the ssh-agent can't sign with {}", algorithm)));
  }
  if (name->starts_with("sk-")) return std::string(parts.rest());
  const auto inner = parts.string();
  if (!inner) return std::unexpected(nonsense());
  return std::string(*inner);
}

}  // namespace kirikae::ssh
