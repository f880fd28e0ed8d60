// The verbs that look: check, status, audit.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "support/account.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/process.h"
#include "support/skip.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

void replace_current(const World& world, std::size_t host, const std::string& target) {
  fs::remove(world.host(host) / "current");
  fs::create_symlink(target, world.host(host) / "current");
}

}  // namespace

TEST_CASE("a check lists all problems of all hosts at once, those of unreachable hosts too, and changes nothing") {
  World world({.hosts = 3, .own_servers = true});
  world.write_app("1");
  world.write_recipe("shared: {files: [config/master.key]}\n");
  Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.out, ContainsSubstring("shop on production: 0 of 3 hosts are ready for a deploy\n"));
  for (const auto& host : world.hosts()) REQUIRE(host.untouched());
  fs::create_directories(world.host(0) / "current");
  world.host(0).write("shared/config/master.key", "k");
  world.sshd(2).stop();
  const std::string before = world.host(0).snapshot() + world.host(1).snapshot();
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"production", "check"}}) {
    ran = world.deploy(words);
    INFO(ran);
    REQUIRE(ran.status == 5);
    REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.1] '") && ContainsSubstring("/current' is a real directory, not a link"));
    REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.2] shared file is missing: config/master.key\n  put it into '"));
    REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.3] "));
    REQUIRE_THAT(ran.out, ContainsSubstring("PATH="));
  }
  // Every deploy looks in the same way before it begins.
  ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 5);
  REQUIRE_THAT(ran.err, ContainsSubstring("[127.0.0.1] '") && ContainsSubstring("[127.0.0.2] shared file is missing") &&
                            ContainsSubstring("[127.0.0.3] "));
  REQUIRE(world.host(0).snapshot() + world.host(1).snapshot() == before);
  fs::remove(world.host(0) / "current");
  world.host(1).write("shared/config/master.key", "k");
  ran = world.deploy({"check", "production", "--hosts", "127.0.0.1,127.0.0.2"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, ContainsSubstring("shop on production: all 2 hosts are ready for a deploy\n"));
  REQUIRE(ran.err.empty());
}

TEST_CASE("tasks that a host can't take, or that no selected host would run, are told by checks and plans as by what they look ahead to", "[slow]") {
  World world({.hosts = 2});
  world.write_app("1");
  const auto recipe = [&](const std::string& text) {
    world.write_recipe("tasks: {say: 'true', migrate: {run: 'true', once: true, roles: [db]}}\nvars: {text: \"" + text + "\"}\n"
                       "hooks: {build: migrate, after_publish: say, before_prune: say}\n",
                       "[{address: 127.0.0.1, roles: [app]}, {address: 127.0.0.2, roles: [db]}]");
  };
  recipe("short");
  for (int i = 0; i < 3; ++i) REQUIRE(world.deploy({"production"}).status == 0);
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"plan", "production"}, {"production"}}) {
    auto on_app = words;
    on_app.insert(on_app.end(), {"--hosts", "127.0.0.1"});
    const Ran ran = world.deploy(on_app);
    INFO(ran);
    CHECK(ran.status == 2);
    CHECK_THAT(ran.err, ContainsSubstring("task 'migrate' (build) runs once, but none of the selected hosts has the role db"));
  }
  recipe(std::string(34'000, '\''));
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"plan", "production"}, {"production"}, {"rollback", "production", "-n"},
                            {"rollback", "production"}, {"prune", "production", "-n", "--keep", "1"}, {"prune", "production", "--keep", "1"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("[127.0.0.1] task 'say' is too long: 13") && ContainsSubstring("[127.0.0.2] task 'say' is too long: 13"));
  }
}

