// The built program on a real terminal, with real hosts.
#include <cstdlib>
#include <fstream>
#include <random>
#include <regex>
#include <string>

#include "support/catch.h"
#include "support/farm.h"
#include "support/never.h"
#include "support/process.h"
#include "tmux.h"

namespace kirikae::golden {
namespace {

using test::World;

// What no two runs have alike.
std::string masked(std::string text) {
  const std::pair<const char*, const char*> masks[] = {
      {"(task [a-z]+)  [0-9.]+ s\n", "$1\n"},  // a time is shown from the first second on
      {"\\^C\n", "\n"},                        // the keyboard's echo, until the next frame
      {"\n\n(error: stopped at once)", "\n$1"},  // the same, or its line, if no frame came
      {"127\\.0\\.0\\.1:[0-9]+", "HOST"},
      {"[0-9]{14}", "RELEASE"},
      {"revision [0-9a-f]{8,}", "revision REVISION"},
      {"([0-9]+ min )?[0-9]+(\\.[0-9])? s\\b", "N s"},
      {"[0-9]+(\\.[0-9])? [kM]?B", "N B"},
      {" +[0-9]+\\.[0-9](?= |\n)", "  N"},
      {" +seconds +sent", "  seconds  sent"},
  };
  for (const auto& [pattern, name] : masks) text = std::regex_replace(text, std::regex(pattern), name);
  return text;
}

// How long the run has taken, as the screen says.
double seconds_shown(const Tmux& screen) {
  const std::string text = screen.text();
  std::smatch found;
  return std::regex_search(text, found, std::regex("release [0-9]{14}  ([0-9.]+) s")) ? std::stod(found[1]) : 0;
}

// ./live in the site's folder is the program as its user has it.
void install(const World& world) {
  const char* told = std::getenv("TSAN_OPTIONS");  // by ctest
  world.write(
      "live",
      "#!/bin/sh\nexec env -i PATH=\"$PATH\" TERM=\"$TERM\" NO_COLOR=\"$NO_COLOR\" TSAN_OPTIONS='" + std::string(told != nullptr ? told : "") +
          "' HOME=" + world.site().string() +
          " USER=ada LANG=C.UTF-8 XDG_CACHE_HOME=" + (world / "cache").string() + " " KIRIKAE_DEPLOY " \"$@\"\n",
      0755);
}

// A hook that waits for a word of the test: a file `go` in shared/, or `fail`.
constexpr const char* held =
    "tasks:\n  install: 'while [ ! -e \"$SHARED_PATH/go\" ]; do if [ -e \"$SHARED_PATH/fail\" ]; then echo no such "
    "package >&2; exit 3; fi; sleep 0.1; done'\nhooks: {build: install}\n";

void say(const World& world, std::size_t host, const char* word) {
  world.host(host).write(std::string("shared/") + word, "");
}

constexpr const char* shell = "exec env PS1='$ ' bash --norc --noprofile -i";

TEST_CASE("a real deploy on a real terminal: hosts at work, one failed, the table") {
  World world({.hosts = 4});
  world.write_app("1");
  world.write_recipe(held);
  install(world);
  for (const std::size_t quick : {0U, 1U}) say(world, quick, "go");
  const Tmux screen({80, 24}, "./live production; echo ended with $?; exec sleep 3600", world.site());
  REQUIRE(screen.shows("2 done, 2 at work"));
  REQUIRE(screen.becomes([](const Tmux& now) {
    const std::string text = now.text();
    return std::regex_search(text,
                             std::regex("127.0.0.3  task install  [0-9.]+ s\n.*127.0.0.4  task install  [0-9.]+ s"));
  }));
  CHECK(comes_to_golden("live_hold", [&] { return masked(screen.text()); }));
  CHECK_FALSE(screen.cursor_shown());
  say(world, 3, "fail");
  REQUIRE(screen.shows("1 failed, 2 done, 1 at work"));
  CHECK(comes_to_golden("live_failed", [&] { return masked(screen.text()); }));
  say(world, 2, "go");
  REQUIRE(screen.shows("ended with 1"));
  CHECK(comes_to_golden("live_end", [&] { return masked(screen.all()); }));
  CHECK(screen.cursor_shown());
}

TEST_CASE("an upload over a line that stands still keeps its place on the screen, at any size") {
  World world({.hosts = 2, .own_servers = true});
  test::Relay& slow = world.relay(0);
  world.write_app("1");
  std::string noise(48'000'000, '\0');
  std::minstd_rand random(7);
  for (char& c : noise) c = static_cast<char>(random() >> 8);
  world.write("app/noise", noise);
  world.write_recipe();
  install(world);
  const Tmux screen({80, 24}, "./live production; echo ended with $?; exec sleep 3600", world.site());
  REQUIRE(test::eventually([&] { return slow.bytes_up() > 2'000'000; }, std::chrono::seconds(60)));
  slow.freeze_up();
  const auto stuck = [](const Tmux& now) {
    static const std::regex line(R"(\[#+-+\] +[0-9]+%  [0-9.]+ MB of 96\.[0-9] MB  0 B/s\n)");
    return std::regex_search(now.text(), line);
  };
  const bool is_stuck = screen.becomes(stuck);
  INFO(screen.text());
  REQUIRE(is_stuck);
  for (const ui::Size size : {ui::Size{70, 10}, ui::Size{120, 50}}) {
    screen.resize(size);
    REQUIRE(screen.becomes([&](const Tmux& now) {
      const std::string text = now.text();
      return stuck(now) && text.find("deploy shop to production", text.find("upload: 2 hosts")) != std::string::npos;
    }));
  }
  slow.thaw();
  REQUIRE(screen.shows("ended with 0"));
  CHECK(screen.cursor_shown());
  CHECK(screen.text().find("MB of") == std::string::npos);
}

TEST_CASE("^Z leaves the terminal as it was, fg draws anew below, and in the background only lines come") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(held);
  install(world);
  const Tmux screen({80, 24}, shell, world.site());
  REQUIRE(screen.shows("$"));
  screen.type({"./live production", "Enter"});
  REQUIRE(screen.shows("2 at work"));
  REQUIRE(screen.shows("127.0.0.2  task install"));
  screen.type({"C-z"});
  REQUIRE(screen.shows("Stopped"));
  CHECK(screen.cursor_shown());
  CHECK(comes_to_golden("live_stopped", [&] { return masked(screen.text()); }));
  screen.type({"fg", "Enter"});
  REQUIRE(screen.shows("2 at work"));
  CHECK_FALSE(screen.cursor_shown());
  CHECK(comes_to_golden("live_continued", [&] { return masked(screen.text()); }));
  screen.type({"C-z"});
  REQUIRE(screen.becomes([](const Tmux& now) {
    const std::string text = now.text();
    return text.find("Stopped") != text.rfind("Stopped");
  }));
  screen.type({"bg", "Enter"});
  screen.type({"echo still a $((6 * 7))", "Enter"});
  REQUIRE(screen.shows("still a 42"));
  say(world, 0, "go");
  CHECK(screen.text().find("at work") == std::string::npos);
  say(world, 1, "go");
  REQUIRE(screen.shows("deploy shop to production: done in"));
  CHECK(screen.text().find("at work") == std::string::npos);
  CHECK(screen.cursor_shown());
}

TEST_CASE("the second ^C leaves what was last known on the screen, and the cursor") {
  const test::Never never;
  World world({.hosts = 2, .own_servers = true});
  const std::vector<test::Relay*> lines{&world.relay(0), &world.relay(1)};
  world.write_app("1");
  world.write_recipe("tasks: {stubborn: '" + never.command() + "'}\nhooks: {build: stubborn}\n");
  install(world);
  const Tmux screen({80, 24}, shell, world.site());
  REQUIRE(screen.shows("$"));
  screen.type({"./live production; echo ended with $?", "Enter"});
  REQUIRE(screen.becomes([](const Tmux& now) {
    const std::string text = now.text();
    return text.find("task stubborn") != text.rfind("task stubborn");
  }));
  for (test::Relay* line : lines) line->freeze_up();  // or a quick host would end it before the second ^C
  screen.type({"C-c"});
  REQUIRE(screen.shows("stopping: "));
  CHECK_FALSE(screen.cursor_shown());
  // Within 200 ms of the first it would count as the same.
  const double stopping = seconds_shown(screen);
  REQUIRE(screen.becomes([&](const Tmux& now) { return seconds_shown(now) > stopping + 0.25; }));
  screen.type({"C-c"});
  REQUIRE(screen.shows("ended with 130"));
  CHECK(screen.cursor_shown());
  CHECK(comes_to_golden("live_stopped_at_once", [&] { return masked(screen.text()); }));
  screen.type({"echo still a $((6 * 7))", "Enter"});
  CHECK(screen.shows("still a 42"));
}

TEST_CASE("^C after the switch: the screen tells of the way back, and the table where the hosts stand") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string before = world.host(0).live();
  world.write_app("2");
  world.write_recipe(
      "tasks:\n  restart: '[ \"$DEPLOY_ACTION\" = deploy ] || exit 0; sleep 300'\nhooks: {after_publish: restart}\n");
  install(world);
  const Tmux screen({80, 24}, shell, world.site());
  REQUIRE(screen.shows("$"));
  screen.type({"./live production; echo ended with $?", "Enter"});
  REQUIRE(screen.shows("127.0.0.2  task restart"));
  CHECK(world.host(0).version() == "2");
  screen.type({"C-c"});
  REQUIRE(screen.shows("ended with 130"));
  const std::string all = masked(screen.all());
  for (const auto* told : {"warning: hosts that were switched go back to what they ran\nundo: 2 hosts\n[127.0.0.1 127.0.0.2] "
                           "undo: done in N s\n",
                           "\n127.0.0.1  undone  RELEASE  N", "\n127.0.0.2  undone  RELEASE  N",
                           "deploy shop to production: interrupted in N s"}) {
    INFO(all);
    CHECK(all.find(told) != std::string::npos);
  }
  CHECK(screen.cursor_shown());
  for (const auto& host : world.hosts()) CHECK(host.live() == before);
}

TEST_CASE("dumb terminals get lines, and NO_COLOR no colours") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(held);
  install(world);
  for (const std::size_t host : {0U, 1U}) say(world, host, "go");
  const Tmux dumb({80, 24}, "TERM=dumb ./live production; echo ended with $?; exec sleep 3600", world.site());
  REQUIRE(dumb.shows("ended with 0"));
  CHECK(comes_to_golden("live_dumb", [&] { return masked(dumb.coloured()); }));
  const Tmux colourless({80, 24}, "NO_COLOR=1 ./live production; echo ended with $?; exec sleep 3600", world.site());
  REQUIRE(colourless.shows("ended with 0"));
  CHECK(colourless.coloured() == colourless.text());
  const Tmux coloured({80, 24}, "./live production; echo ended with $?; exec sleep 3600", world.site());
  REQUIRE(coloured.shows("ended with 0"));
  CHECK(coloured.coloured().find("{green}done{}") != std::string::npos);
}

}  // namespace
}  // namespace kirikae::golden
