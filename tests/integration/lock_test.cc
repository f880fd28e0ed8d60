// The run lock and the freeze, as those who meet them see them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/fd.h"
#include "golden/pty.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using kirikae::golden::Pty;

namespace {

constexpr const char* held_up =
    "tasks:\n  wait: 'echo $$ >\"$SHARED_PATH/here.new\"; mv \"$SHARED_PATH/here.new\" \"$SHARED_PATH/here\"; [ -e \"$SHARED_PATH/go\" ] || read -r line <\"$SHARED_PATH/gate\"'\n"
    "  note: 'touch \"$SHARED_PATH/noted\"'\nhooks: {build: wait}\n";

// A first release is live, and a deploy of the second is at work in its build hook, until let_go().
struct Busy {
  Busy() : world({.hosts = 2}) {
    world.write_app("1");
    REQUIRE(world.deploy({"production"}).status == 0);
    first = world.host(0).live();
    world.write_app("2");
    world.write_recipe(held_up);
    for (const auto& host : world.hosts()) REQUIRE(::mkfifo((host / "shared/gate").c_str(), 0600) == 0);
    world.environment = {"USER=ada", "CI_JOB_URL=https://ci.example/jobs/7"};
    running.emplace(world.start({"production"}));
    for (const auto& host : world.hosts()) {
      REQUIRE(eventually([&] { return host.exists("shared/here"); }, std::chrono::seconds(60)));
    }
    world.environment = {"USER=bob"};
  }
  // For who waits now, and for whoever comes later.
  void let_go() {
    for (const auto& host : world.hosts()) {
      host.write("shared/go", "");
      gates.emplace_back(::open((host / "shared/gate").c_str(), O_RDWR | O_CLOEXEC));
      REQUIRE(::write(gates.back().get(), "\n", 1) == 1);
    }
  }

  World world;
  std::string first;
  std::optional<Running> running;
  std::vector<kirikae::Fd> gates;  // open, so that a reader who comes a moment later finds the line
};

bool no_lock_left(const World& world) {
  return eventually([&] {
    return std::ranges::none_of(world.hosts(), [](const auto& host) { return host.exists(".kirikae/lock"); });
  });
}

}  // namespace

TEST_CASE("whoever comes second is told who has the lock, ends with 4 and has changed nothing; the first isn't disturbed") {
  Busy busy;
  const World& world = busy.world;
  for (const auto& host : world.hosts()) {  // something for a prune to remove
    std::filesystem::create_directories(host / "releases/20010101000000");
    host.write(".kirikae/releases/20010101000000", "state failed\nrevision r\nby bob@ci\nprevious \n");
  }
  const std::string before = world.host(1).read(".kirikae/lock");
  const std::string log = world.host(1).read(".kirikae/log.jsonl");
  for (const auto& verb : std::vector<std::vector<std::string>>{
           {"production"}, {"rollback", "production"}, {"prune", "production", "--keep", "1"}, {"task", "production", "note"}}) {
    const Ran second = world.deploy(verb);
    INFO(second);
    CHECK(second.status == 4);
    CHECK_THAT(second.err, ContainsSubstring("locked by ada@"));
    CHECK_THAT(second.err, ContainsSubstring(" UTC (deploy production), https://ci.example/jobs/7"));
    CHECK_THAT(second.err, ContainsSubstring("--lock-wait 10m"));
    if (verb.front() != "prune") CHECK_THAT(second.out, ContainsSubstring("locked in "));  // a prune answers where it has an answer
    CHECK(world.host(1).read(".kirikae/lock") == before);
    CHECK(world.host(1).read(".kirikae/log.jsonl") == log);
    for (const auto& host : world.hosts()) {
      CHECK(host.live() == busy.first);
      CHECK(host.releases().size() == 3);  // that one, the live one, and what the first works on
      CHECK_FALSE(host.exists("shared/noted"));
    }
  }
  busy.let_go();
  const Ran ran = busy.running->wait();
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(1).version() == "2");
  CHECK(no_lock_left(world));
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("verbs that only look wait for nobody's lock, and those that tell what a run would do tell of it") {
  Busy busy;
  const World& world = busy.world;
  const std::string before = world.host(1).read(".kirikae/lock");
  for (const auto& [words, verb] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"check", "production"}, "deploy"},
           {{"plan", "production"}, "deploy"},
           {{"prune", "production", "-n"}, "prune"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.err, ContainsSubstring("locked by ada@") && ContainsSubstring("(deploy production)") &&
                            ContainsSubstring(": a " + verb + " would have to wait\n"));
  }
  CHECK(world.host(1).read(".kirikae/lock") == before);
  busy.let_go();
  CHECK(busy.running->wait().status == 0);
}

