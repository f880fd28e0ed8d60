#include <csignal>
#include <stop_token>
#include <thread>

#include "cli_at_terminal.h"
#include "screen.h"
#include "support/catch.h"
#include "ui/ask.h"
#include "ui/terminal.h"

namespace kirikae::golden {
namespace {

TEST_CASE("a stage that wants to be confirmed asks at a terminal, and goes on by y and yes alone") {
  const Cli deploy;
  deploy.recipe();
  Pty refused = at_terminal(deploy, {"production"});
  REQUIRE(refused.says("deploy to production (2 hosts)? [y/N]: "));
  refused.type("yess\n");
  CHECK(refused.end() == 130);
  CHECK(refused.output().find("error: not confirmed; nothing was done\r\n") != std::string::npos);

  for (const std::string answer : {"y\n", "Yes\n"}) {
    Pty agreed = at_terminal(deploy, {"rollback", "production", "--hosts", "127.0.0.1"});
    REQUIRE(agreed.says("roll back production (1 host)? [y/N]: "));
    agreed.type(answer);
    CHECK(agreed.end() == 5);  // there is no host at that address
  }
  Pty just_return = at_terminal(deploy, {"production"});
  REQUIRE(just_return.says("[y/N]: "));
  just_return.type("\n");
  CHECK(just_return.end() == 130);

  Pty never_asked = at_terminal(deploy, {"production", "--yes"});
  CHECK(never_asked.end() == 5);
  CHECK(never_asked.output().find("[y/N]") == std::string::npos);
}

TEST_CASE("^C at the question is exit code 130") {
  const Cli deploy;
  deploy.recipe();
  Pty terminal = at_terminal(deploy, {"production"});
  REQUIRE(terminal.says("[y/N]: "));
  terminal.type("\x03");
  CHECK(terminal.end() == 130);
}

// A task on this machine that doesn't heed TERM, so that the program has something to wait for; it ends by itself.
const std::string stubborn =
    "tasks: {hold: {run: \"trap '' TERM; echo holding; sleep 5\", local: true}}\n"
    "hooks: {before_connect: [hold]}\n";

TEST_CASE("the first ^C ends the run in good order and says so") {
  const Cli deploy;
  deploy.recipe(stubborn);
  Pty terminal = at_terminal(deploy, {"staging"}, {{"NO_COLOR", "1"}});
  REQUIRE(terminal.says("holding"));
  terminal.type("\x03");
  REQUIRE(terminal.says("stopping: "));
  CHECK(terminal.end() == 130);
  CHECK(terminal.output().find("deploy shop to staging: interrupted in ") != std::string::npos);
}

TEST_CASE("the second ^C ends the program on the spot with the cursor shown") {
  const Cli deploy;
  deploy.recipe(stubborn);
  Pty terminal = at_terminal(deploy, {"staging"});
  REQUIRE(terminal.says("holding"));
  REQUIRE(terminal.says("this machine  task hold"));
  terminal.type("\x03");
  REQUIRE(terminal.says("stopping: "));
  // What comes within 200 ms of the first counts as the same.
  for (int tries = 0; tries < 100 && !terminal.says("error: stopped", std::chrono::milliseconds(100)); ++tries) terminal.type("\x03");
  CHECK(terminal.end() == 130);
  CHECK(terminal.output().find("error: stopped at once: hosts may be in the middle of a step") != std::string::npos);
  CHECK(terminal.output().find("interrupted in") == std::string::npos);
  const auto hidden = terminal.output().rfind("\x1b[?25l"), shown = terminal.output().rfind("\x1b[?25h");
  REQUIRE(hidden != std::string::npos);
  CHECK(shown != std::string::npos);
  CHECK(shown > hidden);
}

TEST_CASE("a run at a terminal ends with the table on the screen and the cursor shown") {
  const Cli deploy;
  deploy.recipe();
  Pty terminal = at_terminal(deploy, {"staging"});
  CHECK(terminal.end() == 5);
  Screen screen(80, 24);
  screen.write(terminal.output());
  CHECK(screen.cursor_shown());
  CHECK(screen.text().find("\nhost       state      seconds  error\n127.0.0.1  unchanged") != std::string::npos);
  CHECK(screen.text().find("deploy shop to staging: unreachable in ") != std::string::npos);
}

TEST_CASE("TERM=dumb and --output plain get lines and NO_COLOR gets no colours") {
  const Cli deploy;
  deploy.recipe();
  Pty dumb = at_terminal(deploy, {"staging"}, {{"TERM", "dumb"}});
  CHECK(dumb.end() == 5);
  CHECK(dumb.output().find('\x1b') == std::string::npos);
  Pty plain = at_terminal(deploy, {"staging", "--output", "plain"});
  CHECK(plain.end() == 5);
  CHECK(plain.output().find('\x1b') == std::string::npos);
  Pty coloured = at_terminal(deploy, {"staging"});
  CHECK(coloured.end() == 5);
  CHECK(coloured.output().find("\x1b[31m") != std::string::npos);
  Pty colourless = at_terminal(deploy, {"staging"}, {{"NO_COLOR", "1"}});
  CHECK(colourless.end() == 5);
  CHECK(colourless.output().find("\x1b[31m") == std::string::npos);
}

TEST_CASE("a passphrase is not shown and the terminal is as before") {
  Pty terminal([] {
    const Secret secret = ui::ask_secret("passphrase", {});
    return secret.reveal() == "open sesame" ? 7 : 1;
  });
  REQUIRE(terminal.says("passphrase: "));
  CHECK_FALSE(terminal.echoes());
  terminal.type("open sesame\n");
  CHECK(terminal.end() == 7);
  CHECK(terminal.output() == "passphrase: \r\n");
  CHECK(terminal.echoes());
}

TEST_CASE("a stop ends the wait for a passphrase and the terminal is as before") {
  Pty terminal([] {
    std::stop_source stop;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const std::jthread stopper([&] {
      int signal = 0;
      sigwait(&set, &signal);
      stop.request_stop();
    });
    return ui::ask_secret("passphrase", stop.get_token()).empty() ? 7 : 1;
  });
  REQUIRE(terminal.says("passphrase: "));
  CHECK_FALSE(terminal.echoes());
  ::kill(terminal.pid(), SIGUSR1);
  CHECK(terminal.end() == 7);
  CHECK(terminal.echoes());
}

TEST_CASE("whoever leaves in the middle of a passphrase can bring the echo back") {
  Pty terminal([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::jthread([] { ui::ask_secret("passphrase", {}); }).detach();
    int signal = 0;
    sigwait(&set, &signal);
    ui::restore_terminal();
    return 130;
  });
  REQUIRE(terminal.says("passphrase: "));
  CHECK_FALSE(terminal.echoes());
  ::kill(terminal.pid(), SIGUSR1);
  CHECK(terminal.end() == 130);
  CHECK(terminal.echoes());
}

}  // namespace
}  // namespace kirikae::golden
