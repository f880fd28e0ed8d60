#include <unistd.h>

#include <filesystem>

#include "support/catch.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// The commands that a report advises, without their comments.
std::vector<std::string> advice_of(const Ran& ran) {
  std::vector<std::string> lines;
  const auto from = ran.err.find("what to do:\n");
  if (from == std::string::npos) return lines;
  std::size_t at = from + 12;
  while (at < ran.err.size() && ran.err.compare(at, 2, "  ") == 0) {
    const auto end = ran.err.find('\n', at);
    lines.push_back(ran.err.substr(at + 2, end - at - 2));
    at = end + 1;
  }
  return lines;
}

std::string one_with(const std::vector<std::string>& lines, const std::string& part) {
  for (const auto& line : lines) {
    if (line.find(part) != std::string::npos) return line;
  }
  return {};
}

const char* const fails_on_second = R"(keep_releases: 2
tasks:
  maybe: 'if [ "$HOST" = "$bad_host" ]; then echo "disk is on fire" >&2; exit 3; fi'
vars: {bad_host: none}
)";

}  // namespace

TEST_CASE("a build hook that fails on one of three hosts leaves all of them with the old release") {
  World world({.hosts = 3});
  world.write_recipe(std::string(fails_on_second) + "hooks: {build: maybe}\n");
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  const Ran failed = world.deploy({"production", "--set", "bad_host=127.0.0.2"});
  INFO(failed);
  REQUIRE(failed.status == 1);
  REQUIRE_THAT(failed.err, ContainsSubstring("[127.0.0.2] task maybe ended with status 3"));
  REQUIRE_THAT(failed.err, ContainsSubstring("disk is on fire"));
  for (const auto& host : world.hosts()) {
    REQUIRE(host.live() == first);
    REQUIRE(host.releases().size() == 2);  // the failed one stays, to be looked at
    REQUIRE(host.state(host.releases().back()) == "failed");
    REQUIRE_THAT(host.read(".kirikae/log.jsonl"), ContainsSubstring(R"("result":"failed"})"));
    REQUIRE(host.read("revisions.log").find(host.releases().back()) == std::string::npos);
  }
  REQUIRE(world.broken_invariants().empty());
  SECTION("the next deploy that succeeds removes it") {
    const std::string bad = world.host(0).releases().back();
    const Ran next = world.deploy({"production"});
    INFO(next);
    REQUIRE(next.status == 0);
    for (const auto& host : world.hosts()) {
      REQUIRE(host.version() == "2");
      REQUIRE(host.releases() == std::vector<std::string>{first, host.live()});
      REQUIRE_FALSE(host.exists(".kirikae/releases/" + bad));
    }
    REQUIRE(world.broken_invariants().empty());
  }
  SECTION("a rollback doesn't take it for a release, nor does it find another one") {
    const Ran back = world.deploy({"rollback", "production"});
    INFO(back);
    REQUIRE(back.status == 1);
    REQUIRE(world.host(0).live() == first);
  }
}

TEST_CASE("the 'failed' hooks run on hosts and here, and what they do can't make things worse") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(R"(tasks:
  bad: 'exit 1'
  save: 'echo "$DEPLOY_ACTION $RELEASE" >"$SHARED_PATH/saved"; exit 9'
  tell: {run: 'echo "$STAGE failed: $RELEASE" >told', local: true}
hooks: {build: bad, failed: [save, tell]}
)");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  const std::string id = world.host(0).releases().front();
  REQUIRE(world.host(0).read("shared/saved") == "deploy " + id + "\n");
  REQUIRE(world.host(1).read("shared/saved") == "deploy " + id + "\n");
  REQUIRE(world.read("site/told") == "production failed: " + id + "\n");
  REQUIRE_THAT(ran.err, ContainsSubstring("warning: task save ended with status 9"));
}

