// What preflight finds out.
#include <unistd.h>

#include <array>

#include "host/releases.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

TEST_CASE("Facts name the tools, the room and the clock of a host") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto before = ::time(nullptr);
  const auto facts = site.facts();
  CHECK(facts.clock >= before);
  CHECK(facts.clock <= ::time(nullptr));
  CHECK(facts.system == "Linux");
  CHECK(facts.free_kilobytes > 0);
  CHECK(facts.mv == "T");
  CHECK(facts.hash == (shell.name == "busybox" ? "sha256sum" : "openssl"));
  CHECK(facts.zstd == (shell.name != "busybox"));
  CHECK(facts.gzip);
  CHECK(facts.setsid);
  CHECK(facts.sudo == (shell.name != "busybox" && installed("sudo")));
  CHECK(facts.sync_file_system);
  CHECK(facts.problems.empty());
  CHECK(facts.environment.at("PATH") == shell.path);
  CHECK(facts.environment.contains("HOME"));
  CHECK_FALSE(facts.environment.contains("KIRIKAE_RUN"));
  CHECK(facts.umask.find("022") != std::string::npos);
  CHECK_FALSE(fs::exists(site.disk / "srv"));
  CHECK(fs::is_empty(site.disk.temporary()));
}

TEST_CASE("Facts tell a dead run's lock from one that is held") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  // Of a system that runs no more: it was started again since.
  const auto lock = [&](const std::string& boot) {
    site.disk.write("srv/app/.kirikae/lock", "token 1.0\nhost a\npid 1\nstart 1\nboot " + boot +
                                                 "\nspace x\nmachine " + host_name() + "\nmade none\nby bob@ci\nsince then\nwhat deploy production\nurl \n");
  };
  lock("gone");
  auto facts = site.facts();
  CHECK_FALSE(facts.lock);
  REQUIRE(facts.stale_lock);
  CHECK(release::to_text(*facts.stale_lock) == "bob@ci since then (deploy production)");
  fs::remove(site.disk.path(".kirikae/lock"));
  CHECK_FALSE(site.facts().stale_lock);
}

TEST_CASE("The audit is the end of the log, line by line, and no endless line is sent") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  CHECK(site.control.run(host::audit(site.layout(), 2)).out.empty());
  site.disk.write("srv/app/.kirikae/log.jsonl", "one\ntwo\n" + std::string(100'000, 'x') + "\ntorn");
  auto ended = site.control.run(host::audit(site.layout(), 2));
  CHECK(ended.status == 0);
  CHECK(ended.out == std::string(8000, 'x') + "\ntorn\n");
  CHECK(site.control.run(host::audit(site.layout(), 10)).out.starts_with("one\ntwo\nxxx"));
  fs::remove(site.disk.path(".kirikae/log.jsonl"));
  site.disk.make_folder("srv/app/.kirikae/log.jsonl");
  ended = site.control.run(host::audit(site.layout(), 2));
  CHECK(ended.status == 1);
  CHECK(ended.err == "can't read '" + site.disk.path(".kirikae/log.jsonl") + "': check its owner\n");
}

TEST_CASE(
    "The last switches are found behind anything else that is logged, and so is the last task that went well since") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto line = [](const std::string& action, const std::string& result, const std::string& detail = {}) {
    return R"({"time":"2026-11-23T05:00:00Z","action":")" + action + R"(","result":")" + result + R"(","detail":")" + detail + "\"}\n";
  };
  CHECK(site.control.run(host::last_switches(site.layout(), 3)).out.empty());
  const std::string first = line("rollback", "good"), second = line("deploy", "undone"), third = line("deploy", "good", "caf\xE9");
  std::string log = line("deploy", "good", "1") + first + "torn\n" + second + third;
  for (int i = 0; i < 50; ++i) {
    log += line("task", "good") + line("deploy", "failed") + line("lock", "good", R"(\"action\":\"deploy\" \"result\":\"good\")");
  }
  site.disk.write("srv/app/.kirikae/log.jsonl", log + line("task", "failed"));
  const auto ended = site.control.run(host::last_switches(site.layout(), 3));
  CHECK(ended.status == 0);
  CHECK(ended.out == first + second + third + line("task", "good"));
  site.disk.write("srv/app/.kirikae/log.jsonl", log + third);
  CHECK(site.control.run(host::last_switches(site.layout(), 1)).out == third);
}

