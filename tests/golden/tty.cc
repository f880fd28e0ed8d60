#include "ui/tty.h"

#include "screen.h"
#include "script.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

using namespace std::chrono_literals;

// A live display on a screen of its own, with a clock that the test moves.
struct Stage {
  explicit Stage(std::size_t columns = 80, std::size_t rows = 24, bool colour = false)
      : screen(columns, rows),
        size{static_cast<int>(columns), static_cast<int>(rows)},
        tty([this](std::string_view text) { frames += 1, screen.write(text); }, {},
            {{.palette = ui::Palette(colour)}, [this] { return size; }, [this] { return now; }}) {}

  // Shows what the script got since the last call, then moves the clock to the next frame.
  void play(const Script& script) {
    for (; played < script.events().size(); ++played) tty.show(script.events()[played]);
    now += 100ms;
    tty.refresh();
  }

  Screen screen;
  ui::Size size;
  std::chrono::steady_clock::time_point now{1h};
  int frames = 0;
  std::size_t played = 0;
  ui::Tty tty;
};

TEST_CASE("the live display has a line for each host below the lines that scroll past") {
  Stage stage;
  Script script;
  script.start("deploy", {"web1", "web2", "db1"}).begin(Phase::connect);
  script.add(event::HostState{"web1", "authenticating"}).add(event::HostState{"db1", "waiting for a login slot"});
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 3 hosts (web[1,2] db1)
connect: 3 hosts
deploy shop to production  0.4 s
connect 0.3 s: 1 at work, 2 waiting
  web1  authenticating
  web2  waiting
  db1   waiting for a login slot
)");
  CHECK_FALSE(stage.screen.cursor_shown());

  script.end(Phase::connect, 0.4).add(event::ReleaseChosen{"20261122013000", "4f2a91c"}).begin(Phase::upload);
  for (const auto* host : {"web1", "web2", "db1"}) script.add(event::StepStarted{host, Phase::upload, "unpack"});
  script.add(event::Progress{"web1", 12'300'000, 41'000'000}).add(event::Progress{"web2", 500, 0});
  script.add(event::StepFinished{"db1", Phase::upload, "unpack", 0.1, std::nullopt});
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 3 hosts (web[1,2] db1)
connect: 3 hosts
[web[1,2] db1] connect: done in 0.4 s
release 20261122013000, revision 4f2a91c
upload: 3 hosts
deploy shop to production  release 20261122013000  1.3 s
connect 3 > upload 0.7 s: 1 done, 2 at work
[####------------------------------------]  10%  12.3 MB of 123.0 MB
  web1  unpack  12.3 MB of 41.0 MB  30%
  web2  unpack  500 B
  db1   unpack: done
)");

  script.add(event::StepFinished{"web1", Phase::upload, "unpack", 0.1, std::nullopt});
  script.add(event::StepFinished{"web2", Phase::upload, "unpack", 0.1, Error(ErrorCode::lost, "the connection broke")});
  script.output("db1", "task x", "a line of output");
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 3 hosts (web[1,2] db1)
connect: 3 hosts
[web[1,2] db1] connect: done in 0.4 s
release 20261122013000, revision 4f2a91c
upload: 3 hosts
[db1] a line of output
deploy shop to production  release 20261122013000  1.6 s
connect 3 > upload 1.0 s: 1 failed, 2 done
[######----------------------------------]  15%  12.3 MB of 82.0 MB
  web1  unpack: done
  web2  failed: unpack: the connection broke
  db1   unpack: done
)");

  auto end = report("deploy", event::Outcome::failed, 1.9);
  end.hosts = {host_report("web1", event::HostEnd::unchanged, 1.3, 4096)};
  end.hosts[0].error = Error(ErrorCode::lost, "the connection broke, which is a thing that happens to connections");
  script.end(Phase::upload, 1, 1).add(event::RunFinished{end});
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 3 hosts (web[1,2] db1)
connect: 3 hosts
[web[1,2] db1] connect: done in 0.4 s
release 20261122013000, revision 4f2a91c
upload: 3 hosts
[db1] a line of output
[web2] failed: unpack: the connection broke
upload: 1 host failed in 1.0 s

host  state      release         seconds    sent  error
web1  unchanged  20261121090000      1.3  4.1 kB  the connection broke, which...
deploy shop to production: failed in 1.9 s, release 20261122013000
)");
  CHECK(stage.screen.cursor_shown());
}

