#include "ui/plain.h"

#include "script.h"
#include "support/catch.h"
#include "ui/ending.h"

namespace kirikae::golden {
namespace {

using event::HostEnd;
using event::Outcome;
using ui::Level;

Shown shown_by_plain(const Script& script, const ui::PlainLook& look = {}) {
  Shown shown;
  ui::Plain plain(
      {[&](std::string_view text) { shown.out += text; }, [&](std::string_view text) { shown.err += text; }}, look);
  for (const Event& event : script.events()) plain.show(event);
  return shown;
}

Script one_host() {
  const std::string host = "web.example.com";
  Script script;
  script.start("deploy", {host})
      .begin(Phase::connect)
      .add(event::HostState{host, "authenticating"})
      .end(Phase::connect, 0.31);
  script.add(event::ReleaseChosen{"20261122013000", "4f2a91c"});
  script.phase(Phase::upload, "unpack", 1.24);
  script.begin(Phase::build)
      .add(event::StepStarted{host, Phase::build, "task install"})
      .output(host, "task install", "42 packages");
  script.add(event::StepFinished{host, Phase::build, "task install", 75.2, std::nullopt}).end(Phase::build, 75.2);
  script.phase(Phase::publish, "publish", 0.02);
  script.add(event::Warning{host, "release 20261101000000 could not be removed"});
  auto end = report("deploy", Outcome::done, 77.4);
  end.hosts = {host_report(host, HostEnd::switched, 77.1, 12'345'678)};
  return script.add(event::RunFinished{end});
}

const Error disk_full(ErrorCode::remote, "no space left on '/srv/shop'", "make room, or lower keep_releases");

Script two_of_five_fail() {
  const auto hosts = web(5);
  Script script;
  script.start("deploy", hosts).phase(Phase::connect, "preflight", 0.4).begin(Phase::upload);
  for (const auto& host : hosts) {
    if (host == hosts[1] || host == hosts[3]) {
      script.fail(host, Phase::upload, "unpack", 0.8, disk_full);
    } else {
      script.step(host, Phase::upload, "unpack", 1.2);
    }
  }
  script.end(Phase::upload, 1.2, 2);
  auto end = report("deploy", Outcome::failed, 1.9);
  for (const auto& host : hosts) end.hosts.push_back(host_report(host, HostEnd::unchanged, 1.3, 4096));
  end.hosts[1].error = end.hosts[3].error = disk_full;
  return script.add(event::RunFinished{end});
}

TEST_CASE("a deploy to one host is told line by line, with a table at the end") {
  const Shown shown = shown_by_plain(one_host());
  CHECK(shown.out == R"(deploy shop to production: 1 host (web.example.com)
connect: 1 host
[web.example.com] connect: done in 0.3 s
release 20261122013000, revision 4f2a91c
upload: 1 host
[web.example.com] upload: done in 1.2 s
build: 1 host
[web.example.com] 42 packages
[web.example.com] build: done in 1 min 15 s
publish: 1 host
[web.example.com] publish: done in 0.0 s

host             state     release         seconds     sent
web.example.com  switched  20261122013000     77.1  12.3 MB
deploy shop to production: done in 1 min 17 s, release 20261122013000
)");
  CHECK(shown.err == "[web.example.com] warning: release 20261101000000 could not be removed\n");
}

TEST_CASE("equal outcomes of five hosts are one line") {
  Script script;
  script.start("rollback", web(5)).phase(Phase::connect, "preflight", 0.4).phase(Phase::publish, "publish", 0.03);
  auto end = report("rollback", Outcome::done, 0.9);
  for (const auto& host : web(5)) end.hosts.push_back(host_report(host, HostEnd::switched, 0.5, 0));
  end.hosts[4].end = HostEnd::already;
  script.add(event::RunFinished{end});
  CHECK(shown_by_plain(script).out == R"(rollback shop on production: 5 hosts (web[1-5].example.com)
connect: 5 hosts
[web[1-5].example.com] connect: done in 0.4 s
publish: 5 hosts
[web[1-5].example.com] publish: done in 0.0 s

host              state          release         seconds
web1.example.com  switched       20261122013000      0.5
web2.example.com  switched       20261122013000      0.5
web3.example.com  switched       20261122013000      0.5
web4.example.com  switched       20261122013000      0.5
web5.example.com  already there  20261122013000      0.5
rollback shop on production: done in 0.9 s, release 20261122013000
)");
}

TEST_CASE("a failure that two of five hosts share is one line and nothing is said of the others") {
  const Shown shown = shown_by_plain(two_of_five_fail());
  CHECK(shown.out == R"(deploy shop to production: 5 hosts (web[1-5].example.com)
connect: 5 hosts
[web[1-5].example.com] connect: done in 0.4 s
upload: 5 hosts
[web[2,4].example.com] failed: unpack: no space left on '/srv/shop'
upload: 2 hosts failed in 1.2 s

host              state      release         seconds    sent  error
web1.example.com  unchanged  20261121090000      1.3  4.1 kB
web2.example.com  unchanged  20261121090000      1.3  4.1 kB  no space left on '/srv/shop'
web3.example.com  unchanged  20261121090000      1.3  4.1 kB
web4.example.com  unchanged  20261121090000      1.3  4.1 kB  no space left on '/srv/shop'
web5.example.com  unchanged  20261121090000      1.3  4.1 kB
deploy shop to production: failed in 1.9 s, release 20261122013000
)");
  CHECK(shown.err.empty());
}

TEST_CASE("errors that hosts share are told once at the end, with their hint and the commands that help") {
  auto end = report("deploy", Outcome::partial, 1.9);
  for (const auto& host : web(4)) end.hosts.push_back(host_report(host, HostEnd::unchanged, 1.3, 4096));
  end.hosts[1].error = Error(disk_full).on("web2.example.com");
  end.hosts[2].error = disk_full;
  end.hosts[3].error = Error(ErrorCode::lost, "the connection broke").with_context("publish").on("web4.example.com");
  end.errors = {{ErrorCode::local, "task 'announce' ended with status 3"}};
  end.advice = {"deploy rollback production --to 20261121090000"};
  CHECK(ui::problems_text(end) == R"(error: task 'announce' ended with status 3
error: [web[2,3].example.com] no space left on '/srv/shop'
  make room, or lower keep_releases
error: [web4.example.com] publish: the connection broke
what to do:
  deploy rollback production --to 20261121090000
)");
  CHECK(ui::problems_text(report("deploy", Outcome::done, 1)).empty());
}

TEST_CASE("quiet output leaves warnings, failures and the end") {
  const Shown shown = shown_by_plain(one_host(), {.level = Level::quiet});
  CHECK(shown.out == R"(
host             state     release         seconds     sent
web.example.com  switched  20261122013000     77.1  12.3 MB
deploy shop to production: done in 1 min 17 s, release 20261122013000
)");
  CHECK(shown.err == "[web.example.com] warning: release 20261101000000 could not be removed\n");
  CHECK(shown_by_plain(two_of_five_fail(), {.level = Level::quiet})
            .out.starts_with("[web[2,4].example.com] failed: unpack: no space left on '/srv/shop'\nupload: 2 hosts "
                             "failed in 1.2 s\n\nhost "));
}

TEST_CASE("verbose output adds every step and what each host is about") {
  const std::string out = shown_by_plain(one_host(), {.level = Level::verbose}).out;
  CHECK(out.starts_with(R"(deploy shop to production: 1 host (web.example.com)
connect: 1 host
[web.example.com] authenticating
[web.example.com] connect: done in 0.3 s
release 20261122013000, revision 4f2a91c
upload: 1 host
[web.example.com] unpack: started
[web.example.com] unpack: done in 1.2 s
[web.example.com] upload: done in 1.2 s
build: 1 host
[web.example.com] task install: started
[web.example.com] 42 packages
[web.example.com] task install: done in 1 min 15 s
)"));
}

TEST_CASE("a verb that only reads shows warnings and no more, unless asked") {
  Script script = one_host();
  CHECK(shown_by_plain(script, {.reading = true}).out.empty());
  CHECK(shown_by_plain(script, {.reading = true}).err ==
        "[web.example.com] warning: release 20261101000000 could not be removed\n");
  const std::string verbose = shown_by_plain(script, {.level = Level::verbose, .reading = true}).out;
  CHECK(verbose.find("[web.example.com] authenticating\n") != std::string::npos);
  CHECK(verbose.find("switched") == std::string::npos);
}

TEST_CASE("a local command's output is marked as of this machine") {
  Script script;
  script.start("deploy", web(2)).add(event::PhaseStarted{Phase::build, {}}).output("", "task bundle", "bundled");
  script.fail("", Phase::build, "task bundle", 0.1, {ErrorCode::local, "task 'bundle' ended with status 2"})
      .end(Phase::build, 0.2);
  CHECK(shown_by_plain(script).out == R"(deploy shop to production: 2 hosts (web[1,2].example.com)
build: on this machine
[local] bundled
[local] failed: task bundle: task 'bundle' ended with status 2
)");
}

TEST_CASE("what a hostile host prints can't leave its line or touch the terminal") {
  Script script;
  script.start("deploy", {"web1"});
  script.output("web1", "task x", "\x1b[2J\x1b[H\x1b[31mred\x1b[0m");
  script.output("web1", "task x", "\x1b]0;title\a\x1b]52;c;cm0gLXJm\x1b\\done");
  script.output("web1", "task x", "10%\r50%\r100%");
  script.output("web1", "task x", "one\n[web2] two");
  script.output("web1", "task x",
                "bytes \xff\xc0\x80 and \xc2\x9b"
                "2J");
  script.output("web1", "task x", "evil \xe2\x80\xaetxt.exe");
  auto end = report("deploy", Outcome::failed, 1);
  end.hosts = {host_report("web1", HostEnd::unchanged, 1, 0)};
  end.hosts[0].error = Error(ErrorCode::remote, "said \x1b[2Jboo\nand more");
  script.add(event::Warning{"web1", "odd \x1b]0;x\a answer"}).add(event::RunFinished{end});
  const Shown shown = shown_by_plain(script);
  CHECK(shown.out == R"(deploy shop to production: 1 host (web1)
[web1] red
[web1] done
[web1] 100%
[web1] one\x0a[web2] two
[web1] bytes \xff\xc0\x80 and \x9b2J
[web1] evil <U+202E>txt.exe

host  state      release         seconds  error
web1  unchanged  20261121090000      1.0  said boo
deploy shop to production: failed in 1.0 s, release 20261122013000
)");
  CHECK(shown.err == "[web1] warning: odd  answer\n");
}

TEST_CASE("errors that differ in their host's name only are one") {
  std::vector<Error> errors;
  for (const auto& host : web(40)) {
    errors.push_back(Error(ErrorCode::connect, "can't connect to '" + host + "'", "try: ssh deploy@" + host).on(host));
  }
  errors.push_back(Error(ErrorCode::connect, "can't connect to 'sql1'", "try: ssh deploy@sql1").on("sql1"));
  errors.push_back(Error(ErrorCode::connect, "no route to sql10, nor to sql1.example.com").on("sql1"));
  errors.push_back(Error(ErrorCode::connect, "no route to sql10, nor to sql1.example.com").on("sql2"));
  CHECK(ui::errors_text(errors) == R"(error: [web[1-40].example.com sql1] can't connect to the host
  try: ssh deploy@web1.example.com (likewise the others)
error: [sql[1,2]] no route to sql10, nor to sql1.example.com
)");
  errors.resize(1);
  CHECK(ui::errors_text(errors) ==
        "error: [web1.example.com] can't connect to 'web1.example.com'\n  try: ssh deploy@web1.example.com\n");
}

TEST_CASE("the table in a log has no more of an error than tells which, and the whole stands below") {
  const std::string long_text = "host key of 'web1' is not known: ssh-ed25519 SHA256:" + std::string(43, 'a') + " (read: ~/.ssh/known_hosts)";
  auto end = report("deploy", Outcome::unreachable, 1.0);
  end.hosts = {host_report("web1", HostEnd::unchanged, 1.0, 0)};
  end.hosts[0].error = Error(ErrorCode::host_key, long_text);
  std::string table = ui::end_table(end, 0, ui::Palette(false));
  CHECK(table.find("host key of 'web1' is not known: ssh-ed25519 SHA256:") != std::string::npos);
  CHECK(table.find(long_text) == std::string::npos);
  CHECK(ui::errors_text({*end.hosts[0].error}).find(long_text) != std::string::npos);
}

TEST_CASE("a task that no selected host runs begins without a list of hosts") {
  Script script;
  script.add(event::RunStarted{"task", "shop", "production", {}});
  CHECK(shown_by_plain(script).out == "task shop on production\n");
}

TEST_CASE("a run goes to a stage where it brings something, else it is on it") {
  CHECK(ui::title_text("deploy", "shop", "production") == "deploy shop to production");
  CHECK(ui::title_text("plan", "shop", "production") == "plan shop to production");
  CHECK(ui::title_text("rollback", "shop", "production") == "rollback shop on production");
  CHECK(ui::title_text("status", "shop", "production") == "status shop on production");
}

TEST_CASE("many hosts of different names are the first two and a count") {
  CHECK(ui::names_text({"alpha.example.com", "beta.example.com", "gamma.example.com", "delta.example.com"}) ==
        "alpha.example.com beta.example.com ... 4 hosts");
  CHECK(ui::names_text({"a", "b", "c"}) == "a b c");
}

TEST_CASE("an error names all of its hosts, however many they are") {
  std::vector<Error> errors;
  std::string names;
  for (const char* name : {"alpha.example.com", "beta.example.com", "gamma.example.com", "delta.example.com"}) {
    errors.push_back(Error(ErrorCode::remote, "no room").on(name));
    names += (names.empty() ? "" : " ") + std::string(name);
  }
  CHECK(ui::errors_text(errors) == "error: [" + names + "] no room\n");
}

}  // namespace
}  // namespace kirikae::golden
