// The control shell has to start and to work whatever the user's login shell is, and whatever its rc files say.
#include "support/catch.h"
#include "support/process.h"
#include "support/ssh_session.h"
#include "support/text_source.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// Steps and data in one session, with what a shell that gets in the way would spoil.
void works(const SshdFixture& sshd) {
  auto session = open_session(sshd);
  const auto first = step(*session, "echo \"$((6 * 7)) it's \\$x `echo '!'`\"\nprintf '%s\\n' 'second' >&2\nexit 3");
  CHECK(to_text(first.error).empty());
  CHECK(first.status == 3);
  CHECK(first.out == "42 it's $x !\n");
  CHECK(first.err == "second\n");
  std::string payload = "first line\nsecond\n\xff";
  payload += '\0';
  for (int i = 0; i < 1000; ++i) payload += "line " + std::to_string(i) + "\n";
  Text data(payload);
  std::string back;
  const auto sent = session->send(
      {"echo", "cat"}, data, {}, [&](ssh::Stream, std::string_view bytes) { back += bytes; }, within(20s));
  REQUIRE(sent);
  CHECK(sent->ok());
  CHECK(back == payload);
  CHECK(step(*session, "true").status == 0);
}

}  // namespace

TEST_CASE("sessions work whatever the login shell") {
  struct Shell {
    std::string program;
    std::string words;
  };
  const auto shell =
      GENERATE(Shell{"bash", "bash"}, Shell{"dash", "dash"}, Shell{"busybox", "busybox ash"}, Shell{"zsh", "zsh"},
               Shell{"fish", "fish"}, Shell{"csh", "csh"}, Shell{"tcsh", "tcsh"}, Shell{"ksh", "ksh"});
  INFO(shell.words);
  if (!installed(shell.program)) {
    WARN(shell.program << " is not installed: not tried");
    return;
  }
  const SshdFixture sshd({.login_shell = shell.words});
  works(sshd);
}

TEST_CASE("rc files may say what they like before the control shell starts") {
  SECTION("on both streams, without a newline at the end") {
    const SshdFixture sshd(
        {.login_shell = "bash",
         .home = {{".bashrc", "echo welcome; echo warning >&2; printf 'no newline'; printf oops >&2\n"}}});
    works(sshd);
  }
  SECTION("more than a pipe holds") {
    const SshdFixture sshd(
        {.login_shell = "bash",
         .home = {{".bashrc", "for i in 1 2 3 4; do dd if=/dev/zero bs=100000 count=1 2>/dev/null; done\n"}}});
    works(sshd);
  }
  SECTION("for fish and csh, too") {
    if (installed("fish")) {
      const SshdFixture sshd(
          {.login_shell = "fish", .home = {{".config/fish/config.fish", "echo welcome; echo warning >&2\n"}}});
      works(sshd);
    }
    if (installed("tcsh")) {
      const SshdFixture sshd({.login_shell = "tcsh", .home = {{".tcshrc", "echo welcome\n"}}});
      works(sshd);
    }
  }
}

TEST_CASE("a login shell that starts nothing is named by the first call, with what it said") {
  const SshdFixture sshd({.config = {"ForceCommand echo 'This account is currently not available.'; exit 1"}});
  auto session = open_session(sshd);
  const auto end = step(*session, "true");
  CHECK(end.error.code == ErrorCode::connect);
  CHECK(end.error.message == "no shell could be started on 'web1' (127.0.0.1 port " + std::to_string(sshd.port()) +
                                 "): it ended (exit status 1), and said 'This account is currently not available.'");
  CHECK(end.error.hint.starts_with("check the login shell, its rc files, and ForceCommand in sshd_config or command= in authorized_keys: ssh -p "));
  CHECK(end.error.host == "web1");
}
