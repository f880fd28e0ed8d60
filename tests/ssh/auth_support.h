// What the tests of authentication share: key files in every form, a real ssh-agent, and a session up to the login.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/deadline.h"
#include "core/error.h"
#include "core/fd.h"
#include "core/secret.h"
#include "ssh/authenticator.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"
#include "support/real_agent.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

struct _LIBSSH2_SESSION;

namespace kirikae::test {

// A copy of the pair of key_pair(type, name) in `folder`, its private half in another form: `ssh-keygen -p` with
// `options`.
std::string key_copy(const TempDir& folder, const std::string& type, const std::string& name,
                     const std::vector<std::string>& options);
inline const std::string passphrase = "correct horse";

// A unix socket that accepts connections into its queue and never says a word.
class MuteSocket {
 public:
  explicit MuteSocket(std::string path);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd fd_;
};

// With the settings that it logs in with.
struct TestAuthenticator : ssh::Authenticator {
  explicit TestAuthenticator(const ssh::Settings& settings, ssh::Passwords::Given given = {})
      : Authenticator(settings, std::move(given)), host(settings.host) {}
  ssh::HostSettings host;
};

// A connection whose handshake is done. Each is used by one thread.
class Client {
 public:
  explicit Client(const SshdFixture& sshd, const std::string& host_key_types = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] std::string host_key() const;
  // As a connector does it, with 10 seconds for each call.
  Result<void> log_in(TestAuthenticator& authenticator, const ssh::Wait& wait = {},
                      const std::string& user = SshdFixture::user());
  [[nodiscard]] bool logged_in() const;
  // By one key or certificate, without an authenticator. `sign` is given the bytes and the algorithm. The result is libssh2's.
  using Sign = std::function<Result<std::string>(std::string_view data, std::string_view algorithm)>;
  int log_in_by(const std::string& blob, const Sign& sign);

 private:
  int call(const std::function<int()>& f, const ssh::Wait& wait) const;

  int port_;
  Fd fd_;
  _LIBSSH2_SESSION* session_ = nullptr;
};

// What the tests say often.
ssh::Settings given(std::vector<std::string> identities);
std::string public_line(const std::string& type, const std::string& name);  // of key_pair(type, name)
std::string agent_label(const std::string& type, const std::string& name);  // as errors name the agent's copy of it
inline const std::string takes_keys = "; the host accepts: publickey";  // the end of errors of a login
std::string ssh_command(const SshdFixture& sshd);
void expect_login(const SshdFixture& sshd, const ssh::Settings& settings);
Error refused_login(const SshdFixture& sshd, const ssh::Settings& settings,
                    const std::string& user = SshdFixture::user());

// Questions asked, and what is answered to them in turn; the last answer again and again.
struct Asker {
  std::vector<std::string> answers;
  std::vector<std::string> questions{};
  std::mutex mutex{};

  std::function<Secret(const std::string&)> function();
};

}  // namespace kirikae::test
