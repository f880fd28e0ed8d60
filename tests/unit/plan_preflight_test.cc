#include "plan/preflight.h"

#include "plan/plan.h"
#include "support/catch.h"
#include "unit/plan_world.h"

using namespace kirikae;
using namespace kirikae::test;

namespace {

std::string told_text(const std::vector<Error>& errors) {
  std::string text;
  for (const auto& error : errors) text += to_text(error) + "\n";
  return text;
}

std::string told_text(const std::vector<plan::Remark>& remarks) {
  std::string text;
  for (const auto& remark : remarks) text += "[" + remark.host + "] " + remark.text + "\n";
  return text;
}

// A host whose clock said `clock` between two moments of ours.
plan::HostFacts with_clock(const std::string& name, std::int64_t asked, std::int64_t clock, std::int64_t answered) {
  auto host = a_host(name, {"app"});
  host.facts.asked = asked;
  host.facts.clock = clock;
  host.facts.answered = answered;
  return host;
}

// With a release to go back to: it runs the newer one, or is back already.
plan::HostFacts an_app(const std::string& name, bool runs_newer) {
  return a_host(name, {"app"}, runs_newer ? "20261122000000" : "20261121000000", {good("20261121000000"), good("20261122000000")});
}

std::vector<Error> task_problems(const Result<plan::Plan>& plan) {
  REQUIRE(plan);
  return plan::task_problems(*plan, nullptr);
}

}  // namespace

TEST_CASE("a host's clock is compared with the middle of the round trip, and a slow answer is no wrong clock") {
  CHECK(plan::clock_ahead(with_clock("a", 1000, 1000, 1000).facts) == 0);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 1012, 1000).facts) == 12);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 900, 1000).facts) == -100);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 1000, 1020).facts) == 0);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 1020, 1020).facts) == 0);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 1030, 1020).facts) == 10);
  CHECK(plan::clock_ahead(with_clock("a", 1000, 970, 1020).facts) == -30);
  CHECK(plan::clock_ahead(with_clock("a", 0, 970, 0).facts) == 0);
  CHECK(plan::clock_ahead(with_clock("a", now, INT64_MAX, now).facts) > 86400);
  CHECK(plan::clock_ahead(with_clock("a", now, INT64_MIN, now).facts) > 86400);
}

TEST_CASE("a clock that is some seconds off is a remark, one that is a quarter of an hour off a problem") {
  const auto recipe = shop_recipe();
  const auto input = input_for(recipe, {with_clock("app1", now, now + 5, now), with_clock("app2", now, now + 6, now),
                                        with_clock("app3", now, now - 900, now), with_clock("app4", now, now + 901, now),
                                        with_clock("app5", now, now - 3 * 86400, now)});
  CHECK(told_text(plan::remarks_before_deploy(input)) ==
        "[app2] its clock is 6 s ahead of this machine's: NTP would keep them together\n"
        "[app3] its clock is 15 min behind this machine's: NTP would keep them together\n");
  CHECK(told_text(plan::preflight_deploy(input)) ==
        "[app4] its clock is 15 min ahead of this machine's\n  set the wrong one of the two, and let NTP keep it\n"
        "[app5] its clock is 3 days behind this machine's\n  set the wrong one of the two, and let NTP keep it\n");
}