TEST_CASE("with more hosts than lines the failed and the slow ones are named") {
  Stage stage(80, 9);
  const auto hosts = web(50);
  Script script;
  script.start("deploy", hosts).begin(Phase::upload);
  for (const auto& host : hosts) script.add(event::StepStarted{host, Phase::upload, "unpack"});
  for (const auto& host : hosts) {
    if (host == hosts[6]) {
      script.add(event::StepFinished{host, Phase::upload, "unpack", 1, Error(ErrorCode::remote, "no space left")});
    } else if (host != hosts[20] && host != hosts[10]) {
      script.add(event::StepFinished{host, Phase::upload, "unpack", 1, std::nullopt});
    }
  }
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 50 hosts (web[1-50].example.com)
upload: 50 hosts
deploy shop to production  10.0 s
upload 9.9 s: 1 failed, 47 done, 2 at work
  web7.example.com   failed: unpack: no space left
  web11.example.com  unpack  8.8 s
  web21.example.com  unpack  7.8 s
)");
}

TEST_CASE("live lines never reach the last column, whatever the hosts are called and say") {
  Stage stage(30, 10);
  Script script;
  script.start("deploy", {"a-host-with-a-very-long-name.example.com", "b"}).begin(Phase::build);
  script.add(event::StepStarted{"b", Phase::build, "a task that has a name \x1b[2J of its own"});
  stage.play(script);
  CHECK(stage.screen.text() == R"(deploy shop to production: 2 h
osts (a-host-with-a-very-long-
name.example.com b)
build: 2 hosts
deploy shop to prod...  0.3 s
build 0.2 s: 1 at work, 1 ...
  a-host-w...  waiting
  b            a task that...
)");
  stage.size.columns = 20;  // narrower: what was one line is two, on a terminal that breaks lines anew
  stage.now += 1s;
  CHECK_NOTHROW(stage.tty.refresh());
}

TEST_CASE("the screen is drawn ten times a second at most, and still where nothing happens") {
  Stage stage;
  Script script;
  script.start("deploy", {"web1"}).begin(Phase::build);
  stage.play(script);
  const int before = stage.frames;
  for (int i = 0; i < 1000; ++i) {
    stage.tty.show({1, event::Progress{"web1", 1, 2}});
    stage.tty.refresh();
  }
  CHECK(stage.frames == before);
  stage.now += 100ms;
  stage.tty.refresh();
  CHECK(stage.frames == before + 1);
  stage.now += 500ms;
  stage.tty.refresh();
  CHECK(stage.frames == before + 1);
  stage.now += 500ms;  // the seconds on it have to move
  stage.tty.refresh();
  CHECK(stage.frames == before + 2);
}

TEST_CASE("for a question the live lines go away and come back") {
  Stage stage;
  Script script;
  script.start("deploy", {"web1"}).begin(Phase::connect);
  stage.play(script);
  stage.tty.suspend();
  CHECK(stage.screen.text() == "deploy shop to production: 1 host (web1)\nconnect: 1 host\n");
  CHECK(stage.screen.cursor_shown());
  stage.screen.write("passphrase?\n");
  stage.now += 100ms;
  stage.tty.refresh();
  CHECK(stage.screen.text() ==
        "deploy shop to production: 1 host (web1)\nconnect: 1 host\npassphrase?\ndeploy shop to "
        "production  0.3 s\nconnect 0.2 s: 1 waiting\n  web1  waiting\n");
}

TEST_CASE("colours change nothing of the lines and their places") {
  Stage plain(40, 24, false), coloured(40, 24, true);
  Script script;
  script.start("deploy", web(3)).begin(Phase::upload).step("web1.example.com", Phase::upload, "unpack", 1);
  script.fail("web2.example.com", Phase::upload, "unpack", 1,
              {ErrorCode::remote, "no space left on the device called '/dev/disk'"});
  for (Stage* stage : {&plain, &coloured}) {
    stage->play(script);
    stage->now += 1s;
    stage->tty.refresh();
  }
  CHECK(plain.screen.text() == coloured.screen.text());
}

TEST_CASE("a long line of output is cut with a note on a terminal only") {
  Stage stage(40, 200);
  Script script;
  script.start("deploy", {"web1"}).output("web1", "task x", std::string(5000, 'x'));
  stage.play(script);
  std::string joined = stage.screen.all();
  joined.erase(std::remove(joined.begin(), joined.end(), '\n'), joined.end());
  CHECK(joined.find("xxx... (5000 bytes in all)") != std::string::npos);
  CHECK(std::ranges::count(joined, 'x') < 20 * 40);
}

}  // namespace
}  // namespace kirikae::golden