TEST_CASE("a check warns of what a dead run has left, of a freeze, and of a source that is not made yet") {
  World world;
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  fs::create_directories(world.host(0) / "releases/20990101000000");
  world.host(0).write(".kirikae/releases/20990101000000", "state preparing\nrevision r\nby bob@ci\nprevious \n");
  REQUIRE(world.deploy({"lock", "production", "-m", "inventory"}).status == 0);
  world.write_recipe("tasks: {make: {run: 'mkdir -p app; echo 1 >app/a', local: true}}\nhooks: {before_connect: make}\n");
  fs::remove_all(world.site() / "app");
  const std::string before = world.host(0).snapshot();
  const Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("warning: the source isn't there: a before_connect task may make it"));
  REQUIRE_THAT(ran.err, ContainsSubstring("warning: a run that died has left unfinished: 20990101000000"));
  REQUIRE_THAT(ran.err, ContainsSubstring("warning: frozen by ada@"));
  REQUIRE_THAT(ran.out, ContainsSubstring("the host is ready for a deploy, once nobody locks or freezes"));
  REQUIRE(world.host(0).snapshot() == before);
  REQUIRE_FALSE(fs::exists(world.site() / "app"));
}

TEST_CASE("a check finds what is wrong with templates, and those that a before_connect task may make are no problem") {
  World world;
  world.write_app("1");
  world.write("t/odd.conf", "port {{prot}}\n");
  world.write_recipe("vars: {port: 8080}\ntemplates: [{from: t/none.conf, to: none.conf}, {from: t/odd.conf, to: odd.conf}]\n");
  Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("can't read the template '") && ContainsSubstring("t/none.conf': No such file or directory"));
  REQUIRE_THAT(ran.err, ContainsSubstring("t/odd.conf:1:") && ContainsSubstring("'prot'"));
  REQUIRE_THAT(ran.out, ContainsSubstring("0 of 1 host is ready for a deploy") && ContainsSubstring("PATH="));
  REQUIRE(world.deploy({"production"}).status == 2);  // a deploy says the same
  world.write("t/odd.conf", "port {{port}}\n");
  world.write_recipe("vars: {port: 8080}\ntemplates: [{from: t/none.conf, to: none.conf}, {from: t/odd.conf, to: odd.conf}]\n"
                     "tasks: {make: {run: 'echo 1 >t/none.conf', local: true}}\nhooks: {before_connect: make}\n");
  ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, ContainsSubstring("/t/none.conf' isn't there: a before_connect task may make it"));
  REQUIRE(world.deploy({"production"}).status == 0);
}

TEST_CASE("a cache folder that can't be used is a check's problem, and a deploy's before it runs or connects to anything") {
  World world;
  world.write_app("1");
  world.write_recipe("tasks: {make: {run: touch made, local: true}}\nhooks: {before_connect: make}\n");
  world.environment = {"XDG_CACHE_HOME=/dev/null"};
  Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("error: cache folder '/dev/null/kirikae' can't be made: Not a directory\n  set XDG_CACHE_HOME to "));
  CHECK_FALSE(fs::exists(world.site() / "made"));
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);
  ran = world.deploy({"check", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("error: cache folder '/dev/null/kirikae' can't be made"));
  CHECK_THAT(ran.out, ContainsSubstring("0 of 1 host is ready for a deploy"));
  world.write_recipe("transfer: rsync\n");  // it packs nothing
  ran = world.deploy({"check", "production"});
  INFO(ran);
  CHECK_THAT(ran.err, !ContainsSubstring("cache folder"));
}

TEST_CASE("a disk that has too little room is told before anything is sent, on every host that has one") {
  if (geteuid() != 0) {
    WARN("not run: only root can mount a small file system");
    return;
  }
  World world({.hosts = 2});
  world.write_app("1");
  world.write("app/big", std::string(6 << 20, 'x'));
  for (int i = 0; i < 300; ++i) world.write("app/many/" + std::to_string(i), "x");
  const std::string small = world.host(0) / "";
  fs::create_directories(small);
  const auto mounted = [&](const std::string& options) {
    return run_program({"mount", "-t", "tmpfs", "-o", options, "tmpfs", small}).status == 0;
  };
  const auto umount = [&] { return run_program({"umount", small}).status == 0; };
  if (!mounted("size=4m")) {
    WARN("not run: this system doesn't let even root mount a tmpfs");
    return;
  }
  Ran ran = world.deploy({"check", "production"});
  const Ran deployed = world.deploy({"production"});
  REQUIRE(umount());
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.1] the disk of '" + world.deploy_to() + "/releases' has ") &&
                            ContainsSubstring(" MiB free, the release needs about 7 MiB\n  free some room: 'deploy prune production --keep N' removes old releases\n"));
  REQUIRE(deployed.status == 1);
  REQUIRE_THAT(deployed.err, ContainsSubstring(" MiB free, the release needs about 7 MiB\n"));
  REQUIRE(world.host(1).untouched());
  REQUIRE(mounted("size=64m,nr_inodes=200"));
  ran = world.deploy({"check", "production"});
  REQUIRE(umount());
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.1] the disk of '" + world.deploy_to() + "/releases' has 19") &&
                            ContainsSubstring(" inodes free, the release needs about 4"));
}