TEST_CASE("with 'reuse: link' a release needs room for what a host hasn't, and else for all of it") {
  constexpr std::uint64_t mib = 1 << 20;
  auto recipe = shop_recipe();
  recipe.reuse_links = true;
  auto host = a_host("a", {"app"});
  plan::DeployInput input = input_for(recipe, {});
  const auto spec = [](std::uint64_t size, char what) { return release::FileSpec{0644, size, std::string(64, what)}; };
  release::Manifest base{{"large", spec(50 * mib, 'a')}};
  for (int i = 0; i < 500; ++i) base["some/where/" + std::to_string(i)] = spec(1, 'b');
  release::Manifest next = base;
  next["new"] = spec(mib, 'c');
  input.bytes = 51 * mib;
  input.files = 502;
  std::string wanted;
  SECTION("what is the same is linked") {}
  SECTION("but not from a release that isn't known") {
    base.clear();
    wanted = "[a] the disk of '/srv/shop/releases' has 4 MiB free, the release needs about 57 MiB";
  }
  SECTION("not with copies") {
    recipe.reuse_links = false;
    wanted = "[a] the disk of '/srv/shop/releases' has 4 MiB free, the release needs about 57 MiB";
  }
  SECTION("and what is put together from parts is a new file") {
    next["large"] = spec(50 * mib, 'd');
    input.source.chunks[std::string(64, 'a')] = std::make_shared<const release::Chunks>(release::Chunks{{25 * mib, 1}, {25 * mib, 2}});
    input.source.chunks[std::string(64, 'd')] = std::make_shared<const release::Chunks>(release::Chunks{{25 * mib, 1}, {25 * mib, 3}});
    wanted = "[a] the disk of '/srv/shop/releases' has 4 MiB free, the release needs about 57 MiB";
  }
  SECTION("and so is one with another mode") {
    next["large"].mode = 0755;
    wanted = "[a] the disk of '/srv/shop/releases' has 4 MiB free, the release needs about 57 MiB";
  }
  SECTION("folders are no links") {
    host.facts.free_inodes = 102;
    wanted = "[a] the disk of '/srv/shop/releases' has 102 inodes free, the release needs about 103";
  }
  const std::string digest = release::digest_of(base);
  if (!base.empty()) input.source.known[digest] = std::make_shared<const release::Manifest>(base);
  input.source.manifest = std::make_shared<const release::Manifest>(next);
  input.source.link = recipe.reuse_links;
  host.facts.releases = {{"20261122000000", release::State::good, {}, {}, digest}};
  host.facts.free_kilobytes = 4 * 1024;
  if (host.facts.free_inodes > 1000 && wanted.empty()) host.facts.free_inodes = 110;
  input.hosts = {host};
  const std::string text = told_text(plan::preflight_deploy(input));
  CHECK(text.substr(0, text.find('\n')) == wanted);
}

TEST_CASE("what keeps a payload away keeps no rollback away") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app"}, "20261122000000", {good("20261121000000"), good("20261122000000")});
  app.facts.payload_problems = {"there is no 'tar' here: install it"};
  app.facts.problems = {"'/srv/shop' is not writable for 'deploy': give it to that user"};
  CHECK(told_text(plan::preflight_deploy(input_for(recipe, {app}))) ==
        "[app1] '/srv/shop' is not writable for 'deploy': give it to that user\n[app1] there is no 'tar' here: install it\n");
  CHECK(told_text(plan::preflight_rollback({recipe, {app}, now, std::nullopt, "ann@laptop"})) ==
        "[app1] '/srv/shop' is not writable for 'deploy': give it to that user\n");
}

TEST_CASE("a folder after which no release can come keeps deploys away, and no rollback") {
  const auto recipe = shop_recipe();
  const auto app =
      a_host("app1", {"app"}, "20261122000000",
             {good("20261121000000"), good("20261122000000"), {"99999999999999", std::nullopt, {}, {}, {}}});
  CHECK(told_text(plan::preflight_deploy(input_for(recipe, {app}))) ==
        "[app1] '/srv/shop/releases/99999999999999' is no release's time, and no release can come after it\n"
        "  move it away\n");
  CHECK(plan::preflight_rollback({recipe, {app}, now, std::nullopt, "ann@laptop"}).empty());
}

TEST_CASE("a rollback for which no host has answered is an error, also to a release that is named") {
  const auto recipe = shop_recipe();
  for (const std::optional<std::string>& to : {std::optional<std::string>(), std::optional<std::string>("20261122000000")}) {
    CHECK_FALSE(plan::build_rollback({recipe, {}, now, to, "ann@laptop", "deploy"}));
  }
}

TEST_CASE("a rollback needs room for its note and its records, and none for a release") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app"});
  const auto problems = [&](std::uint64_t kilobytes, std::uint64_t inodes) {
    app.facts.root_kilobytes = app.facts.free_kilobytes = kilobytes;
    app.facts.root_inodes = app.facts.free_inodes = inodes;
    return told_text(plan::preflight_rollback({recipe, {app}, now, std::nullopt, "ann@laptop", "deploy -r x.yml"}));
  };
  CHECK(problems(64, 8).empty());
  CHECK(problems(64, 0).empty());  // it doesn't say
  const std::string start = "[app1] the disk of '/srv/shop' has ", end = "\n  free some room: 'deploy -r x.yml prune production --keep N' removes old releases\n";
  CHECK(problems(63, 8) == start + "63 KiB free, a rollback needs 64" + end);
  CHECK(problems(64, 7) == start + "7 inodes free, a rollback needs 8" + end);
  app.facts.releases.push_back({"20261122010000", release::State::preparing, "", "bob@ci"});
  CHECK(problems(64, 7) == start + "7 inodes free, a rollback needs 8\n  free some room: 'deploy -r x.yml prune production' removes what a run that died has left "
                                   "unfinished (20261122010000), and with --keep N old releases, too\n");
}

