#include "ui/recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/catch.h"
#include "support/temp_dir.h"
#include "ui/run_folder.h"
#include "ui/run_record.h"

namespace kirikae::ui {
namespace {

using event::Event;
using event::Phase;

const JsonStamp stamp{"20261122-013000-4f2a91", [] { return 1795311000.0; }};

struct Shown : Renderer {
  explicit Shown(std::vector<Event>& all) : events(all) {}
  void show(const Event& event) override { events.push_back(event); }
  std::vector<Event>& events;
};

// What is in the file after the events of one step that prints `count` lines.
std::string kept(int count, bool fails, std::size_t line_size = 100) {
  const test::TempDir folder;
  std::vector<Event> seen;
  {
    Recorder recorder(*RunFolder(folder / "runs").create(stamp.run), stamp, std::make_unique<Shown>(seen));
    recorder.show({0, event::HostState{"web1", "connecting"}});
    recorder.show({0, event::StepStarted{"web1", Phase::build, "task x"}});
    for (int i = 0; i < count; ++i) {
      std::string line = "line " + std::to_string(i) + ' ';
      line.resize(std::max(line.size(), line_size), '.');
      recorder.show({1, event::Output{"web1", "task x", event::Channel::out, line}});
    }
    const auto error = fails ? std::optional(Error(ErrorCode::remote, "boo")) : std::nullopt;
    recorder.show({2, event::StepFinished{"web1", Phase::build, "task x", 2, error}});
    recorder.show({3, event::RunFinished{}});
  }
  CHECK(seen.size() == static_cast<std::size_t>(count) + 4);  // everything is shown, whatever is kept
  return folder.read("runs/" + stamp.run + ".jsonl");
}

}  // namespace

TEST_CASE("a run is kept without what is for displays only") {
  const std::string text = kept(2, false);
  CHECK_FALSE(text.contains("host_state"));
  CHECK(text.contains("\"line 0 "));
  CHECK(text.contains("\"line 1 "));
  CHECK_FALSE(text.contains("omitted"));
  CHECK(text.ends_with("\"advice\":[]}\n"));
}

TEST_CASE("the end of a run is the last line that is kept, also where an answer comes after it or none comes") {
  const bool answered = GENERATE(true, false);
  const test::TempDir folder;
  const std::string file = "runs/" + stamp.run + ".jsonl";
  std::vector<Event> seen;
  {
    Recorder recorder(*RunFolder(folder / "runs").create(stamp.run), stamp, std::make_unique<Shown>(seen), true);
    recorder.show({1, event::RunFinished{}});
    if (answered) recorder.show({2, event::Answer{"removed 20261120000000", ""}});
  }
  const std::string text = folder.read(file);
  CHECK(text.contains("removed 20261120000000") == answered);
  CHECK(text.ends_with("\"advice\":[]}\n"));
}

TEST_CASE("of a step that prints much the beginning and the end are kept") {
  const std::string text = kept(5000, GENERATE(true, false));
  CHECK(text.size() < 200'000);
  CHECK(text.contains("\"line 0 "));
  CHECK(text.contains("\"line 4999 "));
  CHECK_FALSE(text.contains("\"line 2500 "));
  CHECK(text.contains("\"event\":\"omitted\""));
  const RunRecord record = read_record(text);
  CHECK(record.unreadable == 0);
  CHECK(record.steps.at(0).end == 2);
  if (record.steps[0].error) {
    CHECK(record.steps[0].output.back().starts_with("line 4999 "));
    CHECK(record.steps[0].omitted + record.steps[0].output.size() == 5000);
  }
}

TEST_CASE("a record is bounded, but the end of a failed step's output is always there") {
  const test::TempDir folder;
  std::vector<Event> seen;
  {
    Recorder recorder(*RunFolder(folder / "runs").create(stamp.run), stamp, std::make_unique<Shown>(seen));
    for (int step = 0; step < 600; ++step) {
      const std::string host = "web" + std::to_string(step);
      recorder.show({0, event::StepStarted{host, Phase::build, "task x"}});
      for (int i = 0; i < 100; ++i) {
        recorder.show({1, event::Output{host, "task x", event::Channel::out, std::string(1000, 'x') + std::to_string(i)}});
      }
      const auto error = step == 599 ? std::optional(Error(ErrorCode::remote, "boo")) : std::nullopt;
      recorder.show({2, event::StepFinished{host, Phase::build, "task x", 2, error}});
    }
    seen.clear();
  }
  const std::string text = folder.read("runs/" + stamp.run + ".jsonl");
  CHECK(text.size() < 24'000'000);
  CHECK(read_record(text).steps.at(599).output.back().ends_with("x99"));
}

TEST_CASE("a record that can't be written any more is one warning, and is gone") {
  const test::TempDir folder;
  folder.write("run.jsonl", "what there was room for\n");
  std::vector<Event> seen;
  {
    Recorder recorder({Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), folder / "run.jsonl"}, stamp, std::make_unique<Shown>(seen));
    for (int i = 0; i < 3; ++i) {
      recorder.show({1, event::Warning{"web1", "x"}});
      recorder.refresh();
    }
  }
  REQUIRE(seen.size() == 4);
  CHECK(std::get<event::Warning>(seen[1].what).text == "this run is not kept for 'deploy report': No space left on device");
  CHECK_FALSE(std::filesystem::exists(folder / "run.jsonl"));
}

TEST_CASE("runs are for their owner only, and one that is under way is known") {
  const test::TempDir folder;
  const RunFolder runs(folder / "state/kirikae/runs");
  CHECK(runs.list().empty());
  const std::string id = "20261122-013000-4f2a91";
  {
    const auto file = runs.create(id);
    REQUIRE(file);
    struct stat info {};
    REQUIRE(::fstat(file->fd.get(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    REQUIRE(::stat(runs.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    CHECK(is_under_way(runs.list().at(0).file));
    CHECK(!runs.create(id));  // never over another one
  }
  CHECK(!is_under_way(runs.list().at(0).file));
  CHECK(!is_under_way(runs.path() + "/none"));
}

TEST_CASE("too many and too old runs go, but never the newest or one under way") {
  const test::TempDir folder;
  const RunFolder runs(folder / "runs");
  const auto working = runs.create("20260101-000000-aaaaaa");
  const auto name = [](int i) { return "20261122-0130" + std::to_string(10 + i % 50) + '-' + std::to_string(100000 + i); };
  for (int i = 0; i < 60; ++i) REQUIRE(runs.create(name(i)));
  folder.write("runs/notes.txt", "mine");
  folder.write("runs/notes.jsonl", "mine");
  runs.prune("20260601-000000-000000");
  auto left = runs.list();
  CHECK(left.size() == 51);
  CHECK(left.back().id == "20260101-000000-aaaaaa");
  runs.prune("20270101-000000-000000");
  left = runs.list();
  REQUIRE(left.size() == 2);
  CHECK(left[0].id == "20261122-013059-100049");
  CHECK(std::filesystem::exists(folder / "runs/notes.jsonl"));
}

TEST_CASE("mistyped calls push no run out") {
  const test::TempDir folder;
  const RunFolder runs(folder / "runs");
  for (int i = 0; i < 60; ++i) {
    const auto file = runs.create("20261122-0130" + std::to_string(10 + i % 50) + '-' + std::to_string(100000 + i));
    const std::string_view first = i < 5 ? R"({"event":"run_started","at":0.0})" : R"({"event":"run_finished","at":0.0})";
    REQUIRE(::write(file->fd.get(), first.data(), first.size()) == static_cast<ssize_t>(first.size()));
  }
  runs.prune("20260601-000000-000000");
  const auto left = runs.list();
  CHECK(left.size() == 15);
  CHECK(std::ranges::count_if(left, [](const KeptRun& run) { return run.id.ends_with("100000") || run.id.ends_with("100004"); }) == 2);
}

TEST_CASE("big runs go before the sum of all is too big") {
  const test::TempDir folder;
  const RunFolder runs(folder / "runs");
  for (int i = 1; i <= 5; ++i) {
    const auto file = runs.create("20261122-01300" + std::to_string(i) + "-aaaaaa");
    REQUIRE(::ftruncate(file->fd.get(), 60'000'000) == 0);
  }
  runs.prune("20260601-000000-000000");
  CHECK(runs.list().size() == 3);
}

}  // namespace kirikae::ui
