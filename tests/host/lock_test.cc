// The run lock and the freeze, as docs/design.md describes them.
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "host/locking.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

void leave_lock_of_the_dead(const Shell& shell, const Disk& disk) {
  const Client dead(shell, disk, "dead.0");
  REQUIRE(dead.lock().status == 0);
  ::kill(holder_of(disk), SIGKILL);
  dead.control->wait();
}

}  // namespace

TEST_CASE("The first to come has the lock, the next is told whose it is; freed, it leaves no folder behind that it made") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  const Client first(shell, disk, "aa.0");
  const Client second(shell, disk, "bb.0");
  Ended ended = first.lock();
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(ended.out == "locked=yes\n");
  CHECK(first.lock().status == 0);  // its answer was lost: it has it all the same
  ended = second.lock();
  INFO(ended);
  CHECK(ended.status == 3);
  CHECK(ended.out ==
        "lock_by=ada@desk\nlock_since=2026-11-23 10:00:00 UTC\nlock_what=deploy production\nlock_url=https://ci.example/7\nlock_token=aa.0\n");
  CHECK(first.guarded().out == "written\n");
  const Ended fenced = second.guarded();
  CHECK(fenced.status == 9);
  CHECK(fenced.out == "lost=bb.0\n");
  CHECK(fenced.err.find("ada@desk has it (deploy production): nothing was changed") != std::string::npos);
  CHECK(second.control->run(host::unlock(disk.layout(), "bb.0")).status == 0);
  CHECK(second.control->run(host::unlock(disk.layout(), "aa.0")).status == 0);  // it knows the token, but isn't the holder
  CHECK(first.has_it());
  CHECK(first.control->run(host::unlock(disk.layout(), "aa.0")).status == 0);
  CHECK_FALSE(disk.exists(""));
  CHECK(second.lock().status == 0);
  CHECK(second.has_it());
}

TEST_CASE("The lock ends with its control shell, however that ends") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string how = GENERATE("quit", "end of input", "hang-up", "TERM");
  INFO(shell << ", " << how);
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  client.control->begin(90, "sleep 600\n");
  if (how == "quit") client.control->say("quit\n");
  if (how == "end of input") client.control->close_input();
  if (how == "hang-up") client.control->hang_up();
  if (how == "TERM") ::kill(holder_of(disk), SIGTERM);
  CHECK(freed(disk));
  CHECK(eventually([&] { return !disk.exists(""); }));
}

TEST_CASE("The lock ends with its control shell, also where nobody reads what a step prints without end") {
  const auto shell = GENERATE(from_range(shells()));
  const std::string how = GENERATE("TERM", "TERM behind a ping", "the run's new connection");
  INFO(shell << ", " << how);
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  client.control->begin(90, "echo $$ >" + disk.temporary() + "/pid; yes & exec yes >&2\n");
  REQUIRE(client.control->wait_until_full());
  const pid_t noisy = std::stoi(disk.read("../../tmp/pid"));
  if (how == "the run's new connection") {
    const Client now(shell, disk, "aa.0");
    CHECK(now.lock().status == 0);
    CHECK(now.guarded().status == 0);
  } else {
    if (how != "TERM") client.control->say("ping 1\n");
    ::kill(holder_of(disk), SIGTERM);
    CHECK(freed(disk));
  }
  CHECK_FALSE(is_running(noisy));
}

TEST_CASE("A lock whose holder was killed outright is taken over at once, by one of many") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  leave_lock_of_the_dead(shell, disk);
  REQUIRE(disk.exists(".kirikae/lock"));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<Client>(shell, disk, "a" + std::to_string(i) + ".0"));
  std::vector<int> status(clients.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      threads.emplace_back([&, i] { status[i] = clients[i]->lock().status; });
    }
  }
  CHECK(std::count(status.begin(), status.end(), 0) == 1);
  CHECK(std::count(status.begin(), status.end(), 3) == static_cast<long>(clients.size()) - 1);
  for (std::size_t i = 0; i < clients.size(); ++i) CHECK((clients[i]->guarded().status == 0) == (status[i] == 0));
  CHECK(disk.list(".kirikae/tmp").size() == 1);  // the lock's other name
}

