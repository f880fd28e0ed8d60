// `transfer: rsync`: the system's rsync, over the session that is there.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "integration/live_tree.h"
#include "integration/tools.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/random_tree.h"
#include "support/skip.h"
#include "support/thorough.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const std::string by_rsync = "transfer: rsync\n";

// All hosts have the source bit for bit.
Ran deploy_well(const World& world, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{"production"};
  words.insert(words.end(), more.begin(), more.end());
  Ran ran = world.deploy(words);
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) {
    INFO(host.name());
    REQUIRE(changed_on_the_way(world.site() / "app", host) == "");
  }
  REQUIRE(world.broken_invariants() == "");
  return ran;
}

// Of the same sizes, and often of the same second as the version before.
void change_version(const World& world, const std::string& version) {
  world.write("app/VERSION", version);
  world.write_manifest();
}

fs::path live_release(const FarmHost& host) { return host.tree() / "releases" / host.live(); }

void same_time(const fs::path& file, const fs::path& as) { fs::last_write_time(file, fs::last_write_time(as)); }

}  // namespace

TEST_CASE("rsync brings a release to all hosts, and the next one shares with it what is the same") {
  World world({.hosts = 3});
  const std::string transport = GENERATE("libssh2", "openssh");
  const std::vector<std::string> by{"--set", "ssh.transport=" + transport};
  world.write_app("1");
  world.write("app/with 'odd' name", "as ever\n", 0640);
  world.write("app/#no comment", "nor this\n");
  fs::create_directory(world.site() / "app/empty");
  fs::create_symlink("VERSION", world.site() / "app/link");
  world.write_recipe(by_rsync);
  deploy_well(world, by);
  std::vector<fs::path> before;
  for (const auto& host : world.hosts()) before.push_back(live_release(host));
  change_version(world, "2");
  const Ran ran = deploy_well(world, by);
  CHECK_THAT(ran.err, ContainsSubstring("whatever writes into one changes the live release, too"));
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(world.host(i).version() == "2");
    for (const std::string name : {"with 'odd' name", "#no comment", "bin/serve"}) CHECK(fs::equivalent(before[i] / name, live_release(world.host(i)) / name));
    CHECK_FALSE(fs::equivalent(before[i] / "VERSION", live_release(world.host(i)) / "VERSION"));
  }
}

TEST_CASE("with 'reuse: copy' rsync's releases have no file in common", "[slow]") {
  World world;
  world.write_app("1");
  world.write_recipe(by_rsync + "reuse: copy\n");
  deploy_well(world);
  const fs::path before = live_release(world.host(0));
  change_version(world, "2");
  const Ran ran = deploy_well(world);
  CHECK(ran.err.find("live release, too") == std::string::npos);
  CHECK(fs::exists(before / "pages/long.txt"));
  CHECK_FALSE(fs::equivalent(before / "pages/long.txt", live_release(world.host(0)) / "pages/long.txt"));
}