TEST_CASE("a host whose clock is wrong is named by a check and by every deploy, which doesn't begin where it is far off") {
  const TempDir tools;
  tools.write("date",
              "#!/bin/sh\ncase \"$* $SSH_CONNECTION\" in\n"
              "  '+%s '*' 127.0.0.2 '*) read -r off <" + tools / "off" + "; echo $(($(/bin/date +%s) + off)) ;;\n"
              "  *) exec /bin/date \"$@\" ;;\nesac\n", 0755);
  World world({.hosts = 2, .path = tools.path().string() + ":/usr/sbin:/usr/bin:/sbin:/bin"});
  world.write_app("1");
  tools.write("off", "-1230\n");
  Ran ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.out, ContainsSubstring("1 of 2 hosts are ready for a deploy: 127.0.0.1\n"));
  const std::string refused =
      "error: [127.0.0.2] its clock is 20 min behind this machine's\n  set the wrong one of the two, and let NTP keep it\n";
  REQUIRE_THAT(ran.err, ContainsSubstring(refused));
  const Ran kept_out = world.deploy({"production"});
  INFO(kept_out);
  REQUIRE(kept_out.status == 1);
  REQUIRE_THAT(kept_out.err, ContainsSubstring(refused));
  for (const auto& host : world.hosts()) REQUIRE(host.untouched());

  tools.write("off", "630\n");
  const std::string remark = "[127.0.0.2] warning: its clock is 10 min ahead of this machine's: NTP would keep them together\n";
  for (const auto& words : {std::vector<std::string>{"check", "production"}, {"production"}}) {
    ran = world.deploy(words);
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE_THAT(ran.err, ContainsSubstring(remark) && !ContainsSubstring("127.0.0.1"));
  }
  REQUIRE(world.host(1).version() == "1");
  tools.write("off", "0\n");
  ran = world.deploy({"check", "production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.err, !ContainsSubstring("clock"));
}

TEST_CASE("the status tells who made which release live, and its exit code whether all is in order") {
  World world({.hosts = 3});
  Ran ran = world.deploy({"status", "production", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.out, ContainsSubstring("all hosts: no release is live\n"));
  REQUIRE(world.deploy({"status", "production"}).status == 0);
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  ran = world.deploy({"production", "status", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE_THAT(ran.out, ContainsSubstring("shop on production: 3 hosts, all in order\n"));
  REQUIRE_THAT(ran.out, ContainsSubstring("\n" + first + "  good   ") && ContainsSubstring(" UTC  ada@") && ContainsSubstring("  all hosts\n"));
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.3"}).status == 0);
  const std::string second = world.host(2).live();
  replace_current(world, 1, "/opt/elsewhere");
  ran = world.deploy({"status", "production", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.out, ContainsSubstring("  127.0.0.2: 'current' points to '/opt/elsewhere', which is none of its releases\n"));
  REQUIRE_THAT(ran.out, ContainsSubstring(", while others run " + second + "\n"));
  // Somebody switched by hand, to a release of ours.
  replace_current(world, 1, "releases/" + first);
  replace_current(world, 2, "releases/" + first);
  ran = world.deploy({"status", "production", "--exit-code"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.out, ContainsSubstring("  127.0.0.3: 'current' was changed by something else: the last deploy or rollback there led to " + second));
  REQUIRE(world.deploy({"status", "production", "--exit-code", "--exclude", "127.0.0.3"}).status == 0);
}

TEST_CASE("the status finds the last switch behind any number of other entries, and shows a host whose log can't be read") {
  World world({.hosts = 2});
  std::vector<std::string> ids;
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
    ids.push_back(world.host(0).live());
  }
  const std::string start = R"({"time":"2030-01-01T00:00:00Z","action":")", rest = R"(","application":"shop","stage":"production","release":"","by":"a@b","result":")";
  std::string log = world.host(0).read(".kirikae/log.jsonl");
  for (int i = 0; i < 150; ++i) {
    log += start + "task" + rest + "good\",\"detail\":\"ping\"}\n" + start + "deploy" + rest + "failed\"}\n";
  }
  world.host(0).write(".kirikae/log.jsonl", log);
  REQUIRE(world.deploy({"status", "production", "--exit-code"}).status == 0);
  replace_current(world, 0, "releases/" + ids[0]);
  replace_current(world, 1, "releases/" + ids[0]);
  fs::remove(world.host(1) / ".kirikae/log.jsonl");
  fs::create_directory(world.host(1) / ".kirikae/log.jsonl");
  const Ran ran = world.deploy({"status", "production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.out, ContainsSubstring("shop on production: 2 hosts, 2 not as they should be\n"));
  CHECK_THAT(ran.out, ContainsSubstring("  127.0.0.1: 'current' was changed by something else: the last deploy or rollback there led to " + ids[1] + "\n"));
  CHECK_THAT(ran.out, ContainsSubstring("  127.0.0.2: its log can't be read: whether something else has changed 'current' is not known\n"));
  CHECK_THAT(ran.err, ContainsSubstring("error: [127.0.0.2] audit ended with status 1: can't read '"));
}

TEST_CASE("the audit has a line for everything that was done, and who did it") {
  World world({.hosts = 2});
  REQUIRE(world.deploy({"audit", "production"}).out == "nothing is logged\n");
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  world.write_app("2");
  world.write_recipe("keep_releases: 1\ntasks: {build: {run: 'test ! -e \"$SHARED_PATH/fail\"'}, restart: {run: 'test $DEPLOY_ACTION = undo || test ! -e \"$SHARED_PATH/stop\"'}}\n"
                     "hooks: {build: build, after_publish: restart}\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.deploy({"rollback", "production"}).status == 0);
  for (const auto& host : world.hosts()) host.write("shared/fail", "");
  REQUIRE(world.deploy({"production"}).status == 1);
  for (const auto& host : world.hosts()) fs::rename(host / "shared/fail", host / "shared/stop");
  REQUIRE(world.deploy({"production", "--hosts", "127.0.0.1"}).status == 3);
  REQUIRE(world.deploy({"lock", "production", "-m", "in\x1b[2Jventory"}).status == 0);
  REQUIRE(world.deploy({"prune", "production"}).status == 4);
  REQUIRE(world.deploy({"unlock", "production"}).status == 0);
  const Ran pruned = world.deploy({"prune", "production"});
  INFO(pruned);
  REQUIRE(pruned.status == 0);
  world.host(1).write(".kirikae/log.jsonl", world.host(1).read(".kirikae/log.jsonl") + "{\"torn");
  const Ran ran = world.deploy({"production", "audit"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  REQUIRE(std::count(ran.out.begin(), ran.out.end(), '\n') == 10);
  REQUIRE_THAT(ran.out, ContainsSubstring("deploy    good") && ContainsSubstring("rollback  good") && ContainsSubstring("deploy    failed"));
  REQUIRE_THAT(ran.out, ContainsSubstring("deploy    undone") && ContainsSubstring("unlock    good"));
  REQUIRE_THAT(ran.out, ContainsSubstring("  all hosts  in [2Jventory\n"));
  REQUIRE_THAT(ran.out, ContainsSubstring("prune     good") && ContainsSubstring("  removed 2"));
  REQUIRE(ran.out.find('\x1b') == std::string::npos);
  REQUIRE_THAT(ran.err, ContainsSubstring("[127.0.0.2] warning: 1 line of its log is none of ours, and left out"));
  const std::string last = world.deploy({"audit", "production", "--lines", "2"}).out;
  REQUIRE_THAT(last, ContainsSubstring("  removed 2"));
  REQUIRE(last.find("unlock") == std::string::npos);
  REQUIRE(std::count(last.begin(), last.end(), '\n') == 3);
}

TEST_CASE("a log that is too long to be read is told, and the other hosts' are shown", "[slow]") {
  World world({.hosts = 2});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string line = R"({"time":"2026-11-23T05:00:00Z","action":"deploy","detail":")" + std::string(7900, 'x') + "\"}\n";
  std::string log;
  for (int i = 0; i < 4500; ++i) log += line;
  world.host(1).write(".kirikae/log.jsonl", log);
  Ran ran = world.deploy({"audit", "production", "--lines", "4500"});
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("error: [127.0.0.2] audit: its answer is longer than 33.6 MB\n  ask for fewer --lines"));
  REQUIRE_THAT(ran.out, ContainsSubstring("deploy  good"));
  REQUIRE(world.deploy({"audit", "production", "--lines", "100"}).status == 0);
}

TEST_CASE("another application's tree is nobody's to deploy to, to roll back or to prune") {
  World world;
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
  }
  const std::string live = world.host(0).live();
  world.write_recipe("tasks: {t: 'echo ran >&2'}\n");
  for (const auto& words : {std::vector<std::string>{"production"}, {"rollback", "production"}, {"prune", "production"}, {"task", "production", "t"},
                            {"lock", "production", "-m", "x"}, {"unlock", "production", "--force"}, {"check", "production"}, {"plan", "production"},
                            {"status", "production"}}) {
    auto set = words;
    set.insert(set.end(), {"--set", "application=blog"});
    const Ran ran = world.deploy(set);
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("' is the tree of the application 'shop', and this recipe's is 'blog'") && ContainsSubstring("correct 'deploy_to'"));
    CHECK_THAT(ran.err, !ContainsSubstring("ran\n"));
    CHECK_FALSE(world.host(0).exists(".kirikae/frozen"));
    CHECK(world.host(0).live() == live);
  }
  // It has another name now.
  for (const auto& host : world.hosts()) fs::remove(host / ".kirikae/application");
  world.write_app("3");
  REQUIRE(world.deploy({"production", "--set", "application=blog"}).status == 0);
  CHECK(world.host(0).read(".kirikae/application") == "blog\n");
}

TEST_CASE("a tree that the user may not enter is never taken for one that is not there") {
  if (::geteuid() == 0 && is_skipped_without_mounts()) return;
  const auto account = ::geteuid() == 0 ? std::make_unique<Account>() : nullptr;
  World world({.account = account.get()});
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const fs::path shut = GENERATE(true, false) ? world.host(0).tree() : world.host(0).tree().parent_path();
  world.write_recipe("shared: {files: [.env]}\ntasks: {t: 'echo ran >&2'}\n");
  if (account) REQUIRE(::chown(shut.c_str(), 0, 0) == 0);
  REQUIRE(::chmod(shut.c_str(), account ? 0700 : 0) == 0);
  for (const auto& words : {std::vector<std::string>{"status", "production"}, {"releases", "production"}, {"audit", "production"},
                            {"diff", "production"}, {"unlock", "production"}, {"lock", "production", "-m", "x"}, {"check", "production"},
                            {"rollback", "production"}, {"prune", "production"}, {"production"}, {"task", "production", "t"}, {"run", "production", "--", "echo ran >&2"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 1);
    CHECK_THAT(ran.err, ContainsSubstring("' can't be entered by '") && ContainsSubstring("; let that user in"));
    CHECK_THAT(ran.err, !ContainsSubstring("sudo install"));
    CHECK_THAT(ran.out + ran.err, !ContainsSubstring("ran\n") && !ContainsSubstring("no release") && !ContainsSubstring("nothing is logged") &&
                                       !ContainsSubstring("missing: .env"));
  }
  REQUIRE(::chmod(shut.c_str(), 0755) == 0);
  const Ran ran = world.deploy({"status", "production"});
  INFO(ran);
  CHECK(ran.status == 0);
}