TEST_CASE("a host without sudo is a problem where a task of the deploy or the rollback becomes another user, and nowhere else") {
  auto recipe = shop_recipe();
  const auto app1 = an_app("app1", true), app2 = an_app("app2", true), db = a_host("db1", {"db"});
  auto with_sudo = app2;
  with_sudo.facts.sudo = true;
  const auto problems = [&](const std::vector<plan::HostFacts>& hosts) { return told_text(task_problems(plan::build_deploy(input_for(recipe, hosts)))); };
  const auto task = [&](const std::string& name, recipe::HookPoint point, bool once = false) {
    recipe::Task& made = recipe.tasks[name];
    made.name = name;
    made.roles = {"app"};
    made.once = once;
    made.become = "root";
    recipe.hooks[point].push_back(name);
  };
  CHECK(problems({app1, app2, db}).empty());
  recipe.tasks["by_hand"].become = "root";
  task("after_a_rollback", recipe::HookPoint::after_rollback);
  CHECK(problems({app1, app2, db}).empty());
  task("reload", recipe::HookPoint::after_publish);
  CHECK(problems({app1, with_sudo, db}) == "[app1] there is no 'sudo' here, which 'become' of the task 'reload' needs: install it\n");
  task("migrate_as_owner", recipe::HookPoint::failed, true);
  CHECK(problems({app1, app2, db}) ==
        "[app1] there is no 'sudo' here, which 'become' of the tasks 'migrate_as_owner', 'reload' needs: install it\n"
        "[app2] there is no 'sudo' here, which 'become' of the task 'reload' needs: install it\n");
  task("build_as_owner", recipe::HookPoint::build);
  CHECK(told_text(task_problems(plan::build_rollback({recipe, {with_sudo, app1}, now, std::nullopt, "ann@laptop"}))) ==
        "[app1] there is no 'sudo' here, which 'become' of the tasks 'after_a_rollback', 'reload' needs: install it\n");
}

TEST_CASE("sudo is looked for on the hosts on which a rollback's tasks run, not on those that run the target already") {
  auto recipe = shop_recipe();
  recipe.tasks["restart"].become = "root";
  recipe.tasks["restart"].once = GENERATE(false, true);
  auto there = an_app("app1", false), moves = an_app("app2", true);
  there.host.primary = true;
  there.facts.sudo = GENERATE(false, true);
  moves.facts.sudo = !there.facts.sudo;
  const std::string text = told_text(task_problems(plan::build_rollback({recipe, {there, moves}, now, std::nullopt, "ann@laptop"})));
  CHECK(text == (moves.facts.sudo ? "" : "[app2] there is no 'sudo' here, which 'become' of the task 'restart' needs: install it\n"));
}

TEST_CASE("a check remarks what dead runs have left, whose locks there are, and the tools that would be better to have") {
  const auto recipe = shop_recipe();
  auto app = a_host("app1", {"app"}, "20261122000000",
                    {{"20261121000000", release::State::ready, "", ""},
                     good("20261122000000"),
                     {"20261122010000", release::State::preparing, "", "bob@ci"},
                     {"20261122020000", release::State::ready, "", "bob@ci"},
                     {"20261122030000", release::State::failed, "", "bob@ci"}});
  app.facts.frozen = release::LockHolder{"eve@desk", "2026-11-22 10:00:00 UTC", "inventory", ""};
  app.facts.stale_lock = release::LockHolder{"bob@ci", "2026-11-22 02:00:00 UTC", "deploy production", ""};
  auto busy = app;
  busy.host.name = "app2";
  busy.facts.frozen.reset();
  busy.facts.stale_lock.reset();
  busy.facts.lock = release::LockHolder{"bob@ci", "2026-11-22 03:00:00 UTC", "deploy production", "https://ci/7"};
  busy.facts.zstd = busy.facts.setsid = false;
  auto bare = a_host("app3", {"app"});
  bare.facts.zstd = bare.facts.gzip = false;
  bare.facts.current_target = "/opt/old";
  auto gone = a_host("app4", {"app"}, "20261122000000");
  gone.facts.gone_target = "releases/20261122000000";
  const auto input = input_for(recipe, {app, busy, bare, gone});
  CHECK(told_text(plan::remarks_of_check(input, "deploy unlock production")) ==
        "[app1] a run that died has left unfinished: 20261122010000, 20261122020000; the next deploy that succeeds removes that\n"
        "[app3] 'current' points to '/opt/old', which is none of its releases; the deploy switches it all the same\n"
        "[app4] 'current' points to release 20261122000000, whose folder is not there; the deploy switches it all the same\n"
        "[app1] a dead run has left its lock, bob@ci since 2026-11-22 02:00:00 UTC (deploy production): the next run takes it over\n"
        "[app1] frozen by eve@desk since 2026-11-22 10:00:00 UTC (inventory): deploys are refused until 'deploy unlock production'\n"
        "[app2] locked by bob@ci since 2026-11-22 03:00:00 UTC (deploy production), https://ci/7: a deploy would have to wait\n"
        "[app2] there is no 'zstd' here: the payload travels as gzip to all hosts\n"
        "[app2] there is no 'setsid' here: of a command that is cancelled or times out, only its own shell is ended, not what it started\n"
        "[app3] there is neither 'zstd' nor 'gzip' here: the payload travels uncompressed to all hosts\n");
  CHECK(plan::preflight_deploy(input).empty());
}

