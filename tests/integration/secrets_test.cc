// A secret on a whole run, with real servers: who sees it, and who doesn't.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "support/catch.h"
#include "support/farm.h"
#include "support/file_text.h"
#include "support/process.h"
#include "support/process_watch.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

// No part of it stands in any file of ours. Each test's is its own: others run beside it, and all processes are looked at.
const std::string own = std::to_string(::getpid());
const std::string secret = "Zq" + own + "-correct/horse+staple 9x&Wk";

std::string filtered(const std::string& program, const std::string& input) {
  return run_program({"/bin/sh", "-c", "printf %s \"$1\" | " + program, "sh", input}).output;
}

// Forms in which a secret may be found by somebody who looks for it.
std::vector<std::string> forms() {
  std::vector<std::string> all = {secret, "Zq" + own + "-correct%2Fhorse%2Bstaple%209x%26Wk", "Zq" + own + "-correct%2fhorse%2bstaple+9x%26Wk"};
  for (const std::string before : {"", "x", "xy"}) {
    const std::string digits = filtered("base64 -w 0", before + secret);
    all.push_back(digits.substr(4, digits.size() - 10));
  }
  return all;
}

// The form that `text` holds, with or without its line breaks; empty: none.
std::string found_in(const std::string& text) {
  std::string joined;
  for (const char c : text) {
    if (c != '\n' && c != '\r') joined += c;
  }
  for (const auto& form : forms()) {
    if (text.find(form) != std::string::npos || joined.find(form) != std::string::npos) return form;
  }
  return {};
}

// Files below `folder` that hold it.
std::vector<std::string> files_with_secret(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    if (entry.is_regular_file(ignored) && !entry.is_symlink(ignored) && !found_in(file_text(entry.path())).empty()) {
      found.push_back(entry.path().string());
    }
  }
  return found;
}

constexpr std::string_view prints_it = R"(  tells: |
    echo "plain $API_KEY."
    printf '%s\n' "$API_KEY" | fold -w 7
    printf '%s\n' "$API_KEY" | base64 -w 10
    printf 'user:%s' "$API_KEY" | base64
    printf 'u:%s' "$API_KEY" | base64
    printf '%s' "$API_KEY" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; echo
    printf '%s' "$API_KEY" | sed 's/./&\n/g' | while IFS= read -r c; do printf '%s' "$c"; sleep 0.02; done; echo
    echo "on stderr $API_KEY" >&2
)";

}  // namespace

TEST_CASE("a secret reaches commands and shows up nowhere else") {
  for (const std::string output : {"plain", "json"}) {
    World world({.hosts = 2});
    world.write_app("1");
    world.write("key", secret + "\n", 0600);
    world.write_recipe("secrets: {API_KEY: {file: ../key}}\ntasks:\n" + std::string(prints_it) +
                       R"(  keeps: 'printf %s "$API_KEY" | sha256sum >"$SHARED_PATH/sum"; sleep 0.5'
  here: {run: 'echo "here $API_KEY"; printf %s "$API_KEY" | base64', local: true}
  fails: {run: 'echo "last words $API_KEY" >&2; exit 3'}
hooks: {before_connect: here, build: [keeps, tells], after_publish: fails, failed: here}
)");
    fs::rename(world.site() / "key", world / "key");
    ProcessWatch watch(secret.substr(0, own.size() + 10), {"sshd", "deploy"});  // whatever quoting does to the rest
    const Ran ran = world.deploy({"production", "--verbose", "--output", output});
    watch.end();
    INFO(ran);
    CHECK(ran.status == 3);
    CHECK(watch.looks() > 5);
    CHECK(watch.seen() == std::set<std::string>());
    CHECK(found_in(ran.out).empty());
    CHECK(found_in(ran.err).empty());
    CHECK_THAT(ran.out, ContainsSubstring("plain ***."));
    CHECK_THAT(ran.out + ran.err, ContainsSubstring("last words ***"));
    const std::string sum = filtered("sha256sum", secret);
    for (const auto& host : world.hosts()) CHECK(host.read("shared/sum") == sum);
    // The file that it came from, and no other: neither on the hosts nor in the person's home.
    CHECK(files_with_secret(world / "") == std::vector<std::string>{(world / "key").string()});
  }
}