TEST_CASE("Who finds a dead holder's lock freed only after many looks has it like any other") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  leave_lock_of_the_dead(shell, disk);
  const Client client(shell, disk, "aa.0");
  // Another one is about to take it over, and has done so between two looks.
  const std::string busy = "seen=0; kk_take_over() { :; }\n"
                           "ln() { command ln \"$@\" || { seen=$((seen + 1)); [ \"$seen\" != 20 ] || rm -f \"$2\"; return 1; }; }\n";
  CHECK(client.lock(false, busy).out == "locked=yes\n");
  CHECK(client.guarded().status == 0);
}

TEST_CASE("Who takes a dead holder's lock over may die, too; of two who find that, one has the lock", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  // Where it removes a file whose name ends in `what`, a client does this.
  const auto at_removal_of = [](const std::string& what, const std::string& then) {
    return "rm() { case $* in *" + what + ") " + then + " ;; esac; command rm \"$@\"; }\n";
  };
  const auto stays = [&](const std::string& name) {
    return ": >" + disk.temporary() + "/" + name + "; until [ -e " + disk.temporary() + "/go" + name + " ]; do sleep 0.05; done";
  };
  const auto there = [&](const std::string& name) { return std::filesystem::exists(disk.temporary() + "/" + name); };
  leave_lock_of_the_dead(shell, disk);
  {
    const Client taker(shell, disk, "aa.0");
    taker.lock(false, at_removal_of(".kirikae/lock", "kill -KILL \"$kk_shell\" -$$; exit"));
    taker.control->wait();
  }
  REQUIRE(disk.list(".kirikae/tmp").size() == 3);  // what it took the lock over with, its own lock, and the dead one's other name
  const Client first(shell, disk, "bb.0");
  const Client second(shell, disk, "cc.0");
  Ended one, two;
  std::atomic<bool> two_ended = false;
  {
    const std::jthread b([&] { one = first.lock(false, at_removal_of("/tmp/taken.*", stays("b"))); });
    REQUIRE(eventually([&] { return there("b"); }));
    const std::jthread c([&] {
      two = second.lock(false, at_removal_of(".kirikae/lock", stays("c")));
      two_ended = true;
    });
    CHECK(eventually([&] { return two_ended || there("c"); }));
    disk.write("tmp/gob", "");
    CHECK(eventually([&] { return disk.read(".kirikae/lock").find("token bb.0") != std::string::npos; }));
    disk.write("tmp/goc", "");
  }
  INFO(one << two);
  CHECK(one.status == 0);
  CHECK(two.status == 3);
  CHECK(first.guarded().status == 0);
}

TEST_CASE("A lock of before the host's last start is dead; one of a machine that can't be looked into, after a minute's silence") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  std::string text = disk.read(".kirikae/lock");
  const auto boot = text.find("boot ") + 5;
  REQUIRE(text[boot] != '\n');
  text[boot] = text[boot] == '0' ? '1' : '0';
  text.replace(text.find("token aa.0"), 10, "token cc.0");
  const Client taker(shell, disk, "bb.0");
  SECTION("started again") {
    disk.write("srv/app/.kirikae/lock", text);
    CHECK(taker.lock().status == 0);
  }
  SECTION("elsewhere") {
    text.replace(text.find("machine "), text.find('\n', text.find("machine ")) - text.find("machine "), "machine elsewhere");
    disk.write("srv/app/.kirikae/lock", text);
    CHECK(taker.lock().status == 3);
    std::filesystem::last_write_time(disk.path(".kirikae/lock"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::minutes(3));
    CHECK(taker.lock().status == 0);
  }
}

