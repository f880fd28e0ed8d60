// Which files hosts are sent, and what happens where a host's release is not what its list says.
#include "release/manifest.h"

#include "core/digest.h"
#include "run_world.h"
#include "support/catch.h"
#include "support/noise.h"

using namespace kirikae;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Hosts whose live release has the files of the source but `index.html`, of another content.
struct DeltaWorld : RunWorld {
  explicit DeltaWorld(int count) : RunWorld(count) {
    folder.write("app/same", "as ever");
    const auto spec = [](const std::string& content) { return release::FileSpec{0644, content.size(), to_hex(sha256_bytes(content))}; };
    list = release::to_text({{"index.html", spec("old")}, {"same", spec("as ever")}});
    for (const auto& name : {"index.html", "same"}) std::filesystem::permissions(folder.path() / "app" / name, std::filesystem::perms{0644});
    for (const auto& host : hosts) {
      host->answer("facts", {.out = facts_text(live, {"20260101000000 good", live + " good"}, "manifest=" + to_hex(sha256_bytes(list)) + "\n")});
      host->answer("manifest", {.out = list});
    }
  }
  // Of the uploads to a host: the files that are in the stream.
  [[nodiscard]] std::vector<std::string> sent(std::size_t host) const {
    std::vector<std::string> found;
    for (const auto& call : hosts[host]->calls()) {
      if (call.name != "receive") continue;
      std::string files;
      // tar's header has the name at its beginning.
      for (std::size_t at = 0; at + 512 <= call.payload.size(); at += 512) {
        for (const std::string name : {"index.html", "same"}) {
          if (call.payload.compare(at, name.size() + 1, name + '\0') == 0) files += name + ' ';
        }
      }
      found.push_back(files);
    }
    return found;
  }
  [[nodiscard]] std::string last_upload(std::size_t host) const {
    std::string text;
    for (const auto& call : hosts[host]->calls()) {
      if (call.name == "receive") text = call.text;
    }
    return text;
  }
  // Uncompressed, so that a test can read what is sent.
  void without_compression() {
    for (const auto& host : hosts) {
      auto facts = facts_text(live, {"20260101000000 good", live + " good"}, "manifest=" + to_hex(sha256_bytes(list)) + "\n");
      for (const std::string tool : {"zstd=yes\n", "gzip=yes\n"}) facts.erase(facts.find(tool), tool.size());
      host->answer("facts", {.out = facts});
    }
  }
  std::string list;
};

}  // namespace

TEST_CASE("hosts are sent what their live release doesn't have; its list is asked for once, and then known") {
  DeltaWorld world(3);
  world.without_compression();
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(world.sent(i) == std::vector<std::string>{"index.html "});
    CHECK_THAT(world.last_upload(i), ContainsSubstring("kk_base='" + world.live + "'"));
  }
  const auto asked = [&] { return world.times_told(0, "manifest") + world.times_told(1, "manifest") + world.times_told(2, "manifest"); };
  CHECK(asked() == 1);
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(asked() == 1);
}

TEST_CASE("a list that isn't what the host says it is, or that can't be had, is done without") {
  DeltaWorld world(1);
  world.without_compression();
  SECTION("another") { world.hosts[0]->answer("manifest", {.out = release::to_text({{"same", {0644, 7, std::string(64, 'a')}}})}); }
  SECTION("none") { world.hosts[0]->answer("manifest", {.exit = {1, ""}}); }
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.sent(0) == std::vector<std::string>{"index.html same "});
  CHECK_THAT(world.last_upload(0), ContainsSubstring("kk_base=''"));
}

TEST_CASE("of the chunks that a host tells, only those are kept that its release's list has with that size") {
  DeltaWorld world(1);
  const std::string sum(64, 'a'), other(64, 'b');
  const std::uint64_t size = release::least_chunked;
  world.list = release::to_text({{"large", {0644, size, sum}}});
  world.hosts[0]->answer("facts", {.out = facts_text(world.live, {world.live + " good"}, "manifest=" + to_hex(sha256_bytes(world.list)) + "\n")});
  world.hosts[0]->answer("manifest", {.out = world.list});
  world.folder.write("app/large", noise(size, 1));
  world.folder.write("victim", "precious");
  const release::Chunks chunks{{size / 2, 1}, {size / 2, 2}};
  // As long as a sum.
  std::string outside = "../../";
  while (outside.size() < 58) outside += "./";
  outside += "victim";
  std::string answer;
  bool kept = false;
  SECTION("as it is listed") {
    answer = release::chunks_line(sum, chunks);
    kept = true;
  }
  SECTION("of nothing that is listed") { answer = release::chunks_line(other, chunks); }
  SECTION("of another size") { answer = release::chunks_line(sum, {{size / 2, 1}}); }
  SECTION("a path of this machine") { answer = release::chunks_line(outside, chunks); }
  world.hosts[0]->answer("chunks", {.out = answer});
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.times_told(0, "chunks") == 1);
  CHECK(world.folder.read("victim") == "precious");
  CHECK(std::filesystem::exists(world.folder.path() / "cache/chunks" / sum) == kept);
  CHECK_FALSE(std::filesystem::exists(world.folder.path() / "cache/chunks" / other));
}