TEST_CASE("a host that can't unpack what the recipe asks for by name is a problem, and no remark") {
  auto recipe = shop_recipe();
  const auto app1 = a_host("app1", {"app"});
  auto old = a_host("app2", {"app"}), bare = a_host("app3", {"app"});
  old.facts.zstd = false;
  bare.facts.zstd = bare.facts.gzip = false;
  const auto problems = [&](const std::string& compression) {
    recipe.compression = compression;
    const auto input = input_for(recipe, {app1, old, bare});
    if (compression != "auto") CHECK(plan::remarks_of_check(input, "deploy unlock production").empty());
    return told_text(plan::preflight_deploy(input));
  };
  const std::string hint = "\n  install it, or let 'compression: auto' choose what all hosts can unpack\n";
  CHECK(problems("auto").empty());
  CHECK(problems("none").empty());
  CHECK(problems("zstd") == "[app2] there is no 'zstd' here, which 'compression: zstd' needs" + hint +
                                "[app3] there is no 'zstd' here, which 'compression: zstd' needs" + hint);
  CHECK(problems("gzip") == "[app3] there is no 'gzip' here, which 'compression: gzip' needs" + hint);
}

TEST_CASE("what waits for an answer is told among what commands will see, by its name") {
  auto recipe = shop_recipe();
  recipe.waiting.env = {"PATH", "REL"};
  recipe.waiting.vars = {"tag"};
  recipe.env.clear();
  auto app = a_host("app1", {"app"});
  app.facts.environment = {{"HOME", "/home/deploy"}, {"PATH", "/usr/bin:/bin"}};
  app.facts.umask = "0022";
  CHECK(plan::commands_text(recipe, {app}) == R"(what commands see on app1:
  they run as deploy, with umask 0022
  HOME=/home/deploy
  PATH waits for the answer to a prompt  (by the recipe)
  REL waits for the answer to a prompt  (by the recipe)
  vars: app_env, port, tag
)");
  CHECK_THAT(plan::check_json(recipe, {"app1"}, {app}, {}, {}),
             Catch::Matchers::ContainsSubstring(R"("environment":{"HOME":"/home/deploy"},"vars":["app_env","port","tag"],"waiting":["PATH","REL"]})"));
  recipe.waiting = {};
  CHECK_THAT(plan::check_json(recipe, {"app1"}, {app}, {}, {}), !Catch::Matchers::ContainsSubstring("waiting"));
}

TEST_CASE("what commands will see is told once for hosts that are alike") {
  const auto recipe = shop_recipe();
  auto app1 = a_host("app1", {"app"});
  app1.facts.environment = {{"HOME", "/home/deploy"}, {"PATH", "/usr/bin:/bin"}};
  app1.facts.umask = "0022";
  auto app2 = app1;
  app2.host.name = "app2";
  auto db = app1;
  db.host.name = "db1";
  db.facts.umask = "0077";
  db.host.vars = {{"role_key", "secret-of-the-host"}};
  CHECK(plan::commands_text(recipe, {app1, app2, db}) == R"(what commands see on app[1,2]:
  they run as deploy, with umask 0022
  HOME=/home/deploy
  PATH=/opt/shop/bin:/usr/bin:/bin  (by the recipe)
  vars: app_env, port
what commands see on db1:
  they run as deploy, with umask 0077
  HOME=/home/deploy
  PATH=/opt/shop/bin:/usr/bin:/bin  (by the recipe)
  vars: app_env, port, role_key
)");
}