TEST_CASE("The same run over a new connection ends what the old one left at work, and has the lock") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Never never;
  const Disk disk;
  const Client before(shell, disk, "aa.0");
  REQUIRE(before.lock().status == 0);
  before.control->begin(90, "echo $$; echo all; exec " + never.command() + "\n");
  REQUIRE(before.control->wait_for_output("all"));
  const pid_t step = std::stoi(before.control->out().substr(before.control->out().find("begin 90\n") + 9));
  const pid_t old = holder_of(disk);
  const Client now(shell, disk, "aa.0");
  const Ended ended = now.lock();
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK_FALSE(is_running(step));
  CHECK(eventually([&] { return !is_running(old); }));  // it frees the lock shortly before it ends
  CHECK(holder_of(disk) != old);
  CHECK(now.guarded().status == 0);
}

TEST_CASE("The same run over a new connection ends no process of which it isn't certain that it holds the old lock") {
  // All shells at the same time, since the new connection waits ten seconds for the old one's end.
  const Never never;
  struct Place {
    explicit Place(const Shell& shell) : before(shell, disk, "aa.0"), now(shell, disk, "aa.0"), other(shell, disk) {}
    const Disk disk{};
    Client before, now;
    Control other;
    pid_t stranger = -1;
  };
  std::vector<std::unique_ptr<Place>> places;
  for (const auto& shell : shells()) {
    INFO(shell);
    auto& place = *places.emplace_back(std::make_unique<Place>(shell));
    REQUIRE(place.before.lock().status == 0);
    place.other.begin(1, "echo $$; echo all; exec " + never.command() + "\n");
    REQUIRE(place.other.wait_for_output("all"));
    place.stranger = std::stoi(place.other.out().substr(place.other.out().find("begin 1\n") + 8));
    // As a container's lock looks to the next one, where the holder's number is that of something else.
    std::string text = place.disk.read(".kirikae/lock");
    for (const auto& [key, value] : {std::pair<std::string, std::string>("space", "pid:[1]"), {"pid", std::to_string(place.stranger)}}) {
      const auto from = text.find("\n" + key + " ") + 1;
      text.replace(from, text.find('\n', from) - from, key + " " + value);
    }
    place.disk.write("srv/app/.kirikae/lock", text);
    place.now.hold("aa.0");
    place.now.control->begin(1, host::lock(place.disk.layout(), info("aa.0"), false).text, true);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Ended ended = places[i]->now.control->end(1, std::chrono::seconds(60));
    INFO(shells()[i] << ", " << ended);
    CHECK(ended.status == 3);
    CHECK(is_running(places[i]->stranger));
  }
}

TEST_CASE("A step that has outlived its killed control shell changes nothing once the same run has a new connection") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  const Client before(shell, disk, "aa.0");
  REQUIRE(before.lock().status == 0);
  const std::string wait = "echo started; until [ -e " + disk.temporary() + "/go ]; do sleep 0.05; done\n";
  before.control->begin(90, "trap ': >" + disk.temporary() + "/over' 0\n" + wait + host::guard(disk.layout(), "aa.0") + ": >" +
                                disk.temporary() + "/written\n");
  REQUIRE(before.control->wait_for_output("started"));
  ::kill(holder_of(disk), SIGKILL);
  const Client now(shell, disk, "aa.0");
  REQUIRE(now.lock().status == 0);
  disk.write("tmp/go", "");
  CHECK(eventually([&] { return std::filesystem::exists(disk.temporary() + "/over"); }));
  CHECK_FALSE(std::filesystem::exists(disk.temporary() + "/written"));
  CHECK(now.guarded().status == 0);
}

TEST_CASE("A run that meets itself under another name is told which") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  const Client one(shell, disk, "aa.0");
  const Client other(shell, disk, "aa.1");
  REQUIRE(one.lock().status == 0);
  const Ended ended = other.lock();
  CHECK(ended.status == 8);
  CHECK(ended.out == "lock_host=web1\n");
}