TEST_CASE("with 'transfer: tarball' everything is sent, and no list is asked for") {
  DeltaWorld world(1);
  world.without_compression();
  world.request.recipe.transfer = recipe::Transfer::tarball;
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.sent(0) == std::vector<std::string>{"index.html same "});
  CHECK_FALSE(world.was_told(0, "manifest"));
}

TEST_CASE("a host whose files were changed is sent those again, and the others go on") {
  DeltaWorld world(2);
  world.without_compression();
  world.hosts[0]->answer_once("receive", {.exit = {10, ""}, .out = "sha256=x\nchanged=./same\n"});
  const auto report = world.deploy();
  REQUIRE(report.outcome == event::Outcome::done);
  CHECK(world.sent(0) == std::vector<std::string>{"index.html ", "index.html same "});
  CHECK(world.sent(1) == std::vector<std::string>{"index.html "});
  CHECK(report.hosts[0].bytes > report.hosts[1].bytes);
  const auto progress = world.events.all<event::Progress>();
  CHECK(std::ranges::none_of(progress, [&](const auto& each) { return each.sent == report.hosts[0].bytes; }));  // it is that of one upload
  CHECK_THAT(world.last_upload(0), ContainsSubstring("kk_base='" + world.live + "'"));
  const auto warnings = world.events.all<event::Warning>();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].host == "web1");
  CHECK(warnings[0].text ==
        "1 file of release " + world.live + " is no longer as it was sent, and is sent again: same");
  // The sum that its host has to find is that of what it got.
  const auto sums = [&](std::size_t host) {
    std::string text;
    for (const auto& call : world.hosts[host]->calls()) {
      if (call.name == "link") text = call.text.substr(call.text.find("kk_expected="), 78);
    }
    return text;
  };
  CHECK(sums(0) != sums(1));
  // Each phase is told once.
  for (const auto& phase : world.events.all<event::PhaseFinished>()) CHECK(phase.failed_hosts == 0);
}

TEST_CASE("a host whose release can't be built on at all is sent everything") {
  DeltaWorld world(1);
  world.without_compression();
  world.hosts[0]->answer_once("receive", {.exit = {10, ""}, .out = "changed=*\n"});
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.sent(0) == std::vector<std::string>{"index.html ", "index.html same "});
  CHECK_THAT(world.last_upload(0), ContainsSubstring("kk_base=''"));
  CHECK_THAT(world.events.all<event::Warning>().at(0).text, ContainsSubstring("can't be built upon"));
}

TEST_CASE("a host that goes on saying what is of no use is sent everything in the end") {
  DeltaWorld world(1);
  world.without_compression();
  for (int i = 0; i < 3; ++i) world.hosts[0]->answer_once("receive", {.exit = {10, ""}, .out = "changed=./masked/***\n"});
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.sent(0) == std::vector<std::string>{"index.html ", "index.html ", "index.html ", "index.html same "});
  CHECK_THAT(world.last_upload(0), ContainsSubstring("kk_base=''"));
}

TEST_CASE("a host that refuses what builds on nothing, too, is given up") {
  DeltaWorld world(1);
  world.hosts[0]->answer("receive", {.exit = {10, ""}, .out = "changed=./same\n"});
  const auto report = world.deploy();
  CHECK(report.outcome == event::Outcome::failed);
  REQUIRE(report.hosts[0].error);
  CHECK_THAT(report.hosts[0].error->message, ContainsSubstring("changed after it was listed: same"));
  CHECK(world.times_told(0, "receive") == 4);
  CHECK_FALSE(world.was_told(0, "publish"));
}

TEST_CASE("a task that ends with the same status has failed, whatever it says") {
  DeltaWorld world(1);
  world.hook(recipe::HookPoint::build, "odd");
  world.hosts[0]->answer("task odd", {.exit = {10, ""}, .out = "changed=./same\n"});
  CHECK(world.deploy().outcome == event::Outcome::failed);
  CHECK(world.times_told(0, "receive") == 1);
}
