#include "service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <stdexcept>

#include "core/fd.h"
#include "core/subprocess.h"

namespace kirikae::test {
namespace {

using namespace std::chrono_literals;

constexpr auto pause_between = 5ms;  // else four services take both cores of a small machine
constexpr int lines_of_page = 2000;  // World::write_app

// The whole answer, up to the end of the connection. Throws where there is none.
std::string answer_of(const std::string& address, int port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{30, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("no connection");
  const std::string request = "GET / HTTP/1.0\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    throw std::runtime_error("the request was not taken");
  std::string answer;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0) throw std::runtime_error("no answer");
    if (got == 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(got));
  }
}

// The release that the answer is of; throws where it isn't a whole one of one release.
std::string release_of(const std::string& answer) {
  std::istringstream lines(answer);
  std::string line, release, version;
  std::getline(lines, line);
  if (line.find(" 200 ") == std::string::npos) throw std::runtime_error("answered with " + line);
  while (std::getline(lines, line) && line != "\r") {
    if (line.starts_with("Release: ")) release = line.substr(9, line.size() - 10);
  }
  std::getline(lines, version);
  int count = 0;
  for (; std::getline(lines, line) && !line.empty(); ++count) {
    if (line != "line " + std::to_string(count) + " of " + version)
      throw std::runtime_error("a mix: version " + version + " with '" + line + "'");
  }
  if (count != lines_of_page) throw std::runtime_error("a page of " + std::to_string(count) + " lines");
  return release;
}

}  // namespace

Service::Service(const FarmHost& host)
    : address_(host.name()),
      tree_(host.tree().string()),
      server_([this](const std::stop_token& stop) { serve(stop); }),
      user_([this](const std::stop_token& stop) { use(stop); }) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, 60s, [this] { return port_ != 0; })) throw std::runtime_error("serve.py doesn't start");
}

Service::~Service() {
  user_ = {};  // before the server: its end is no failure
}

void Service::serve(const std::stop_token& stop) {
  SubprocessCall call;
  call.argv = {"python3", KIRIKAE_SOURCE_DIR "/tests/integration/serve.py", address_, tree_};
  call.stop = stop;
  std::string said;
  call.on_output = [&](bool is_error, std::string_view bytes) {
    if (is_error) return;
    said += bytes;
    const std::scoped_lock lock(mutex_);
    if (port_ == 0 && said.find('\n') != std::string::npos) port_ = std::stoi(said);
    changed_.notify_all();
  };
  const auto ended = run_subprocess(call);
  if (stop.stop_requested()) return;
  const std::scoped_lock lock(mutex_);
  wrong_.push_back("the server ended: " + (ended ? std::to_string(ended->status) : to_text(ended.error())));
}

void Service::use(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [this] { return port_ != 0; })) return;
  while (!stop.stop_requested()) {
    lock.unlock();
    request();
    lock.lock();
    changed_.wait_for(lock, stop, pause_between, [] { return false; });
  }
}

void Service::request() {
  std::string release, failure;
  try {
    release = release_of(answer_of(address_, port_));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  const std::scoped_lock lock(mutex_);
  ++requests_;
  if (failure.empty()) {
    if (seen_.empty() || seen_.back() != release) seen_.push_back(release);
  } else if (wrong_.size() < 10) {
    wrong_.push_back("request " + std::to_string(requests_) + ": " + failure);
  }
  changed_.notify_all();
}

std::string Service::answers_from() const {
  std::unique_lock lock(mutex_);
  const int before = requests_;
  // The one that is under way now began before.
  if (!changed_.wait_for(lock, 60s, [&] { return requests_ >= before + 2; }) || seen_.empty()) return {};
  return seen_.back();
}

std::vector<std::string> Service::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

std::vector<std::string> Service::wrong() const {
  const std::scoped_lock lock(mutex_);
  return wrong_;
}

int Service::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

}  // namespace kirikae::test
