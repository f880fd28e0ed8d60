#include "ssh/askpass.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "ssh/socket.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t longest_text = 4096;
constexpr char question_mark = 'q', notice_mark = 'n';

std::optional<sockaddr_un> desk_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::ranges::copy(path, address.sun_path);
  return address;
}

// What the other side says until it says no more.
std::string all_of(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  while (text.size() < longest_text) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  wipe(buffer.data(), buffer.size());
  return text;
}

void say(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

Result<AskpassDesk> AskpassDesk::open(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = desk_address(path);
  if (!socket.valid() || !address || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(socket.get(), 4) != 0) {
    return std::unexpected(Error(ErrorCode::local, "no socket for ssh's questions at '" + path + "': " + system_cause(errno)));
  }
  return AskpassDesk(std::move(socket));
}

void AskpassDesk::serve(const Answers& answers) const {
  for (;;) {
    const Fd asker(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!asker.valid()) return;
    const timeval patience{2, 0};  // it says all at once
    ::setsockopt(asker.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::string text = all_of(asker.get());
    if (text.starts_with(notice_mark)) answers.tell(text.substr(1));
    if (text.starts_with(question_mark)) {
      const auto end = text.find(' ');
      int process = 0;
      std::from_chars(text.data() + 1, text.data() + std::min(end, text.size()), process);
      if (end != std::string::npos) say(asker.get(), answers.answer(text.substr(end + 1), process).reveal());
    }
  }
}

Secret ask_at_desk(const std::string& path, const std::string& question, bool notice) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = desk_address(path);
  if (!socket.valid() || !address || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) return {};
  const std::string mark = notice ? std::string(1, notice_mark) : fmt::format("{}{} ", question_mark, ::getppid());
  say(socket.get(), mark + question.substr(0, longest_text - mark.size()));
  ::shutdown(socket.get(), SHUT_WR);
  return Secret(all_of(socket.get()));
}

}  // namespace kirikae::ssh