TEST_CASE("with --lock-wait the second waits for its turn, and says for whom") {
  Busy busy;
  const World& world = busy.world;
  Running second = world.start({"production", "--lock-wait", "2m"});
  REQUIRE(eventually([&] { return second.err().find("waiting for the lock of ada@") != std::string::npos; },
                     std::chrono::seconds(60)));
  busy.let_go();
  CHECK(busy.running->wait().status == 0);
  const std::string between = world.host(0).live();
  const Ran ran = second.wait();
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK(world.host(0).live() >= between);
  CHECK(world.host(0).live() == world.host(1).live());
  CHECK(world.host(0).releases().size() == 3);
  CHECK(no_lock_left(world));
}

TEST_CASE("a wait that is interrupted, or too short, changes nothing") {
  Busy busy;
  const World& world = busy.world;
  const Ran late = world.deploy({"production", "--lock-wait", "1s"});
  INFO(late);
  CHECK(late.status == 4);
  CHECK_THAT(late.err, ContainsSubstring("it ends with its run") && !ContainsSubstring("--lock-wait"));
  Running waiting = world.start({"production", "--lock-wait", "10m"});
  REQUIRE(eventually([&] { return waiting.err().find("waiting for the lock") != std::string::npos; }, std::chrono::seconds(60)));
  waiting.signal(SIGINT);
  const Ran stopped = waiting.wait();
  INFO(stopped);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.err, !ContainsSubstring("--lock-wait"));
  busy.let_go();
  CHECK(busy.running->wait().status == 0);
  CHECK(world.host(0).releases().size() == 2);
}

TEST_CASE("a freeze keeps deploys out until it is ended; a rollback may go on despite it") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string second = world.host(0).live();
  world.environment = {"USER=ada"};
  const Ran frozen = world.deploy({"lock", "production", "-m", "database is being moved"});
  INFO(frozen);
  REQUIRE(frozen.status == 0);
  CHECK_THAT(frozen.out, ContainsSubstring(": frozen\n"));
  world.environment = {"USER=bob"};
  const Ran kept_out = world.deploy({"production", "--lock-wait", "10m"});
  INFO(kept_out);
  CHECK(kept_out.status == 4);  // at once: a freeze is not waited for
  CHECK_THAT(kept_out.err, ContainsSubstring("frozen by ada@"));
  CHECK_THAT(kept_out.err, ContainsSubstring("(database is being moved)"));
  CHECK_THAT(kept_out.err, ContainsSubstring("deploy unlock production"));
  CHECK(world.deploy({"lock", "production", "-m", "me too"}).status == 4);
  CHECK_THAT(kept_out.err, !ContainsSubstring("--despite-freeze"));
  const Ran planned = world.deploy({"plan", "production"});
  INFO(planned);
  CHECK(planned.status == 0);
  CHECK_THAT(planned.err, ContainsSubstring("frozen by ada@") && ContainsSubstring("deploys are refused until 'deploy unlock production'\n"));
  CHECK_THAT(world.deploy({"prune", "production", "-n"}).err, ContainsSubstring("prunes are refused until"));
  CHECK_THAT(world.deploy({"rollback", "production", "-n"}).err, ContainsSubstring("rollbacks are refused until 'deploy unlock production', but with --despite-freeze\n"));
  CHECK(world.deploy({"rollback", "production", "-n", "--despite-freeze"}).err.find("frozen") == std::string::npos);
  const Ran not_back = world.deploy({"rollback", "production"});
  CHECK(not_back.status == 4);
  CHECK_THAT(not_back.err, ContainsSubstring("--despite-freeze goes on all the same"));
  CHECK(world.host(0).live() == second);
  CHECK(world.deploy({"rollback", "production", "--despite-freeze"}).status == 0);
  CHECK(world.host(0).live() == first);
  const Ran thawed = world.deploy({"production", "unlock"});
  INFO(thawed);
  CHECK(thawed.status == 0);
  CHECK_THAT(thawed.err, ContainsSubstring("frozen by ada@") && ContainsSubstring("which ends now"));  // not bob's own
  CHECK_THAT(thawed.out, ContainsSubstring("was frozen by ada@"));
  CHECK_THAT(thawed.out, ContainsSubstring("(database is being moved)"));
  CHECK_THAT(world.deploy({"unlock", "production"}).out, ContainsSubstring("was neither frozen nor locked"));
  CHECK(world.deploy({"production"}).status == 0);
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("a freeze that is stopped, or that one host can't log, is on no host afterwards") {
  World world({.hosts = 2, .shims = true});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  SECTION("stopped") {
    world.break_at(1, 2, "hang-after");
    Running running = world.start({"lock", "production", "-m", "so"});
    REQUIRE(eventually([&] { return world.host(0).exists(".kirikae/frozen") && world.host(1).exists(".kirikae/frozen"); },
                       std::chrono::seconds(60)));
    running.signal(SIGINT);
    const Ran ran = running.wait();
    INFO(ran);
    CHECK(ran.status == 130);
  }
  SECTION("not logged") {
    const auto log = world.host(1) / ".kirikae/log.jsonl";
    std::filesystem::remove(log);
    std::filesystem::create_directory(log);
    const Ran ran = world.deploy({"lock", "production", "-m", "so"});
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("can't append to"));
  }
  for (const auto& host : world.hosts()) CHECK_FALSE(host.exists(".kirikae/frozen"));
}

