// The live display of 200 hosts on a real terminal, with a clock that the test moves.
#include "script.h"
#include "support/catch.h"
#include "tmux.h"
#include "ui/tty.h"

namespace kirikae::golden {
namespace {

using namespace std::chrono_literals;
using event::HostEnd;

constexpr std::uint64_t payload = 41'000'000;

class Show {
 public:
  explicit Show(ui::Size size = {80, 24}, bool colour = true)
      : screen(size),
        tty_([this](std::string_view text) { screen.write(text); }, {},
             {{.palette = ui::Palette(colour)}, [this] { return screen.size(); }, [this] { return now_; }}) {}

  void at(double seconds) { at_ = seconds; }
  Show& add(Any what) {
    tty_.show({at_, std::move(what)});
    return *this;
  }
  // The clock goes on, and a frame is drawn.
  void wait(std::chrono::milliseconds time = 100ms) {
    now_ += time;
    at_ += std::chrono::duration<double>(time).count();
    tty_.refresh();
  }
  void let_go() { tty_.suspend(); }

  // The part of a deploy that comes first: it starts, connects, and begins to upload.
  void start(const std::vector<std::string>& hosts) {
    event::RunStarted run{"deploy", "shop", "production", {}};
    for (const auto& host : hosts) run.hosts.push_back({host, {"app"}});
    add(run).add(event::PhaseStarted{Phase::connect, hosts});
    for (const auto& host : hosts) add(event::StepStarted{host, Phase::connect, "connect"});
  }
  void connected(const std::vector<std::string>& hosts) {
    for (const auto& host : hosts) add(event::StepFinished{host, Phase::connect, "connect", 1, std::nullopt});
    add(event::PhaseFinished{Phase::connect, at_, 0}).add(event::ReleaseChosen{"20261122013000", "4f2a91c"});
    add(event::PhaseStarted{Phase::upload, hosts});
  }
  void connect(const std::vector<std::string>& hosts) {
    start(hosts);
    wait(2s);
    connected(hosts);
  }
  // Half of the hosts have it all, most of the others some of it, the last ones wait.
  void upload(const std::vector<std::string>& hosts) {
    for (std::size_t i = 0; i < hosts.size() - 10; ++i) add(event::StepStarted{hosts[i], Phase::upload, "unpack"});
    for (int second = 1; second <= 5; ++second) {
      wait(1s);
      for (std::size_t i = 0; i < hosts.size() - 10; ++i) {
        const std::uint64_t share = i < hosts.size() / 2 ? 5 : 1 + i % 4;
        add(event::Progress{hosts[i], payload * share * static_cast<std::uint64_t>(second) / 25, payload});
      }
    }
    for (std::size_t i = 0; i < hosts.size() / 2; ++i)
      add(event::StepFinished{hosts[i], Phase::upload, "unpack", 5, std::nullopt});
  }
  void fail(const std::string& host, const Error& error) {
    add(event::StepFinished{host, Phase::upload, "unpack", 5, Error(error).on(host)});
  }

  Tmux screen;

