// Programs of this machine: their streams, their end, and that nothing of them is left or leaks.
#include "core/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "core/fd.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;
using std::chrono::steady_clock;

namespace {

struct Outcome {
  Result<SubprocessEnd> end;
  std::string out, err;
  double seconds = 0;
};

Outcome run(SubprocessCall call) {
  Outcome outcome;
  call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? outcome.err : outcome.out) += bytes; };
  const auto began = steady_clock::now();
  outcome.end = run_subprocess(call);
  outcome.seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
  return outcome;
}

SubprocessCall shell(const std::string& text) {
  SubprocessCall call;
  call.argv = {"/bin/sh", "-e"};
  call.input = text;
  return call;
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0 && process_name(pid) != ""; }

}  // namespace

TEST_CASE("a program's streams, status, folder and environment are what was asked for") {
  const TempDir folder;
  ::setenv("KIRIKAE_TEST_OURS", "ours", 1);
  ::setenv("KIRIKAE_TEST_OVER", "ours", 1);
  auto call = shell("echo \"$KIRIKAE_TEST_OURS $KIRIKAE_TEST_OVER\"; pwd -P; echo oops >&2; exit 7");
  call.folder = folder.path();
  call.environment = {{"KIRIKAE_TEST_OVER", "a 'b\nc"}};
  const auto outcome = run(call);
  REQUIRE(outcome.end);
  CHECK(outcome.end->status == 7);
  CHECK(outcome.end->signal == 0);
  CHECK(outcome.out == "ours a 'b\nc\n" + std::filesystem::canonical(folder.path()).string() + "\n");
  CHECK(outcome.err == "oops\n");
}

TEST_CASE("a program that a signal ended says which") {
  const auto outcome = run(shell("kill -SEGV $$"));
  REQUIRE(outcome.end);
  CHECK(outcome.end->signal == SIGSEGV);
  CHECK(outcome.end->status == 128 + SIGSEGV);
}

TEST_CASE("much input and output pass at the same time, and input that nobody reads hurts nobody") {
  SubprocessCall call;
  call.argv = {"tee", "/dev/stderr"};
  call.input = std::string(5'000'000, 'x') + "end";
  const auto both = run(call);
  REQUIRE(both.end);
  CHECK(both.end->status == 0);
  CHECK(both.out == call.input);
  CHECK(both.err == call.input);
  call.argv = {"true"};
  const auto none = run(call);
  REQUIRE(none.end);
  CHECK(none.end->status == 0);
}

TEST_CASE("all of a big output arrives, however late it is read") {
  SubprocessCall call;
  call.argv = {"head", "-c", "20000000", "/dev/zero"};
  std::size_t total = 0;
  call.on_output = [&](bool, std::string_view bytes) { total += bytes.size(); };
  REQUIRE(run_subprocess(call));
  CHECK(total == 20'000'000);
}

TEST_CASE("a program that can't be started is named, with the reason") {
  const TempDir folder;
  const auto error_of = [](SubprocessCall call) {
    const auto outcome = run(std::move(call));
    REQUIRE_FALSE(outcome.end);
    CHECK(outcome.end.error().code == ErrorCode::local);
    return outcome.end.error().message;
  };
  SubprocessCall call;
  call.argv = {"no-such-program-here"};
  CHECK(error_of(call) == "program 'no-such-program-here' was not found");
  call.argv = {"/no/such/program"};
  CHECK(error_of(call) == "program '/no/such/program' can't be run: No such file or directory");
  const auto plain = folder.write("plain", "echo");
  call.argv = {plain};
  CHECK(error_of(call) == "program '" + plain + "' can't be run: Permission denied");
  call.argv = {"true"};
  call.folder = folder / "missing";
  CHECK(error_of(call) ==
        "folder '" + folder / "missing" + "' can't be entered to run 'true' there: No such file or directory");
}

TEST_CASE("at its deadline a program is ended") {
  auto call = shell("sleep 300");
  call.deadline = Deadline::in(std::chrono::milliseconds(300));
  const auto outcome = run(call);
  REQUIRE_FALSE(outcome.end);
  CHECK(outcome.end.error().code == ErrorCode::timeout);
  CHECK(outcome.end.error().message == "'/bin/sh' took too long and was stopped");
  CHECK(outcome.seconds > 0.29);
  CHECK(outcome.seconds < 30);
}