TEST_CASE("a task that is too long with its secrets fails the run before anything is changed, not after the switch") {
  World world;
  world.write_app("1");
  const std::string recipe = "secrets: {LONG: {env: LONG}}\ntasks: {after: 'true'}\nhooks: {after_publish: after}\n";
  world.environment = {"LONG=" + std::string(16'000, '\'')};
  world.write_recipe(recipe + "vars: {text: \"" + std::string(20'000, '\'') + "\"}\n");
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, ContainsSubstring("task 'after' is too long: 14"));
  CHECK(world.host(0).live().empty());
  world.write_recipe(recipe + "vars: {text: \"" + std::string(10'000, '\'') + "\"}\n");
  CHECK(world.deploy({"production"}).status == 0);
}

TEST_CASE("a secret whose value is in what a run shows anyway is masked there, too, and named") {
  World world({.hosts = 2});
  world.write_recipe("secrets: {STAGE_KEY: {env: STAGE_KEY}, HOST_KEY: {env: HOST_KEY}, OTHER: {env: OTHER}}\n");
  world.environment = {"STAGE_KEY=production", "HOST_KEY=" + world.host(1).name(), "OTHER=" + secret};
  const Ran ran = world.deploy({"run", "production", "--", "true"});
  INFO(ran);
  CHECK(ran.status == 0);
  CHECK_THAT(
      ran.out + ran.err,
      ContainsSubstring("the value of the secret 'STAGE_KEY' is in the stage's name, where '***' stands for it"));
  CHECK_THAT(ran.out + ran.err,
             ContainsSubstring("the value of the secret 'HOST_KEY' is in a host's name, where '***' stands for it"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring("secret 'OTHER'"));
  CHECK_THAT(ran.out + ran.err, !ContainsSubstring(world.host(1).name()));
}

TEST_CASE("a secret that can't be had ends the run before any host is connected to") {
  World world;
  world.write_app("1");
  world.write_recipe("secrets: {A: {env: NOT_THERE}, B: {file: nowhere}, C: {env: SHORT}}\n");
  world.environment = {"SHORT=123"};
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  CHECK(ran.status == 2);
  CHECK_THAT(ran.err, ContainsSubstring("secret 'A': the environment variable 'NOT_THERE' is not set"));
  CHECK_THAT(ran.err, ContainsSubstring("secret 'B': can't read"));
  CHECK_THAT(ran.err, ContainsSubstring("secret 'C', from variable 'SHORT': it has fewer than 6 characters"));
  CHECK(world.sshd().log().find("Connection from") == std::string::npos);

  world.write_recipe("secrets: {A: {command: 'echo locked >&2; exit 9'}}\n");
  const Ran failed = world.deploy({"production"});
  INFO(failed);
  CHECK(failed.status == 1);
  CHECK_THAT(failed.err, ContainsSubstring("secret 'A': the command ended with status 9: locked"));
}

TEST_CASE("verbs that neither run commands nor show logs fetch no secrets", "[slow]") {
  World world;
  world.write_app("1");
  world.write_recipe("secrets: {A: {command: 'echo fetched >>../fetched; echo long-enough'}}\ntasks: {t: 'true'}\n"
                     "shared: {directories: [log]}\nlogs: [log/a]\n");
  REQUIRE(world.deploy({"production"}).status == 0);
  REQUIRE(world.deploy({"production"}).status == 0);
  world.host(0).write("shared/log/a", "up\n");
  world.write("../fetched", "fetched\n");
  for (const auto& words : {std::vector<std::string>{"plan", "production"}, {"config", "production"}, {"releases", "production"},
                            {"check", "production"}, {"status", "production"}, {"audit", "production"}, {"diff", "production"},
                            {"production", "-n"}, {"prune", "production", "-n"}, {"rollback", "production", "-n"}, {"task", "production"},
                            {"lock", "production", "-m", "inventory"}, {"unlock", "production"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK(world.read("fetched") == "fetched\n");
  }
  CHECK_THAT(world.deploy({"config", "production"}).out, ContainsSubstring("command: \"echo fetched"));
  std::string count = "fetched\n";
  for (const auto& words : {std::vector<std::string>{"logs", "production"}, {"run", "production", "--", "true"}, {"task", "production", "t"},
                            {"rollback", "production"}, {"prune", "production"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK(world.read("fetched") == (count += "fetched\n"));
  }
}

TEST_CASE("a command that somebody types has the secrets, too, and shows none") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe("secrets: {API_KEY: {env: API_KEY}}\n");
  world.environment = {"API_KEY=" + secret};
  REQUIRE(world.deploy({"production"}).status == 0);
  const Ran ran = world.deploy({"run", "production", "--", "echo \"I know $API_KEY\"; printf %s \"$API_KEY\" | fold -w 4 >&2; exit 5"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK_THAT(ran.out + ran.err, ContainsSubstring("I know ***"));
  CHECK(found_in(ran.out).empty());
  CHECK(found_in(ran.err).empty());
}

TEST_CASE("tasks and prunings have the secrets, too, and what they print goes nowhere unmasked", "[slow]") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe(
      "secrets: {API_KEY: {env: API_KEY}}\n"
      "tasks:\n"
      "  here: {run: 'echo \"here: $API_KEY\"', local: true}\n"
      "  there: {run: 'echo \"there: $API_KEY\"; printf %s \"$API_KEY\" | base64 >&2'}\n"
      "hooks: {after_prune: [here, there]}\n");
  world.environment = {"API_KEY=" + secret};
  for (int i = 0; i < 3; ++i) REQUIRE(world.deploy({"production"}).status == 0);
  for (const auto& words : std::vector<std::vector<std::string>>{{"prune", "production", "--keep", "1", "-v"},
                                                                 {"task", "production", "there", "-v"},
                                                                 {"task", "production", "here", "--output", "json"}}) {
    const Ran ran = world.deploy(words);
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.out + ran.err, ContainsSubstring("ere: ***"));
    CHECK(found_in(ran.out).empty());
    CHECK(found_in(ran.err).empty());
    CHECK(found_in(world.deploy({"report", "-o", "-"}).out).empty());
  }
  CHECK(files_with_secret(world / "home").empty());
  for (const auto& host : world.hosts()) CHECK(files_with_secret(host.tree()).empty());
}

TEST_CASE("log files that are shown are rid of secrets, followed ones too") {
  World world({.hosts = 2});
  world.write_app("1");
  world.write_recipe("secrets: {API_KEY: {env: API_KEY}}\nshared: {directories: [log]}\nlogs: [log/app.log]\n");
  world.environment = {"API_KEY=" + secret};
  REQUIRE(world.deploy({"production"}).status == 0);
  const std::string lines = "key=" + secret + " used\nbasic " + filtered("base64 -w 0", "user:" + secret) + "\nthe end\n";
  for (const auto& host : world.hosts()) host.write("shared/log/app.log", lines);
  for (const std::string output : {"plain", "json"}) {
    const Ran ran = world.deploy({"logs", "production", "-v", "--output", output});
    INFO(ran);
    CHECK(ran.status == 0);
    CHECK_THAT(ran.out, ContainsSubstring("key=*** used") && ContainsSubstring("the end"));
    CHECK(found_in(ran.out).empty());
    CHECK(found_in(ran.err).empty());
  }
  Running following = world.start({"logs", "production", "--follow"});
  const auto come = [&](const std::string& text) {
    return eventually([&] { return following.out().find("[127.0.0.2] " + text) != std::string::npos; }, std::chrono::seconds(60));
  };
  REQUIRE(come("the end"));
  std::ofstream(world.host(1) / "shared/log/app.log", std::ios::app) << "again " << secret << " it is\n";
  CHECK(come("again *** it is"));
  following.signal(SIGINT);
  const Ran ended = following.wait();
  INFO(ended);
  CHECK(ended.status == 0);
  CHECK(found_in(ended.out + ended.err).empty());
}