TEST_CASE("Facts tell which tree it is: the same by another name and before it is made, and not that of another folder") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell), other(shell);
  site.disk.make_folder("srv");
  const std::string place = site.facts().place;
  CHECK_FALSE(place.empty());
  CHECK(site.facts().place == place);
  CHECK(other.facts().place != place);
  site.disk.make_folder("srv/app");
  const std::string made = site.facts().place;
  CHECK(made != place);
  fs::rename(site.disk / "srv/app", site.disk / "srv/moved");
  site.disk.make_link("moved", "srv/app");
  CHECK(site.facts().place == made);
}

TEST_CASE("Facts tell what current is") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  const auto current = site.disk.path("current");
  const auto with = [&](const std::string& target) {
    unlink(current.c_str());
    site.disk.make_link(target, "srv/app/current");
    return site.facts();
  };
  CHECK(site.facts().live.empty());
  CHECK(with("releases/" + id1).live == id1);
  CHECK(site.facts().gone_target.empty());
  CHECK(with("./releases/" + id1 + "/").live == id1);
  CHECK(with(site.disk.path("releases/" + id1)).live == id1);
  const auto gone = with("releases/" + id2);
  CHECK(gone.live == id2);  // it dangles, but is ours
  CHECK(gone.gone_target == "releases/" + id2);
  CHECK(gone.current_dangles);
  site.disk.make_folder("moved");
  site.disk.make_link("../../../moved", "srv/app/releases/" + id3);
  const auto linked = with("./releases/" + id3);
  CHECK(linked.live == id3);
  CHECK(linked.gone_target == "./releases/" + id3);
  CHECK_FALSE(linked.current_dangles);
  site.disk.make_link("releases/" + id1, "srv/app/by-way");
  CHECK(with("by-way").live == id1);
  for (const auto& elsewhere :
       std::vector<std::string>{"/opt/other", "../elsewhere/" + id1, "releases", "odd\nname \x1b[2J"}) {
    const auto facts = with(elsewhere);
    INFO(elsewhere);
    CHECK(facts.live.empty());
    CHECK_FALSE(facts.current_is_directory);
    CHECK(facts.current_target == (elsewhere[0] == 'o' ? "oddname [2J" : elsewhere));
    CHECK(facts.current_dangles == (elsewhere != "releases"));
  }
  unlink(current.c_str());
  site.disk.make_folder("srv/app/current");
  CHECK(site.facts().current_is_directory);
  fs::remove(current);
  site.disk.write("srv/app/current", "x");
  CHECK(site.facts().problems == std::vector<std::string>{"'" + current + "' is a file, not a link: move it away"});
  CHECK(site.facts().current_is_file);
}

TEST_CASE("Facts list releases with what they say of themselves, whatever lies beside them") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  site.disk.write("srv/app/releases/" + id2 + "/REVISION", "caf\xC3\xA9 \x1b[31mred\nsecond line\n");
  site.disk.write("srv/app/releases/" + id3 + "/REVISION", std::string(500, 'r'));
  site.disk.write("srv/app/releases/notes.txt", "x");
  site.disk.make_folder("srv/app/releases/20261122");
  site.disk.make_link(id1, "srv/app/releases/20261122999999");
  CHECK_FALSE(site.facts().half_pruned);
  site.disk.make_folder("srv/app/releases/.pruned-20201122010000");
  const auto facts = site.facts();
  REQUIRE(facts.releases.size() == 3);
  CHECK(facts.releases[0].state == release::State::ready);
  CHECK_FALSE(facts.releases[1].state);
  CHECK(facts.releases[1].revision == "caf\xC3\xA9 [31mred");
  CHECK(facts.releases[2].revision == std::string(200, 'r'));
  CHECK(facts.half_pruned);
}