TEST_CASE("a program and its children are ended, those too that ignore TERM") {
  std::stop_source stop;
  auto call = shell("trap '' TERM; sleep 300 & echo $! $$; wait; sleep 300");
  call.stop = stop.get_token();
  std::string pids;
  call.on_output = [&](bool, std::string_view bytes) {
    pids += bytes;
    if (pids.ends_with('\n')) stop.request_stop();
  };
  const auto began = steady_clock::now();
  const auto end = run_subprocess(call);
  const auto took = steady_clock::now() - began;
  REQUIRE_FALSE(end);
  CHECK(end.error().code == ErrorCode::cancelled);
  CHECK(took > std::chrono::seconds(2));
  CHECK(took < std::chrono::seconds(30));
  std::istringstream each(pids);
  int found = 0;
  for (pid_t pid = 0; each >> pid; ++found) CHECK(eventually([&] { return !alive(pid); }));
  CHECK(found == 2);
}

TEST_CASE("a stop ends a program at once, where it heeds TERM") {
  std::stop_source stop;
  auto call = shell("echo started; exec sleep 300");
  call.stop = stop.get_token();
  call.on_output = [&](bool, std::string_view) { stop.request_stop(); };
  const auto began = steady_clock::now();
  const auto end = run_subprocess(call);
  REQUIRE_FALSE(end);
  CHECK(end.error().code == ErrorCode::cancelled);
  CHECK(steady_clock::now() - began < std::chrono::seconds(30));

  const auto again = run_subprocess(call);  // not even started
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::cancelled);
}

TEST_CASE("a daemon that keeps the streams doesn't keep us, and lives on") {
  const TempDir folder;
  auto call = shell("(echo $$; exec sleep 300) & echo $! > \"$FOLDER/daemon\"; echo done");
  call.environment = {{"FOLDER", folder.path()}};
  const auto outcome = run(call);
  const auto daemon = std::stoi(folder.read("daemon"));
  CHECK(alive(daemon));
  ::kill(daemon, SIGKILL);
  REQUIRE(outcome.end);
  CHECK(outcome.end->status == 0);
  CHECK(outcome.out.find("done\n") != std::string::npos);
  CHECK(outcome.seconds < 30);
}

TEST_CASE("a daemon that never stops writing doesn't keep us either") {
  const TempDir folder;
  auto call = shell("yes & echo $! > \"$FOLDER/daemon\"");
  call.environment = {{"FOLDER", folder.path()}};
  call.on_output = [](bool, std::string_view) {};
  const auto began = steady_clock::now();
  const auto end = run_subprocess(call);
  CHECK(steady_clock::now() - began < std::chrono::seconds(30));
  ::kill(std::stoi(folder.read("daemon")), SIGKILL);
  CHECK(end);
}

TEST_CASE("a program gets the three streams and no other descriptor, signals as usual, and no terminal") {
  const Fd leak(::open("/dev/null", O_RDONLY));  // without close-on-exec, as a careless library opens it
  struct sigaction before = {};
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const auto outcome =
      run(shell("ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> .*/\\1/p' | tr '\\n' ' '\n"
                "grep SigIgn /proc/self/status\n(: < /dev/tty) 2>/dev/null || echo no terminal"));
  ::sigaction(SIGPIPE, &before, nullptr);
  REQUIRE(outcome.end);
  CHECK(outcome.out == "0 1 2 3 SigIgn:\t0000000000000000\nno terminal\n");  // 3: the folder that ls reads
}

TEST_CASE("programs run side by side from many threads") {
  std::vector<std::jthread> threads;
  std::vector<std::string> outputs(16);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) outputs[i] += run(shell("cat <<X\n" + std::to_string(i) + "\nX")).out;
    });
  }
  threads.clear();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    std::string wanted;
    for (int round = 0; round < 5; ++round) wanted += std::to_string(i) + "\n";
    CHECK(outputs[i] == wanted);
  }
}