TEST_CASE("what only looks the same to rsync is noticed, and is right in the release", "[slow]") {
  World world;
  world.write_app("1");
  world.write("app/one", "old\n");
  world.write_recipe(by_rsync);
  deploy_well(world);
  SECTION("a file of the source of the same size and time") {
    world.write("app/one", "new\n");
    same_time(world.site() / "app/one", live_release(world.host(0)) / "one");
    const Ran ran = deploy_well(world);
    CHECK_THAT(ran.err, ContainsSubstring("is not the same: one: it compares contents now"));
  }
  SECTION("what somebody has made of a file in the live release, and hidden: with 'verify: full'") {
    world.host(0).write("current/one", "bad\n");
    same_time(live_release(world.host(0)) / "one", world.site() / "app/one");
    deploy_well(world, {"--set", "verify=full"});
  }
  SECTION("the result of a template in the live release, of the same size and time") {
    world.write("one.tmpl", "tpl\n");
    world.write_recipe(by_rsync + "templates: [{from: one.tmpl, to: one}]\n");
    REQUIRE(world.deploy({"production"}).status == 0);
    REQUIRE(world.host(0).read("current/one") == "tpl\n");
    // To rsync, which looks at seconds.
    struct stat source = {};
    REQUIRE(::stat((world.site() / "app/one").c_str(), &source) == 0);
    const timespec other{source.st_mtim.tv_sec, (source.st_mtim.tv_nsec + 1) % 1'000'000'000};
    const timespec times[2] = {other, other};
    REQUIRE(::utimensat(AT_FDCWD, (live_release(world.host(0)) / "one").c_str(), times, 0) == 0);
    fs::permissions(live_release(world.host(0)) / "one", fs::status(world.site() / "app/one").permissions());
    world.write_recipe(by_rsync);
    deploy_well(world);
  }
}

TEST_CASE("shared paths of the live release are no files of the next one") {
  World world;
  world.write_app("1");
  world.write("app/log/from-payload.log", "first\n");
  world.write_recipe(by_rsync + "shared: {directories: [log]}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(fs::is_symlink(live_release(world.host(0)) / "log"));
  REQUIRE(world.host(0).read("shared/log/from-payload.log") == "first\n");
  change_version(world, "2");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(fs::is_symlink(live_release(world.host(0)) / "log"));
  // And once it is shared no more.
  world.write_recipe(by_rsync);
  deploy_well(world);
  CHECK_FALSE(fs::equivalent(world.host(0) / "shared/log/from-payload.log", live_release(world.host(0)) / "log/from-payload.log"));
}

TEST_CASE("what is excluded stays here, and rsync gets the rest as it is") {
  World world;
  world.write_app("1");
  world.write("app/notes.txt", "mine\n");
  world.write("app/inner/notes.txt", "mine too\n");
  world.write_recipe(by_rsync + "source: {directory: app, exclude: [\"notes.txt\", \"/pages/\"]}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  CHECK_FALSE(world.host(0).exists("current/notes.txt"));
  CHECK_FALSE(world.host(0).exists("current/inner/notes.txt"));
  CHECK(world.host(0).exists("current/inner"));
  CHECK_FALSE(world.host(0).exists("current/pages"));
  CHECK(world.host(0).version() == "1");
}

TEST_CASE("random trees of odd content come by rsync bit for bit, one after the other", "[slow]") {
  World world;
  world.write_recipe(by_rsync + "keep_releases: 1\n");
  for (const unsigned long seed : {1UL, 2UL, 3UL, 4UL, 5UL, 6UL, 7UL, 8UL}) {
    INFO("seed " << seed);
    fs::remove_all(world.site() / "app");
    Dice dice(seed);
    grow_tree(dice, (world.site() / "app").string());
    if (fs::is_empty(world.site() / "app")) continue;
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(changed_on_the_way(world.site() / "app", world.host(0)) == "");
  }
}

TEST_CASE("rsync and the other ways build upon each other", "[slow]") {
  World world;
  world.write_app("1");
  world.write_recipe();
  const std::string first = GENERATE("delta", "rsync");
  const std::string then = first == "delta" ? "rsync" : "delta";
  deploy_well(world, {"--set", "transfer=" + first});
  const fs::path before = live_release(world.host(0));
  const auto time = fs::last_write_time(before / "pages/long.txt");
  change_version(world, "2");
  const Ran ran = deploy_well(world, {"--set", "transfer=" + then, "--set", "reuse=link", "--output", "json"});
  INFO(ran);
  CHECK(fs::equivalent(before / "pages/long.txt", live_release(world.host(0)) / "pages/long.txt"));
  CHECK(fs::last_write_time(before / "pages/long.txt") == time);
}

namespace {

// Bytes that no packing makes smaller, at a rate at which they never get there, and a folder of its own for what lies about.
std::string deployed_and_slow(World& world) {
  fs::create_directory(world / "tmp");
  world.environment.push_back("TMPDIR=" + (world / "tmp").string());
  world.write_app("1");
  world.write_recipe(by_rsync);
  REQUIRE(world.deploy({"production"}).status == 0);
  Dice dice(1);
  world.write("app/random", dice.bytes(3'000'000));
  change_version(world, "2");
  world.write_recipe(by_rsync + "limit_rate: 1k\n");
  return world.host(0).live();
}

// The rsyncs that work in this world's releases, and those that read its source.
std::vector<pid_t> on_hosts(const World& world) {
  std::vector<pid_t> found;
  for (const pid_t pid : processes_with("--server")) {
    std::error_code gone;
    const std::string folder = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", gone).string();
    if (!gone && folder.starts_with((world / "").string()) && process_name(pid) == "rsync") found.push_back(pid);
  }
  return found;
}
std::vector<pid_t> here(const World& world) {
  std::vector<pid_t> found;
  for (const pid_t pid : processes_with((world.site() / "app").string() + "/")) {
    if (process_name(pid) == "rsync") found.push_back(pid);
  }
  return found;
}

Running in_upload(const World& world, std::size_t hosts = 1) {
  Running running = world.start({"production"});
  const bool begun = eventually([&] { return on_hosts(world).size() >= hosts || running.has_ended(); }, std::chrono::seconds(60));
  INFO(running.err());
  REQUIRE((begun && !running.has_ended()));
  return running;
}

bool nothing_left(const World& world) {
  return eventually([&] { return on_hosts(world).empty() && here(world).empty(); }, std::chrono::seconds(60)) && fs::is_empty(world / "tmp");
}

void check_old_one_serves(const World& world, const std::string& before) {
  for (const auto& host : world.hosts()) {
    CHECK(host.live() == before);
    CHECK(host.version() == "1");
  }
  CHECK(world.broken_invariants() == "");
}

}  // namespace

TEST_CASE("a signal while rsync sends is exit 130: no rsync is left on either side, and the next deploy has the lock") {
  World world({.hosts = 2});
  const std::string before = deployed_and_slow(world);
  Running running = in_upload(world, 2);
  running.signal(GENERATE(SIGINT, SIGTERM));
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 130);
  CHECK(nothing_left(world));
  check_old_one_serves(world, before);
  world.write_recipe(by_rsync);
  deploy_well(world);
}

TEST_CASE("a program that is killed while rsync sends leaves no rsync, neither here nor there", "[slow]") {
  World world;
  const std::string before = deployed_and_slow(world);
  Running running = in_upload(world);
  running.signal(SIGKILL);
  running.wait();
  CHECK(nothing_left(world));
  CHECK(world.host(0).live() == before);
  CHECK(world.broken_invariants(true) == "");
  world.write_recipe(by_rsync);
  deploy_well(world);
}

TEST_CASE("an rsync that dies, here or there, is the run's failure, and the old release serves") {
  World world;
  const std::string before = deployed_and_slow(world);
  const bool there = GENERATE(true, false);
  Running running = in_upload(world);
  for (const pid_t pid : there ? on_hosts(world) : here(world)) ::kill(pid, SIGKILL);
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.err, there ? ContainsSubstring("rsync ended with status 137 on the host") : ContainsSubstring("rsync on this machine was ended by signal 9"));
  CHECK(nothing_left(world));
  check_old_one_serves(world, before);
}

TEST_CASE("a host that is lost while rsync sends to it is the run's failure, and leaves nothing here") {
  World world;
  Relay& relay = world.relay(0);
  const std::string before = deployed_and_slow(world);
  Running running = in_upload(world);
  relay.cut();
  const Ran ran = running.wait();
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("was lost while 'rsync' ran"));
  CHECK(nothing_left(world));
  check_old_one_serves(world, before);
}

