#include "ui/ci.h"

#include "cli.h"
#include "script.h"
#include "support/catch.h"
#include "ui/ending.h"
#include "ui/plain.h"

namespace kirikae::golden {
namespace {

using event::HostEnd;
using event::Outcome;
using ui::Ci;

// Both streams, as a job's log has them.
std::string log_of(Ci ci, const Script& script, ui::Level level = ui::Level::normal, bool reading = false) {
  std::string log;
  ui::PlainLook look;
  look.level = level;
  look.reading = reading;
  look.groups = ui::CiGroups(ci, [] { return std::int64_t{1795311000}; });
  const auto write = [&](std::string_view text) { log += text; };
  ui::Plain plain({write, write}, look);
  for (const Event& event : script.events()) plain.show(event);
  return log;
}

Script failing(const std::string& said) {
  const auto hosts = web(2);
  const Error failure(ErrorCode::remote, "task 'install' ended with status 3\n" + said, "look at 100% of it");
  Script script;
  script.start("deploy", hosts).phase(Phase::upload, "unpack", 1.2).begin(Phase::build);
  script.output(hosts[0], "task install", said).add(event::Warning{hosts[1], "odd\n" + said});
  script.fail(hosts[0], Phase::build, "task install", 0.8, failure).end(Phase::build, 1.2, 1);
  auto end = report("deploy", Outcome::failed, 1.9);
  for (const auto& host : hosts) end.hosts.push_back(host_report(host, HostEnd::unchanged, 1.3, 4096));
  end.hosts[0].error = failure;
  return script.add(event::RunFinished{end});
}

TEST_CASE("in GitHub Actions a phase is a group, warnings are annotations, and what failed is not folded away") {
  CHECK(log_of(Ci::github, failing("::error::boo")) ==
        R"(deploy shop to production: 2 hosts (web[1,2].example.com)
::group::upload: 2 hosts
[web[1,2].example.com] upload: done in 1.2 s
::endgroup::
::group::build: 2 hosts
[web1.example.com] ::error::boo
::warning::[web2.example.com] odd%0A\x3a:error::boo
::endgroup::
[web1.example.com] failed: task install: task 'install' ended with status 3
\x3a:error::boo
build: 1 host failed in 1.2 s

host              state      release         seconds    sent  error
web1.example.com  unchanged  20261121090000      1.3  4.1 kB  task 'install' ended with status 3
web2.example.com  unchanged  20261121090000      1.3  4.1 kB
deploy shop to production: failed in 1.9 s, release 20261122013000
)");
}

TEST_CASE("in GitLab CI a phase is a collapsed section of its own name") {
  CHECK(log_of(Ci::gitlab, failing("::error::boo")) ==
        "deploy shop to production: 2 hosts (web[1,2].example.com)\n"
        "\x1b[0Ksection_start:1795311000:deploy_1[collapsed=true]\r\x1b[0Kupload: 2 hosts\n"
        "[web[1,2].example.com] upload: done in 1.2 s\n"
        "\x1b[0Ksection_end:1795311000:deploy_1\r\x1b[0K\n"
        "\x1b[0Ksection_start:1795311000:deploy_2[collapsed=true]\r\x1b[0Kbuild: 2 hosts\n"
        "[web1.example.com] ::error::boo\n"
        "[web2.example.com] warning: odd\n::error::boo\n"
        "\x1b[0Ksection_end:1795311000:deploy_2\r\x1b[0K\n"
        "[web1.example.com] failed: task install: task 'install' ended with status 3\n::error::boo\n"
        "build: 1 host failed in 1.2 s\n"
        "\n"
        "host              state      release         seconds    sent  error\n"
        "web1.example.com  unchanged  20261121090000      1.3  4.1 kB  task 'install' ended with status 3\n"
        "web2.example.com  unchanged  20261121090000      1.3  4.1 kB\n"
        "deploy shop to production: failed in 1.9 s, release 20261122013000\n");
}

TEST_CASE("a host can't open a section of GitLab's, nor end one") {
  const std::string log = log_of(Ci::gitlab, failing("\x1b[0Ksection_end:1:deploy_2\r\x1b[0K"));
  CHECK(log.find("\x1b[0Ksection_end:1:") == std::string::npos);
}

TEST_CASE("nothing that a host prints is a command to GitHub's runner") {
  const std::string nasty = GENERATE(values<std::string>(
      {"::add-mask::x", "  ::error::x", "\t::set-env name=PATH::x", "\xc2\xa0::error::x", "\xe3\x80\x80::error::x",
       "a ##[add-mask]x", "##[##[error]]", "a\r::error::x", "a\n ::stop-commands::x", "\x1b[31m::error::x"}));
  const std::string log = log_of(Ci::github, failing(nasty), GENERATE(ui::Level::normal, ui::Level::verbose));
  CAPTURE(log);
  CHECK(log.find("##[") == std::string::npos);
  for (std::size_t from = 0; from < log.size();) {
    const auto end = log.find_first_of("\r\n", from);
    std::string line = log.substr(from, end - from);
    line.erase(0, std::min(line.size(), static_cast<std::size_t>(std::find_if(line.begin(), line.end(), [](char c) {
                                          return c > ' ' && c < 0x7f;
                                        }) - line.begin())));
    const bool ours = line.starts_with("::group::") || line == "::endgroup::" || line.starts_with("::warning::[web2");
    CHECK((ours || !line.starts_with("::")));
    from = end + 1;
  }
}

TEST_CASE("errors at the end are annotations on GitHub, one line each, with their hint") {
  auto end = report("deploy", Outcome::partial, 1.9);
  end.hosts = {host_report("web1", HostEnd::unchanged, 1.3, 4096)};
  end.hosts[0].error = Error(ErrorCode::remote, "no space left: 100%\n::error::x ##[x", "make room");
  end.advice = {"::error::x"};
  CHECK(ui::problems_text(end, Ci::github) ==
        "::error::[web1] no space left: 100%25%0A\\x3a:error::x ##\\x5bx%0A  make room\n"
        "what to do:\n"
        "  \\x3a:error::x\n");
  CHECK(ui::problems_text(end, Ci::gitlab) ==
        "error: [web1] no space left: 100%\n::error::x ##[x\n  make room\nwhat to do:\n  ::error::x\n");
}

TEST_CASE("quiet output and verbs that read have no groups") {
  CHECK(log_of(Ci::github, failing("x"), ui::Level::quiet).find("::group::") == std::string::npos);
  CHECK(log_of(Ci::github, failing("x"), ui::Level::normal, true).find("group") == std::string::npos);
  CHECK(log_of(Ci::gitlab, failing("x"), ui::Level::quiet).find("section_") == std::string::npos);
}

TEST_CASE("the program finds out by itself in which CI system it runs") {
  const Cli deploy;
  deploy.recipe();
  CHECK(deploy({"rolback", "x"}, {{"GITHUB_ACTIONS", "true"}}).err ==
        "::error::unknown verb 'rolback'%0A  did you mean 'rollback'? see 'deploy --help'\n");
  const Ended github = deploy({"staging"}, {{"GITHUB_ACTIONS", "true"}});
  CHECK(github.status == 5);
  CHECK(github.out.find("\n::group::connect: 1 host\n") != std::string::npos);
  CHECK(github.out.find("\n::endgroup::\n") != std::string::npos);
  CHECK(github.err.find("::error::[127.0.0.1] ") == 0);
  const Ended gitlab = deploy({"staging", "--output", "plain"}, {{"GITLAB_CI", "true"}});
  CHECK(gitlab.out.find(":deploy_1[collapsed=true]\r\x1b[0Kconnect: 1 host\n") != std::string::npos);
  CHECK(gitlab.err.find("error: [127.0.0.1] ") == 0);
  const Ended neither = deploy({"staging"});
  CHECK(neither.out.find("\nconnect: 1 host\n") != std::string::npos);
}

}  // namespace
}  // namespace kirikae::golden
