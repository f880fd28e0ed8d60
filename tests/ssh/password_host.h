// A host with passwords and PAM rules of its own, for root, who may hide the system's from it; and a login there.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ssh/auth_support.h"
#include "ssh/passwords.h"
#include "support/catch.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

namespace kirikae::test {

inline const std::string right_password = "pass: word'";

// `lines`: of sshd_config. `questions`: words for pam_questions; empty: the shadow file decides there, too.
struct PasswordHost {
  TempDir folder;
  SshdFixture sshd;

  explicit PasswordHost(std::vector<std::string> lines, const std::string& questions = {}, const std::string& age = "19000:0:99999:7:::")
      : sshd({.host_keys = {"ed25519"},
              .config = std::move(lines),
              .replaced = password_files(folder, right_password, questions.empty() ? "pam_unix.so nodelay" : KIRIKAE_PAM_QUESTIONS " " + questions,
                                         age)}) {}
};

inline const std::vector<std::string> by_password{"PasswordAuthentication yes"};
inline const std::vector<std::string> by_questions{"UsePAM yes", "KbdInteractiveAuthentication yes"};

inline ssh::Passwords::Given always(const std::string& password) {
  return {[password](const ssh::Target&) { return std::optional(Secret(password)); }, "the secret 'LOGIN'"};
}

// The error's text; empty: logged in. Connects once more where the host hangs up, as a connector does.
inline std::string try_login(const PasswordHost& server, const ssh::Settings& settings, const ssh::Passwords::Given& given = {}) {
  TestAuthenticator authenticator(settings, given);
  for (int i = 0;; ++i) {
    Client client(server.sshd);
    const auto result = client.log_in(authenticator);
    CHECK(client.logged_in() == result.has_value());
    if (result || result.error().code != ErrorCode::lost || i == 1) return result ? "" : result.error().message;
  }
}

}  // namespace kirikae::test
