#include "ssh/auth_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "ssh/wire.h"
#include "support/catch.h"
#include "support/file_text.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

void require(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error(what);
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  require(path.size() < sizeof address.sun_path, "path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

std::string key_copy(const TempDir& folder, const std::string& type, const std::string& name,
                     const std::vector<std::string>& options) {
  static int count = 0;
  const std::string copy = "key" + std::to_string(++count);
  const std::string file = folder.write(copy, file_text(key_pair(type, name)), 0600);
  folder.write(copy + ".pub", file_text(key_pair(type, name) + ".pub"));
  std::vector<std::string> argv{"ssh-keygen", "-q", "-p", "-P", "", "-f", file};
  argv.insert(argv.end(), options.begin(), options.end());
  require(run_program(argv).status == 0, "ssh-keygen can't convert " + file);
  return file;
}

MuteSocket::MuteSocket(std::string path)
    : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un address = unix_address(path_);
  require(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
              ::listen(fd_.get(), 5) == 0,
          "can't listen at " + path_);
}

Client::Client(const SshdFixture& sshd, const std::string& host_key_types)
    : port_(sshd.port()), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  static std::once_flag once;
  std::call_once(once, [] { require(libssh2_init(0) == 0, "libssh2_init"); });
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  ::inet_pton(AF_INET, sshd.address().c_str(), &address.sin_addr);
  require(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "can't connect");
  session_ = libssh2_session_init();
  libssh2_session_set_blocking(session_, 0);
  if (!host_key_types.empty()) {
    require(libssh2_session_method_pref(session_, LIBSSH2_METHOD_HOSTKEY, host_key_types.c_str()) == 0,
            "host key types");
  }
  const int code = call([&] { return libssh2_session_handshake(session_, fd_.get()); }, {});
  require(code == 0, "handshake: " + std::to_string(code));
}

Client::~Client() {
  ::shutdown(fd_.get(), SHUT_RDWR);
  while (libssh2_session_free(session_) == LIBSSH2_ERROR_EAGAIN) {
  }
}

std::string Client::host_key() const {
  std::size_t size = 0;
  const char* key = libssh2_session_hostkey(session_, &size, nullptr);
  return {key, size};
}

Result<void> Client::log_in(TestAuthenticator& authenticator, const ssh::Wait& wait, const std::string& user) {
  const ssh::Target target{.name = "web1", .address = "127.0.0.1", .port = port_, .user = user};
  return authenticator.authenticate(
      session_, target, authenticator.host, [&](const std::function<int()>& f) { return call(f, wait); }, wait);
}

int Client::log_in_by(const std::string& blob, const Sign& sign) {
  const auto callback = [](LIBSSH2_SESSION*, unsigned char** signature, std::size_t* size, const unsigned char* data,
                           std::size_t data_size, void** abstract) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), data_size);
    ssh::WireReader reader(bytes);  // RFC 4252, section 7
    reader.string();
    reader.byte();
    for (int i = 0; i < 3; ++i) reader.string();
    reader.byte();
    const auto made = (*static_cast<const Sign*>(*abstract))(bytes, reader.string().value_or(""));
    if (!made) return LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
    *size = made->size();
    *signature = static_cast<unsigned char*>(std::malloc(*size));
    std::memcpy(*signature, made->data(), *size);
    return 0;
  };
  Sign copy = sign;
  void* abstract = &copy;
  const std::string user = SshdFixture::user();
  return call([&] {
    return libssh2_userauth_publickey(session_, user.c_str(), reinterpret_cast<const unsigned char*>(blob.data()), blob.size(),
                                      callback, &abstract);
  }, {});
}

bool Client::logged_in() const { return libssh2_userauth_authenticated(session_) == 1; }

int Client::call(const std::function<int()>& f, const ssh::Wait& wait) const {
  const Deadline deadline = wait.deadline.tightened(Deadline::in(std::chrono::seconds(10)));
  for (;;) {
    const int code = f();
    if (code != LIBSSH2_ERROR_EAGAIN) return code;
    const bool sending = (libssh2_session_block_directions(session_) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
    pollfd poll_fd{fd_.get(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
    ::poll(&poll_fd, 1, std::min(50, deadline.poll_milliseconds()));
    if (deadline.passed() || wait.stop.stop_requested()) return LIBSSH2_ERROR_TIMEOUT;
  }
}

ssh::Settings given(std::vector<std::string> identities) {
  ssh::Settings settings;
  settings.host.identities = std::move(identities);
  settings.host.identities_given = settings.host.identities_required = true;
  return settings;
}

std::string public_line(const std::string& type, const std::string& name) {
  return file_text(key_pair(type, name) + ".pub");
}

std::string agent_label(const std::string& type, const std::string& name) {
  const std::string line = run_program({"ssh-keygen", "-lf", key_pair(type, name)}).output;
  const auto from = line.find("SHA256:");
  return "agent: " + type + " " + line.substr(from, line.find(' ', from) - from) + " '" + name + "'";
}

std::function<Secret(const std::string&)> Asker::function() {
  return [this](const std::string& question) {
    const std::scoped_lock lock(mutex);
    questions.push_back(question);
    return Secret(answers[std::min(questions.size(), answers.size()) - 1]);
  };
}

void expect_login(const SshdFixture& sshd, const ssh::Settings& settings) {
  TestAuthenticator authenticator(settings);
  Client client(sshd);
  const auto result = client.log_in(authenticator);
  INFO((result ? "" : to_text(result.error())));
  CHECK(result);
  CHECK(client.logged_in());
}

Error refused_login(const SshdFixture& sshd, const ssh::Settings& settings, const std::string& user) {
  TestAuthenticator authenticator(settings);
  Client client(sshd);
  const auto result = client.log_in(authenticator, {}, user);
  REQUIRE_FALSE(result);
  CHECK_FALSE(client.logged_in());
  return result.error();
}

std::string ssh_command(const SshdFixture& sshd) {
  return "ssh -p " + std::to_string(sshd.port()) + " " + SshdFixture::user() + "@127.0.0.1";
}

}  // namespace kirikae::test