TEST_CASE("Facts say what keeps a release from going there") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  const auto problem = [](Site& site) {
    const auto facts = site.facts({.directories = {"log"}});
    const auto& problems = facts.problems.empty() ? facts.payload_problems : facts.problems;
    return problems.empty() ? std::string("none") : problems.front();
  };
  Site site(shell);
  site.disk.make_folder("srv", 0555);
  CHECK(problem(site).find("can't make '" + site.layout().root() + "', since '" + (site.disk / "srv") +
                           "' is not writable: look at its mode, and whether its file system is mounted read-only") == 0);
  if (geteuid() == 0) {
    REQUIRE(lchown((site.disk / "srv").c_str(), 0, 0) == 0);
    CHECK(problem(site).find("can't make '" + site.layout().root() + "', since '" + (site.disk / "srv") +
                             "' is not writable: run sudo install -d -o ") == 0);
    fs::remove(site.disk / "srv");
  }
  site.disk.make_folder("srv");
  site.disk.write("srv/app", "a file");
  CHECK(problem(site) == "'" + site.layout().root() + "' is no directory: move it away, or choose another deploy_to");
  fs::remove(site.layout().root());
  CHECK(problem(site) == "none");
  site.disk.make_folder("srv/app/shared", 0555);
  const std::string own = ": look at its mode, and whether its file system is mounted read-only", others = ": give it to that user";
  const auto starts_and_ends = [](const std::string& text, const std::string& start, const std::string& end) {
    INFO(text);
    CHECK(text.starts_with(start));
    CHECK(text.ends_with(end));
  };
  const auto shared = site.disk.path("shared");
  starts_and_ends(problem(site), "'" + shared + "' is not writable for '", own);
  if (geteuid() == 0) {
    REQUIRE(lchown(shared.c_str(), 0, 0) == 0);
    starts_and_ends(problem(site), "'" + shared + "' is not writable for '", others);
    fs::remove(shared);
    site.disk.make_folder("srv/app/shared", 0555);
  }
  CHECK(site.facts().problems.empty());  // of new releases only
  site.disk.make_folder("srv/app/shared");
  site.disk.write("srv/app/revisions.log", "a line\n", 0444);
  starts_and_ends(problem(site), "'" + site.disk.path("revisions.log") + "' can't be appended to by '", own + ", or move it away");
  CHECK(site.facts().payload_problems.empty());
  fs::remove(site.disk.path("revisions.log"));
  site.disk.make_folder("srv/app/.kirikae/manifests", 0555);
  starts_and_ends(problem(site), "'" + site.disk.path(".kirikae/manifests") + "' is not writable for '", own);
  CHECK(site.facts().problems.empty());
  site.disk.make_folder("srv/app/.kirikae/log.jsonl");
  CHECK(problem(site).find("'" + site.disk.path(".kirikae/log.jsonl") + "' can't be appended to by '") == 0);
  fs::remove_all(site.disk.path(".kirikae"));
  site.disk.write("srv/app/.kirikae", "a file");
  CHECK(problem(site) == "'" + site.disk.path(".kirikae") + "' is no directory: move it away");
}

TEST_CASE("Room is measured where the releases lie, which may be another disk") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.disk.make_folder("srv/app");
  const std::string df = GENERATE(
      as<std::string>(), "df() { for kk_x; do case $kk_x in -*) ;; */releases) echo '4711 12' ;; *) echo '9 8' ;; esac; done; }\n",
      R"(df() {
  case $1 in -Pk) kk_y=4711 kk_z=9 ;; -Pi) kk_y=12 kk_z=8 ;; *) return 1 ;; esac
  for kk_x; do case $kk_x in -*) ;; */releases) echo "dev 1 1 $kk_y 1% /" ;; *) echo "dev 1 1 $kk_z 1% /" ;; esac; done
}
)");
  const auto room = [&] {
    const auto ended = site.control.run(df + host::facts(site.layout(), {}).text, true);
    INFO(ended);
    REQUIRE(ended.status == 0);
    const auto facts = release::parse_facts(ended.out);
    REQUIRE(facts);
    return std::vector{facts->free_kilobytes, facts->free_inodes, facts->root_kilobytes, facts->root_inodes};
  };
  CHECK(room() == std::vector<std::uint64_t>{9, 8, 9, 8});
  site.disk.make_folder("disk2");
  site.disk.make_link("../../disk2", "srv/app/releases");
  CHECK(room() == std::vector<std::uint64_t>{4711, 12, 9, 8});
}

TEST_CASE("A folder of shared/ needs to be writable only where something is to be made in it") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.disk.make_folder("srv/app/shared/log/old");
  fs::permissions(site.disk.path("shared"), fs::perms(0555));
  const auto problems = [&](const host::Wanted& wanted) {
    auto found = site.facts(wanted).payload_problems;
    for (auto& each : found) each.resize(std::min(each.size(), each.find(" for '")));
    return found;
  };
  const auto unwritable = [&](const std::string& folder) { return std::vector<std::string>{"'" + site.disk.path(folder) + "' is not writable"}; };
  CHECK(problems({.directories = {"log", "log/old"}}).empty());
  CHECK(problems({.directories = {"log/new"}, .written = {"log/app.yml"}}).empty());
  CHECK(problems({.files = {"missing"}}).empty());
  CHECK(problems({.directories = {"cache", "tmp/a/b"}, .written = {"app.yml"}}) == unwritable("shared"));
  fs::permissions(site.disk.path("shared"), fs::perms(0755));
  fs::permissions(site.disk.path("shared/log"), fs::perms(0555));
  CHECK(problems({.directories = {"cache", "log/old"}, .written = {"app.yml"}}).empty());
  CHECK(problems({.directories = {"log/new"}}) == unwritable("shared/log"));
  CHECK(problems({.written = {"log/app.yml"}}) == unwritable("shared/log"));
}