TEST_CASE("unlock leaves a run's lock alone; with --force the run is kept from writing any further") {
  Busy busy;
  const World& world = busy.world;
  const Ran refused = world.deploy({"unlock", "production"});
  INFO(refused);
  CHECK(refused.status == 4);
  CHECK_THAT(refused.err, ContainsSubstring("locked by a run: ada@"));
  CHECK(world.host(0).exists(".kirikae/lock"));
  // Whose it is comes first; without a terminal only --yes goes on.
  const Ran unsure = world.deploy({"unlock", "production", "--force"});
  INFO(unsure);
  CHECK(unsure.status == 2);
  CHECK_THAT(unsure.err, ContainsSubstring("locked by ada@") && ContainsSubstring("(deploy production)") &&
                             ContainsSubstring("nobody can be asked here\n  --yes answers for you"));
  CHECK(world.host(0).exists(".kirikae/lock"));
  Pty terminal = Pty::of_program({"/usr/bin/env", "-i", "TERM=dumb", "PATH=/usr/bin:/bin", "HOME=" + (world / "home").string(),
                                  KIRIKAE_DEPLOY, "unlock", "production", "--force"},
                                 world.site().string(), {});
  REQUIRE(eventually([&] { return terminal.says("that run fails, and may leave its hosts in the middle [y/N]: "); }, std::chrono::seconds(60)));
  CHECK(terminal.output().find("locked by ada@") < terminal.output().find("[y/N]"));
  terminal.type("n\n");
  CHECK(terminal.end() == 130);
  CHECK(world.host(0).exists(".kirikae/lock"));
  const Ran forced = world.deploy({"unlock", "production", "--force", "--yes"});
  INFO(forced);
  CHECK(forced.status == 0);
  // What the run had at work was ended before that said so.
  for (const auto& host : world.hosts()) {
    const std::string pid = host.read("shared/here");
    std::ifstream words("/proc/" + pid.substr(0, pid.find('\n')) + "/cmdline");
    CHECK(words.peek() == std::ifstream::traits_type::eof());  // it may have to be waited for yet
  }
  CHECK_THAT(forced.err, ContainsSubstring("locked by ada@"));
  CHECK_THAT(forced.out, ContainsSubstring("was locked by ada@"));
  CHECK(world.deploy({"unlock", "production", "--force"}).status == 0);  // nothing to be asked about
  const Ran ran = busy.running->wait();
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.out + ran.err, ContainsSubstring("is taken away: what is at work here is ended"));
  for (const auto& host : world.hosts()) CHECK(host.live() == busy.first);
  busy.let_go();
  const Ran again = world.deploy({"production"});
  INFO(again);
  CHECK(again.status == 0);
  CHECK(world.host(1).version() == "2");
  CHECK(world.broken_invariants().empty());
}

TEST_CASE("a host that can't be reached keeps no other one frozen") {
  World world({.hosts = 2});
  REQUIRE(world.deploy({"lock", "production", "-m", "so"}).status == 0);
  world.write_recipe({}, "[" + world.host(0).name() + ", " + world.host(1).name() + ", '127.0.0.1:1']");
  const Ran ran = world.deploy({"unlock", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.1:1] "));
  CHECK_THAT(ran.out, ContainsSubstring("was frozen by "));
  for (const auto& host : world.hosts()) CHECK_FALSE(host.exists(".kirikae/frozen"));
  CHECK(world.deploy({"unlock", "production"}).status == 5);  // nothing is left to be done
}

TEST_CASE("a freeze needs a reason") {
  World world;
  for (const auto& words : {std::vector<std::string>{"lock", "production"}, {"lock", "production", "-m", " \n"}}) {
    const Ran ran = world.deploy(words);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, ContainsSubstring("a freeze needs a reason"));
  }
  REQUIRE(world.deploy({"lock", "production", "-m", "the database\nis  being moved"}).status == 0);
  const Ran ran = world.deploy({"status", "production"});
  INFO(ran);
  CHECK_THAT(ran.out, ContainsSubstring("the database is being moved"));
}

TEST_CASE("one host under two names is a wrong recipe: a check says it as a deploy does, whether there is a tree or not") {
  World world;
  world.write_app("1");
  std::ofstream(world.known_hosts(), std::ios::app) << world.sshd().known_hosts_lines("localhost", world.port());
  const bool deployed = GENERATE(false, true);
  if (deployed) REQUIRE(world.deploy({"production"}).status == 0);
  world.write_recipe({}, "[127.0.0.1, localhost]");
  const std::string before = world.host(0).snapshot();
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"production"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, ContainsSubstring("'localhost' and '127.0.0.1' are the same folder of the same host\n  name it only once in the stage's hosts\n"));
  }
  if (deployed) CHECK(world.host(0).snapshot() == before);
}