 private:
  std::chrono::steady_clock::time_point now_{1h};
  double at_ = 0;
  ui::Tty tty_;
};

const Error full(ErrorCode::remote, "no space left on '/srv/shop'", "make room, or lower keep_releases");

TEST_CASE("200 hosts at their start fit a screen of 24 lines") {
  Show show;
  const auto hosts = web(200);
  show.start(hosts);
  for (std::size_t i = 0; i < 30; ++i) show.add(event::HostState{hosts[i], "authenticating"});
  for (std::size_t i = 30; i < 200; ++i) show.add(event::HostState{hosts[i], "waiting for a login slot"});
  show.wait(1500ms);
  CHECK(same_as_golden("screen_start", show.screen.text()));
  CHECK_FALSE(show.screen.cursor_shown());
}

TEST_CASE("200 hosts in the middle of an upload: counts, the whole with rate and time left, the slowest by name") {
  Show show;
  const auto hosts = web(200);
  show.connect(hosts);
  show.upload(hosts);
  show.wait();
  CHECK(same_as_golden("screen_upload", show.screen.text()));
  CHECK(same_as_golden("screen_upload_colours", show.screen.coloured()));

  SECTION("a smaller window") {
    show.screen.resize({60, 15});
    show.wait();
    CHECK(same_as_golden("screen_upload_60x15", show.screen.text()));
    show.screen.resize({40, 5});
    show.wait();
    CHECK(same_as_golden("screen_upload_40x5", show.screen.text()));
    show.screen.resize({80, 24});
    show.wait();
    CHECK(same_as_golden("screen_upload_back_to_80x24", show.screen.text()));
  }
  SECTION("a larger window") {
    show.screen.resize({120, 50});
    show.wait();
    CHECK(same_as_golden("screen_upload_120x50", show.screen.text()));
  }
  SECTION("some fail, alike and each in its own way") {
    for (const std::size_t i : {110U, 111U, 140U}) show.fail(hosts[i], full);
    show.fail(hosts[150], {ErrorCode::lost, "the connection to '" + hosts[150] + "' broke"});
    show.fail(hosts[151], {ErrorCode::lost, "the connection to '" + hosts[151] + "' broke"});
    show.fail(hosts[160], {ErrorCode::remote, "tar ended with status 2:\n  tar: Unexpected EOF in archive"});
    show.wait();
    CHECK(same_as_golden("screen_failed", show.screen.text()));
    CHECK(same_as_golden("screen_failed_colours", show.screen.coloured()));
  }
  SECTION("for a question the board goes away and comes back") {
    show.let_go();
    CHECK(show.screen.cursor_shown());
    CHECK(show.screen.text().find("at work") == std::string::npos);
    show.screen.write("passphrase: \r\n");
    show.wait();
    CHECK(same_as_golden("screen_after_question", show.screen.text()));
  }
}

TEST_CASE("the end of 200 hosts is a table of those that differ") {
  Show show;
  const auto hosts = web(200);
  show.connect(hosts);
  for (const auto& host : {hosts[6], hosts[98]}) show.fail(host, full);
  show.fail(hosts[150], {ErrorCode::lost, "the connection to '" + hosts[150] + "' broke"});
  show.add(event::PhaseFinished{Phase::upload, 3, 3});
  auto end = report("deploy", event::Outcome::failed, 5.5);
  for (std::size_t i = 0; i < hosts.size(); ++i)
    end.hosts.push_back(host_report(hosts[i], HostEnd::unchanged, 1.5 + static_cast<double>(i) / 100, payload / 2));
  end.hosts[6].error = end.hosts[98].error = full;
  end.hosts[150].error = Error(ErrorCode::lost, "the connection to '" + hosts[150] + "' broke");
  show.add(event::RunFinished{end});
  CHECK(same_as_golden("screen_end", show.screen.text()));
  CHECK(same_as_golden("screen_end_colours", show.screen.coloured()));
  CHECK(show.screen.cursor_shown());
}

TEST_CASE("nothing is coloured where colours are off") {
  Show show({80, 24}, false);
  const auto hosts = web(200);
  show.connect(hosts);
  show.upload(hosts);
  show.fail(hosts[110], full);
  show.wait();
  CHECK(show.screen.coloured() == show.screen.text());
  CHECK(show.screen.text().find("1 failed") != std::string::npos);
}

TEST_CASE("equal output of many hosts is one line, and hostile output stays in its line") {
  Show show;
  const auto hosts = web(200);
  show.connect(hosts);
  const std::string title = show.screen.title();
  const auto say = [&](const std::string& host, const std::string& line) {
    show.add(event::Output{host, "task x", event::Channel::out, line});
  };
  for (const auto& host : hosts) say(host, "42 packages");
  for (std::size_t i = 0; i < 3; ++i) {
    say(hosts[i], "first");
    say(hosts[i], "second");
  }
  say(hosts[9], "second");
  say(hosts[9], "first");
  say(hosts[0], "\x1b[2J\x1b[H\x1b[5A\x1b[31mred\x1b[0m");
  say(hosts[1], "\x1b]0;stolen title\a\x1b]2;again\x1b\\titled");
  say(hosts[2],
      "\x1b[?1049halternate\x1b[?25h\x1b"
      "c");
  say(hosts[3],
      "bell \a\a\a and C1 \xc2\x9b"
      "2J \x9b"
      "31m");
  say(hosts[4], "bidi \xe2\x80\xae\xe2\x81\xa6reversed");
  say(hosts[5], "10%\r50%\r100%");
  say(hosts[6], "wide \xe9\x85\x8d\xe5\x82\x99\xe5\xae\x8c\xe4\xba\x86 and a line feed\nof its own\x1b[1");
  say(hosts[7], std::string(300, 'x'));
  say(hosts[8], "\x1b(0lqqk\x0e\x1b#8\x1b[?7l\x1b[3g");
  show.wait();
  CHECK(same_as_golden("screen_hostile", show.screen.all()));
  CHECK(same_as_golden("screen_hostile_colours", show.screen.coloured()));
  CHECK(show.screen.title() == title);
  CHECK_FALSE(show.screen.alternate_screen());
  CHECK_FALSE(show.screen.cursor_shown());
}

TEST_CASE("wide characters and long names keep their lines at any width") {
  const int columns = GENERATE(80, 40, 20);
  Show show({columns, 12}, false);
  const std::vector<std::string> hosts = {
      "\xe6\x9d\xb1\xe4\xba\xac-\xe7\xac\xac\xe4\xb8\x80\xe3\x82\xb5\xe3\x83\xbc\xe3\x83\x90", "b",
      "a-very-long-name-that-somebody-chose.example.com"};
  show.start(hosts);
  show.connected(hosts);
  for (const auto& host : hosts)
    show.add(event::StepStarted{host, Phase::upload, "\xe5\xb1\x95\xe9\x96\x8b\xe4\xb8\xad: a step of some length"});
  for (int i = 0; i < 5; ++i) {
    show.add(event::Progress{hosts[0], payload * static_cast<std::uint64_t>(i) / 10, payload});
    show.wait(1s);
  }
  CHECK(same_as_golden("screen_wide_" + std::to_string(columns), show.screen.text()));
}

}  // namespace
}  // namespace kirikae::golden