TEST_CASE("A freeze keeps everybody out but those who come despite it, and outlives its maker") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Disk disk;
  {
    const Control maker(shell, disk);
    auto why = info("f1");
    why.what = "database\nis being moved";
    CHECK(const_cast<Control&>(maker).run(host::freeze(disk.layout(), why)).status == 0);
    // Once more after a lost answer; and somebody else's, who is told.
    const Ended again = const_cast<Control&>(maker).run(host::freeze(disk.layout(), why));
    CHECK(again.status == 0);
    CHECK(again.out.empty());
    why.token = "f2";
    why.by = "bob@desk";
    const Ended second = const_cast<Control&>(maker).run(host::freeze(disk.layout(), why));
    CHECK(second.status == 0);
    CHECK(second.out.find("frozen_by=ada@desk\n") == 0);
    CHECK(disk.list(".kirikae/tmp").empty());
  }
  const Client client(shell, disk, "aa.0");
  const Ended ended = client.lock();
  CHECK(ended.status == 7);
  CHECK(ended.out.find("frozen_by=ada@desk\n") == 0);
  CHECK(ended.out.find("frozen_what=database\n") != std::string::npos);
  CHECK(client.lock(true).status == 0);
  // Only the freeze, and the lock, that was asked about.
  for (const auto* token : {"", "f2"}) {
    const Ended other = client.control->run(host::thaw(disk.layout(), token, "aa.0"));
    CHECK(other.status == 1);
    CHECK(other.err.find("is another one by now, of ada@desk (database)") != std::string::npos);
    CHECK(disk.exists(".kirikae/frozen"));
    CHECK(client.has_it());
  }
  CHECK(client.control->run(host::thaw(disk.layout(), "f1", "")).status == 0);
  CHECK_FALSE(disk.exists(".kirikae/frozen"));
  CHECK(client.has_it());
  const Ended other = client.control->run(host::thaw(disk.layout(), "", "bb.0"));
  CHECK(other.status == 1);
  CHECK(other.err.find("/.kirikae/lock' is another one by now") != std::string::npos);
  CHECK(client.has_it());
  CHECK(client.control->run(host::thaw(disk.layout(), "", "aa.0")).status == 0);
  CHECK(disk.list(".kirikae/tmp").empty());  // the lock's other name, too
  CHECK(client.control->run(host::thaw(disk.layout(), "", "aa.0")).status == 0);
  CHECK(client.guarded().status == 9);
  CHECK_FALSE(disk.exists(".kirikae/frozen"));
}

TEST_CASE("A lock that is taken away ends what a recipe has at work") {
  const auto shell = GENERATE(from_range(all_shells()));
  INFO(shell);
  const Never never;
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  client.control->begin(90, "exec " + never.command() + "\n");
  REQUIRE(eventually([&] { return !processes_with(never.path()).empty(); }));
  SECTION("at once, where whoever takes it can tell") {
    if (shell.name == "posh") return;  // it can't: it has no `test -O`
    Control other(shell, disk);
    const auto from = std::chrono::steady_clock::now();
    CHECK(other.run(host::thaw(disk.layout(), "", "aa.0")).status == 0);
    CHECK(std::chrono::steady_clock::now() - from < std::chrono::seconds(12));  // it would give up, and not be told
    CHECK(processes_with(never.path()).empty());
    CHECK_FALSE(disk.exists(".kirikae/lock"));
    CHECK(disk.list(".kirikae/tmp").empty());
  }
  SECTION("with the next beat") { fs::remove(disk.path(".kirikae/lock")); }
  const Ended ended = client.control->end(90);
  CHECK(ended.status == 143);
  CHECK(ended.err.find("the lock is taken away: what is at work here is ended\n") != std::string::npos);
  CHECK(client.guarded().status == 9);
}

TEST_CASE("A client that is silent for a minute loses the lock, and its step is ended", "[slow]") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const Never never;
  const Disk disk;
  const Client client(shell, disk, "aa.0");
  REQUIRE(client.lock().status == 0);
  // Whether there is anybody to read its last words, or not.
  client.control->begin(90, GENERATE_REF("exec " + never.command() + "\n", std::string("yes & exec yes >&2\n")));
  const auto from = std::chrono::steady_clock::now();
  CHECK(eventually([&] { return !disk.exists(".kirikae/lock"); }, std::chrono::seconds(90)));
  const auto after = std::chrono::steady_clock::now() - from;
  CHECK(after > std::chrono::seconds(55));
  CHECK(after < std::chrono::seconds(80));
}

}  // namespace kirikae::test