TEST_CASE("a file that vanishes or changes before rsync reads it is named, and nothing is switched", "[slow]") {
  World world;
  world.write_app("1");
  world.write("app/one", "old\n");
  world.write_recipe(by_rsync);
  deploy_well(world);
  const std::string before = world.host(0).live();
  const std::string what = GENERATE(from_range(some_of(std::vector<std::string>{"rm one", "echo newer >one", "mv one other"}, 2)));
  world.write_recipe(by_rsync + "tasks: {change: {run: 'cd app; " + what + "', local: true}}\nhooks: {before_upload: change}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.err, what == "echo newer >one" ? ContainsSubstring("changed after it was listed: one") : ContainsSubstring("app/one\" failed: No such file"));
  CHECK_THAT(ran.err,
             ContainsSubstring("\n  let the build finish before you deploy, or exclude what is always written to\n"));
  check_old_one_serves(world, before);
}

TEST_CASE("where rsync is missing, here or on a host, check and deploy say so before anything is written") {
  TempDir tools;
  tools_without(tools, "rsync");
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(by_rsync);
  const bool there = GENERATE(true, false);
  if (there) give_second_host(world, tools);
  else world.environment = {"PATH=" + tools.path().string()};
  const std::string verb = GENERATE("", "check");
  const Ran ran = world.deploy(verb.empty() ? std::vector<std::string>{"production"} : std::vector<std::string>{verb, "production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.err, there ? ContainsSubstring("[127.0.0.2] there is no 'rsync' here, which 'transfer: rsync' needs: install it")
                            : ContainsSubstring("there is no 'rsync' on this machine, which 'transfer: rsync' needs"));
  for (const auto& host : world.hosts()) CHECK(host.untouched());
  world.environment.clear();
  world.write_recipe();
  CHECK(world.deploy({"check", "production"}).status == 0);
}

TEST_CASE("a host that can't unpack takes releases by rsync, and by rsync alone") {
  TempDir tools;
  tools_without(tools, "tar|tee");
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(by_rsync);
  give_second_host(world, tools);
  deploy_well(world);
  change_version(world, "2");
  deploy_well(world);
  const Ran ran = world.deploy({"production", "--set", "transfer=delta"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.2] there is no 'tar' here: install it"));
}

TEST_CASE("what has become unreadable in the live release comes anew by rsync") {
  if (is_skipped_without_mounts()) return;
  const Account account;
  World world({.account = &account});
  world.write_app("1");
  world.write("app/config/secret", "as ever\n", 0640);
  world.write_manifest();
  world.write_recipe(by_rsync);
  deploy_well(world);
  const auto live = live_release(world.host(0));
  REQUIRE(::chown((live / "config/secret").c_str(), 0, 0) == 0);
  fs::create_directory(live / "cache");
  REQUIRE(::chmod((live / "cache").c_str(), 0700) == 0);
  change_version(world, "2");
  const Ran ran = deploy_well(world);
  CHECK_THAT(ran.err + ran.out, ContainsSubstring("can be read there: rsync compares contents now"));
}

TEST_CASE("rsync keeps to the rate of the hosts together, and what it has sent is told") {
  constexpr std::uint64_t size = 1'000'000;
  World world({.hosts = 2});
  world.write_app("1");
  Dice dice(1);
  world.write("app/random", dice.bytes(size));
  world.write_manifest();
  world.write_recipe(by_rsync + "limit_rate: 2MB\n");
  const Ran ran = world.deploy({"production", "--output", "json"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  CHECK(ran.seconds >= 2 * size / 2e6 - 0.1);
  CHECK_THAT(ran.out, ContainsSubstring(R"("event":"progress")"));
  std::uint64_t most = 0;
  for (auto at = ran.out.find(R"("sent":)"); at != std::string::npos; at = ran.out.find(R"("sent":)", at + 1)) most = std::max<std::uint64_t>(most, std::stoull(ran.out.substr(at + 7)));
  CHECK(most >= size);
}