TEST_CASE("A tree that can't be looked at is no tree that isn't there: facts say who may not go where, and no command runs at home") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  site.make(id1);
  site.publish(id1);
  const auto why = [&](const std::string& start, const std::string& end) {
    const auto facts = site.facts();
    CHECK(facts.unseen);
    REQUIRE(facts.problems.size() == 1);
    INFO(facts.problems[0]);
    CHECK(facts.problems[0].starts_with(start));
    CHECK(facts.problems[0].ends_with(end));
    CHECK(facts.payload_problems.empty());
  };
  const auto nowhere = [&] {
    const auto ended = site.control.run(host::run(site.layout(), "echo run", {}));
    INFO(ended);
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Catch::Matchers::ContainsSubstring("' can't be entered by '"));
  };
  for (const std::string shut : {"srv", "srv/app"}) {
    if (geteuid() == 0) REQUIRE(chown((site.disk / shut).c_str(), 0, 0) == 0);
    fs::permissions(site.disk / shut, geteuid() == 0 ? fs::perms::owner_all : fs::perms::none);
    why("'" + (site.disk / shut) + "' can't be entered by '", geteuid() == 0 ? "': it belongs to 'root', and its mode is 'drwx------'; let that user in" : "; let that user in");
    nowhere();
    fs::permissions(site.disk / shut, fs::perms(0755));
    CHECK_FALSE(site.facts().unseen);
  }
  for (const std::string shut : {"releases", ".kirikae"}) {
    site.disk.make_folder("srv/app/" + shut, shut == "releases" ? 0311 : 0);
    why("'" + site.disk.path(shut) + "' can't be " + (shut == "releases" ? "read" : "entered") + " by '", "; let that user in");
    site.disk.make_folder("srv/app/" + shut, 0755);
  }
  CHECK(site.control.run(host::run(site.layout(), "echo run", {})).out == "run\n");
  fs::rename(site.disk / "srv", site.disk / "disk");
  site.disk.make_link("not mounted", "srv");
  why("'" + (site.disk / "srv") + "' is a link to what isn't there, or to where '", "' may not go: mount its disk, or let that user in");
}

TEST_CASE("A host without the tools says which") {
  // busybox alone: everything that its folder of applets lacks is missing.
  const TempDir folder;
  Site site(busybox_without({"tar", "sha256sum", "setsid", "gzip", "df", "sync"}, folder));
  const auto facts = site.facts();
  CHECK(facts.problems == std::vector<std::string>{"there is no 'sync' here: install it"});
  CHECK(facts.payload_problems == std::vector<std::string>{"there is no 'tar' here: install it",
                                                           "no tool computes sha-256 here: install openssl"});
  CHECK(facts.hash.empty());
  CHECK_FALSE(facts.gzip);
  CHECK_FALSE(facts.setsid);
  CHECK(facts.free_kilobytes == UINT64_MAX);
  // Without setsid a step is still cancelled, its own shell at least.
  site.control.begin(50, "echo $$; echo ready; exec sleep 600");
  REQUIRE(site.control.wait_for_output("ready"));
  site.control.say("cancel 50\n");
  const auto ended = site.control.end(50);
  CHECK(ended.status == 143);
  CHECK_FALSE(is_running(std::stoi(ended.out)));
}

TEST_CASE("Fifty releases cost no process each") {
  const auto shell = GENERATE(from_range(shells()));
  if (shell.name == "mksh") return;  // printf is a program for it
  INFO(shell);
  Site site(shell);
  const auto processes = [&] {
    // The kernel's count of all processes that were ever started.
    const auto ended = site.control.run(
        "while read -r name count rest; do [ \"$name\" != processes ] || echo \"$count\"; done </proc/stat");
    return std::stol(ended.out);
  };
  const auto empty_before = processes();
  site.facts();
  const auto empty = processes() - empty_before;
  for (int i = 10; i < 60; ++i) {
    const auto id = "202601010000" + std::to_string(i);
    site.disk.write("srv/app/releases/" + id + "/REVISION", "r\n");
    site.disk.write("srv/app/.kirikae/releases/" + id, "state good\nrevision r\nby b\nprevious \n");
  }
  // Others start processes, too: the quietest of some rounds counts.
  auto full = empty + 1000;
  for (int round = 0; round < 20 && full >= empty + 25; ++round) {
    const auto before = processes();
    CHECK(site.facts().releases.size() == 50);
    full = std::min(full, processes() - before);
  }
  CHECK(full < empty + 25);
}

}  // namespace kirikae::test
