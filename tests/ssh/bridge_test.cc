// Programs that want a remote shell, and get a command of ours: stand-ins for rsync, which the built program serves as their shell.
#include "ssh/bridge.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/fd.h"
#include "support/catch.h"
#include "support/memory.h"
#include "support/never.h"
#include "support/process.h"
#include "support/ssh_session.h"
#include "support/temp_dir.h"
#include "support/variable.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// The program is shell text, in which $1 is the remote shell and $2 the file.
ssh::Bridge::Call call_of(const std::string& text, const std::string& first = {}) {
  const auto argv = [text](const std::string& shell, const std::string& file) {
    return std::vector<std::string>{"/bin/sh", "-c", text, "sh", shell, file};
  };
  return {KIRIKAE_DEPLOY, argv, "what is in the file\n", first};
}

std::unique_ptr<ssh::Bridge> started_bridge(const std::string& text, const std::string& first = {}) {
  auto bridge = ssh::Bridge::start(call_of(text, first), within(60s));
  if (!bridge) throw std::runtime_error(to_text(bridge.error()));
  return *std::move(bridge);
}

// What it says next; empty: it says no more.
std::string next(ByteSource& data, std::size_t most = 50'000) {
  const auto waker = std::make_shared<Waker>();
  std::string bytes(most, '\0');
  for (;;) {
    const auto piece = data.read(bytes, waker);
    if (!piece) throw std::runtime_error(to_text(piece.error()));
    if (piece->state != ByteSource::Piece::State::later) return bytes.substr(0, piece->size);
    pollfd polled{waker->fd(), POLLIN, 0};
    if (::poll(&polled, 1, 60'000) != 1) throw std::runtime_error("the program says nothing, and doesn't end");
    waker->clear();
  }
}

std::string all_of(ByteSource& data) {
  std::string all;
  for (std::string piece = next(data); !piece.empty(); piece = next(data)) all += piece;
  return all;
}

}  // namespace

TEST_CASE("a program gets its command: the words come over, what it says and what it hears, and the status") {
  const TempDir folder;
  const std::string heard = folder / "heard";
  const auto bridge = started_bridge("exec 3<\"$2\"; { cat <&3; echo more; } | \"$1\" host 'one word' '' '$(two)' >" + heard + "; s=$?; echo an error >&2; exit $s", "first\n");
  CHECK(bridge->command() == std::vector<std::string>{"one word", "", "$(two)"});
  const auto data = bridge->data();
  CHECK(all_of(*data) == "first\nwhat is in the file\nmore\n");
  bridge->hear("said there\n");
  const int status = GENERATE(0, 7, 255);
  const auto end = bridge->finish(status);
  REQUIRE(end);
  CHECK(end->status == status);
  CHECK(end->words == "an error\n");
  CHECK(folder.read("heard") == "said there\n");
}

// As rsync does: neither side waits for the other to have read what it says.
TEST_CASE("much goes both ways at the same time, whoever reads late") {
  const TempDir folder;
  const std::string sizes = "head -c 20000000 /dev/zero | \"$1\" host cat | wc -c >" + (folder / "size");
  const auto bridge = started_bridge(sizes);
  const auto data = bridge->data();
  std::size_t size = 0;
  const bool echo_late = GENERATE(false, true);
  for (std::string piece = next(*data); !piece.empty(); piece = next(*data)) {
    size += piece.size();
    if (!echo_late) bridge->hear(piece);
  }
  CHECK(size == 20'000'000);
  if (echo_late) bridge->hear(std::string(size, 'x'));
  REQUIRE(bridge->finish(0));
  CHECK(folder.read("size") == "20000000\n");
}

TEST_CASE("a reader that never catches up with the program has no more kept than what is ahead of it") {
  const auto peak_kilobytes = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const TempDir folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const Fd said(::open(pipe.c_str(), O_RDWR | O_CLOEXEC));
  const auto bridge = started_bridge("\"$1\" host cat <" + pipe, std::string(200'000, 'x'));
  const auto data = bridge->data();
  const std::string piece(65'536, 'y');  // a pipe's worth: written once the one before it has been read
  const auto before = peak_kilobytes();
  for (int i = 0; i < 1500; ++i) {
    REQUIRE(::write(said.get(), piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()));
    REQUIRE(next(*data, piece.size()).size() > 0);
  }
  CHECK(peak_kilobytes() - before < memory_limit(20'000));
}

TEST_CASE("a program that hears nothing is an error before it fills the memory") {
  const Never never;
  const auto bridge = started_bridge("\"$1\" host x </dev/null | " + never.command());
  const auto data = bridge->data();
  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 70; ++i) bridge->hear(much);
  const auto piece = data->read(std::span<char>(), std::make_shared<Waker>());
  REQUIRE_FALSE(piece);
  CHECK_THAT(to_text(piece.error()), ContainsSubstring("reads nothing of what the host says"));
}

TEST_CASE("a program that ends before it has called the host is an error with its words") {
  const auto ended = ssh::Bridge::start(call_of("echo 'no such option' >&2; exit 3"), within(60s));
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::local);
  CHECK_THAT(to_text(ended.error()), ContainsSubstring("has ended before it called the host:\n  no such option"));
  auto missing = call_of("");
  missing.argv = [](const std::string&, const std::string&) { return std::vector<std::string>{"no-such-program"}; };
  const auto none = ssh::Bridge::start(missing, within(60s));
  REQUIRE_FALSE(none);
  CHECK_THAT(to_text(none.error()), ContainsSubstring("'no-such-program' can't be started on this machine: no such file"));
}

TEST_CASE("a wait for a program's call ends by a stop, and leaves nothing") {
  const Never never;
  std::stop_source stop;
  std::jthread stopper([&] {
    eventually([&] { return !processes_with(never.path()).empty(); }, 60s);
    stop.request_stop();
  });
  const auto stopped = ssh::Bridge::start(call_of("exec " + never.command()), within(5min, stop.get_token()));
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
  CHECK(processes_with(never.path()).empty());
}

TEST_CASE("a program that dies ends what it says, and its signal is told") {
  const auto bridge = started_bridge("\"$1\" host x; kill -KILL $$");
  const auto data = bridge->data();
  const auto end = bridge->finish(0);
  REQUIRE(end);
  CHECK(end->status == -SIGKILL);
  CHECK(all_of(*data).empty());
}

TEST_CASE("with its bridge a program goes, and its folder is gone as soon as it has called") {
  const TempDir folder;
  const Never never;
  const Variable place("TMPDIR", folder.path().string());
  auto bridge = started_bridge("\"$1\" host x </dev/null; exec " + never.command());
  CHECK(std::filesystem::is_empty(folder.path()));
  const auto end = [&] { return processes_with(never.path()); };
  bridge.reset();
  CHECK(end().empty());
}

TEST_CASE("who is called as a remote shell by a run that is gone ends with 255, as ssh does") {
  const TempDir folder;
  CHECK(run_program({"env", std::string(ssh::bridge_variable) + "=" + folder / "socket", KIRIKAE_DEPLOY, "host", "x"}).status == 255);
}