TEST_CASE("an after_publish hook that fails on one host takes all of them back, with their hooks: exit 3") {
  World world({.hosts = 2});
  world.write_recipe(R"(tasks:
  build: 'true'
  restart: 'echo "$DEPLOY_ACTION $RELEASE $PREVIOUS_RELEASE" >>"$SHARED_PATH/restarts"; [ "$HOST $DEPLOY_ACTION" != "$bad" ]'
vars: {bad: none}
hooks: {build: build, after_publish: restart}
)");
  world.write_app("1");
  SECTION("to the release before") {
    REQUIRE(world.deploy({"production"}).status == 0);
    const std::string first = world.host(0).live();
    world.write_app("2");
    const Ran failed = world.deploy({"production", "--set", "bad=127.0.0.2 deploy"});
    INFO(failed);
    REQUIRE(failed.status == 3);
    REQUIRE_THAT(failed.err, ContainsSubstring("[127.0.0.2] task restart ended with status 1"));
    REQUIRE_THAT(failed.err, ContainsSubstring("stays: build"));
    REQUIRE(advice_of(failed).empty());
    for (const auto& host : world.hosts()) {
      REQUIRE(host.live() == first);
      const std::string second = host.releases().back();
      REQUIRE(host.state(first) == "good");
      REQUIRE(host.state(second) == "failed");
      REQUIRE_THAT(host.read("shared/restarts"), ContainsSubstring("undo " + first + ' ' + second + "\n"));
      REQUIRE_THAT(host.read(".kirikae/log.jsonl"), ContainsSubstring(R"("result":"undone"})"));
      REQUIRE(host.read("revisions.log").find(second) == std::string::npos);
    }
    REQUIRE(world.broken_invariants().empty());
    const Ran again = world.deploy({"production"});
    INFO(again);
    REQUIRE(again.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == "2");
  }
  SECTION("out of service, where it was the first release") {
    const Ran failed = world.deploy({"production", "--set", "bad=127.0.0.2 deploy"});
    INFO(failed);
    REQUIRE(failed.status == 3);
    for (const auto& host : world.hosts()) REQUIRE_FALSE(host.exists("current"));
    REQUIRE(world.deploy({"production"}).status == 0);
  }
  SECTION("of a rollback: forward to what ran") {
    REQUIRE(world.deploy({"production"}).status == 0);
    world.write_app("2");
    REQUIRE(world.deploy({"production"}).status == 0);
    const std::string second = world.host(0).live();
    const Ran failed = world.deploy({"rollback", "production", "--set", "bad=127.0.0.2 rollback"});
    INFO(failed);
    REQUIRE(failed.status == 3);
    for (const auto& host : world.hosts()) {
      REQUIRE(host.live() == second);
      REQUIRE(host.state(second) == "good");
    }
    REQUIRE(world.deploy({"rollback", "production"}).status == 0);
    REQUIRE(world.host(1).version() == "1");
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("a host that can't be taken back is exit 6 with commands that really help; the others are back") {
  World world({.hosts = 3});
  // Somebody moves `current` on one host while the hook runs there.
  world.write_recipe(R"(tasks:
  meddle: 'if rm "$SHARED_PATH/meddle" 2>/dev/null; then ln -sfn elsewhere "$CURRENT_PATH"; exit 3; fi'
  nothing: 'true'
hooks: {after_publish: meddle}
prompts: {ticket: {question: Which ticket}}
)");
  const std::vector<std::string> words = {"production", "--recipe", "deploy.yml", "--set", "ticket=T 7", "--set", "hooks.build=nothing"};
  world.write_app("1");
  REQUIRE(world.deploy(words).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  world.host(1).write("shared/meddle", "");
  const Ran failed = world.deploy(words);
  INFO(failed);
  REQUIRE(failed.status == 6);
  REQUIRE(world.host(0).live() == first);
  REQUIRE(world.host(2).live() == first);
  REQUIRE_THAT(failed.err, ContainsSubstring("[127.0.0.2] undo: publish") && ContainsSubstring("'elsewhere'"));
  // Where to and with which answers, but no task or hook, which may be what has failed.
  for (const auto& line : advice_of(failed)) REQUIRE(line.rfind("deploy --recipe deploy.yml --set 'ticket=T 7' ", 0) == 0);
  REQUIRE(one_with(advice_of(failed), "hooks").empty());
  SECTION("look") {
    const Ran found = world.type(one_with(advice_of(failed), "look first"));
    INFO(found);
    REQUIRE(found.status == 0);
    REQUIRE_THAT(found.out, ContainsSubstring("elsewhere"));
    return;  // it is as the person has left it
  }
  SECTION("back") {
    const std::string back = one_with(advice_of(failed), "rollback");
    REQUIRE_FALSE(back.empty());
    const Ran undone = world.type(back);
    INFO(undone);
    REQUIRE(undone.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == "1");
  }
  SECTION("forward") {
    const std::string forward = one_with(advice_of(failed), "forward");
    REQUIRE_FALSE(forward.empty());
    const Ran next = world.type(forward);
    INFO(next);
    REQUIRE(next.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.version() == "2");
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("the commands for a person help where a task runs once, and reach no further than the run did") {
  World world({.hosts = 3});
  // On one host the release before is away while the run wants to go back to it.
  world.write_recipe(R"(tasks:
  hide: 'if rm "$SHARED_PATH/hide" 2>/dev/null; then mv "${RELEASE_PATH%/*}/$PREVIOUS_RELEASE" "$SHARED_PATH/hidden"; exit 3; fi'
  announce: {run: 'true', once: true, roles: [db]}
hooks: {after_publish: [hide, announce]}
)", "[{address: 127.0.0.1, roles: [db]}, {address: 127.0.0.2, roles: [app]}, {address: 127.0.0.3, roles: [app]}]");
  world.write_app("1");
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string first = world.host(0).live();
  world.write_app("2");
  world.host(1).write("shared/hide", "");
  const Ran failed = world.deploy({"production", "--hosts", "127.0.0.1,127.0.0.2", "--revision", "the second"});
  INFO(failed);
  REQUIRE(failed.status == 6);
  REQUIRE(world.host(0).live() == first);
  REQUIRE(world.host(1).live() != first);
  std::filesystem::rename(world.host(1) / "shared/hidden", world.host(1) / ("releases/" + first));
  SECTION("back") {
    const Ran back = world.type(one_with(advice_of(failed), "rollback"));
    INFO(back);
    REQUIRE(back.status == 0);
    for (const auto& host : world.hosts()) REQUIRE(host.live() == first);
  }
  SECTION("forward") {
    const Ran next = world.type(one_with(advice_of(failed), "forward"));
    INFO(next);
    REQUIRE(next.status == 0);
    REQUIRE(world.host(1).version() == "2");
    REQUIRE(world.host(1).read("current/REVISION") == "the second\n");
    REQUIRE(world.host(2).live() == first);
  }
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("the commands for a person help where the hosts are frozen", "[slow]") {
  World world({.hosts = 2});
  world.write_recipe(R"(tasks:
  hide: 'if rm "$SHARED_PATH/hide" 2>/dev/null; then mv "${RELEASE_PATH%/*}/$PREVIOUS_RELEASE" "$SHARED_PATH/hidden"; exit 3; fi'
  warm: 'test ! -e "$SHARED_PATH/cold"'
hooks: {after_publish: [hide, warm]}
)");
  for (const char* version : {"1", "2"}) {
    world.write_app(version);
    REQUIRE(world.deploy({"production"}).status == 0);
  }
  const std::string second = world.host(0).live();
  REQUIRE(world.deploy({"lock", "production", "-m", "fair"}).status == 0);
  world.host(0).write("shared/cold", "");
  world.host(1).write("shared/hide", "");
  const Ran failed = world.deploy({"rollback", "production", "--despite-freeze"});
  INFO(failed);
  REQUIRE(failed.status == 6);
  CHECK_THAT(world.deploy({"status", "production"}).out,
             ContainsSubstring("127.0.0.1: taken back to " + second + ", and its after_publish tasks have failed: unless they were run since"));
  CHECK_THAT(world.deploy({"audit", "production"}).out, ContainsSubstring("its after_publish tasks have failed"));
  std::filesystem::rename(world.host(1) / "shared/hidden", world.host(1) / ("releases/" + second));
  std::filesystem::remove(world.host(0) / "shared/cold");
  const auto advice = advice_of(failed);
  for (const auto& line : {one_with(advice, "takes it back"), one_with(advice, "unlock"), one_with(advice, "task production")}) {
    const Ran typed = world.type(line);
    INFO(typed);
    REQUIRE(typed.status == 0);
  }
  CHECK(world.deploy({"status", "production", "--exit-code"}).status == 0);
  REQUIRE(one_with(advice, "hide").empty());  // it went well
  for (const auto& host : world.hosts()) REQUIRE(host.live() == second);
  REQUIRE(world.broken_invariants().empty());
}

TEST_CASE("an answer that is a secret is in no advice: it is asked for again") {
  World world;
  world.write_recipe(R"(tasks: {meddle: 'ln -sfn elsewhere "$CURRENT_PATH"; exit 3'}
hooks: {after_publish: meddle}
prompts: {pin: {question: Which PIN, secret: true}}
)");
  world.write_app("1");
  const Ran failed = world.deploy({"production", "--set", "pin=864219"});
  INFO(failed);
  REQUIRE(failed.status == 6);
  REQUIRE_FALSE(advice_of(failed).empty());
  REQUIRE(one_with(advice_of(failed), "pin").empty());
  REQUIRE(failed.err.find("864219") == std::string::npos);
}

TEST_CASE("shared files that are missing are all told at once, host by host, before anything is written") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe("shared: {files: [config/database.yml, .env, \"with blank\"]}\n");
  world.host(1).write("shared/.env", "A=1\n");
  const std::string before = world.host(1).snapshot();
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err,
               ContainsSubstring("[127.0.0.1] shared files are missing: config/database.yml, .env, with blank"));
  REQUIRE_THAT(ran.err, ContainsSubstring("[127.0.0.2] shared files are missing: config/database.yml, with blank"));
  REQUIRE(world.host(0).untouched());
  REQUIRE(world.host(1).snapshot() == before);
}

TEST_CASE("a real directory or file at 'current' is refused, and nothing is written") {
  World world;
  world.write_app("1");
  SECTION("directory") { world.host(0).write("current/index.html", "by hand\n"); }
  SECTION("file") { world.host(0).write("current", "by hand\n"); }
  const std::string before = world.host(0).snapshot();
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("not a link") && ContainsSubstring("move it away"));
  const Ran back = world.deploy({"rollback", "production"});
  INFO(back);
  REQUIRE(back.status == 1);
  REQUIRE(world.host(0).snapshot() == before);
}

TEST_CASE("a payload whose folder is a link that leads away is refused, not written through") {
  World world;
  world.write_app("1");
  std::filesystem::remove_all(world.site() / "app/config");
  std::filesystem::create_directories(world / "elsewhere");
  std::filesystem::create_directory_symlink(world / "elsewhere", world.site() / "app/config");
  world.write_manifest();
  const std::string shared = "shared: {files: [config/database.yml]}\n";
  world.write_recipe(shared);
  world.host(0).write("shared/config/database.yml", "x\n");
  Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 2);
  REQUIRE_THAT(ran.err, ContainsSubstring("the source has a link 'config'"));
  // Where a task may have replaced it before, the host looks.
  world.write_recipe(shared + "tasks: {mend: 'true'}\nhooks: {before_link: mend}\n");
  ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("is a symbolic link"));
  REQUIRE(std::filesystem::is_empty(world / "elsewhere"));
  REQUIRE(world.host(0).live().empty());
}

TEST_CASE("a host whose folder can't be written to is told in preflight, with the command that mends it") {
  if (::geteuid() == 0) return;  // root may write everywhere
  World world;
  world.write_app("1");
  const Ran ran = world.deploy({"production", "--set", "deploy_to=/usr/local/kirikae-test"});
  INFO(ran);
  REQUIRE(ran.status == 1);
  REQUIRE_THAT(ran.err, ContainsSubstring("sudo install -d -o"));
}

TEST_CASE("an old release that can't be removed is a warning; the new one is live all the same") {
  const TempDir shims;
  shims.write("mv", "#!/bin/sh\ncase $* in *pruned*) echo 'no way' >&2; exit 1 ;; esac\nexec /bin/mv \"$@\"\n", 0755);
  World world({.hosts = 2, .path = shims.path().string() + ":/usr/bin:/bin"});
  world.write_recipe("keep_releases: 1\n");
  std::vector<std::string> ids;
  for (const char* version : {"1", "2", "3"}) {
    world.write_app(version);
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    REQUIRE(world.host(1).version() == version);
    ids.push_back(world.host(0).live());
    if (ids.size() == 3) REQUIRE_THAT(ran.err, ContainsSubstring("warning: ") && ContainsSubstring(ids[0]));
  }
  REQUIRE(world.host(0).releases() == ids);
  REQUIRE(world.host(0).state(ids[0]) == "good");  // whole, as it was
  REQUIRE(world.broken_invariants().empty());
}
