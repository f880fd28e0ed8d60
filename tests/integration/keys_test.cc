// Every key of the recipe makes a difference that can be seen: in the output, the exit code or on the hosts.
#include <algorithm>

#include "probe.h"
#include "recipe/recipe.h"
#include "recipe/schema.h"
#include "support/catch.h"
#include "support/git_repo.h"
#include "support/process.h"

using namespace kirikae::test;
namespace recipe = kirikae::recipe;

namespace {

// The paths of all keys that hold a value, not those of maps.
void walk(std::span<const recipe::Key> keys, const std::string& at, std::vector<std::string>& all) {
  for (const recipe::Key& key : keys) {
    const std::string path = at.empty() ? std::string(key.name) : at + '.' + std::string(key.name);
    if (key.keys.empty()) {
      all.push_back(path);
    } else {
      walk(key.keys, path, all);
    }
  }
}

std::string hook(const std::string& point, const std::string& task = "told") {
  return "tasks: {told: 'echo told', here: {run: 'echo here', local: true}, fail: exit 3}\nhooks: {" + point + ": " + task + "}\n";
}

std::string telling(const std::string& more) { return "tasks: {told: {run: 'echo told \"$x\"; pwd'" + more + "}}\nhooks: {build: told}\n"; }

std::string placed(const std::string& from, const std::string& to = "made", const std::string& more = {}) {
  return "templates: [{from: app/" + from + ", to: " + to + more + "}]\n";
}

const std::vector<std::string> rollback = {"rollback", "production"};

std::vector<Probe> value_probes() {
  return {
      {.what = "application", .more = {"--set", "application=store"}},
      {.what = "deploy_to", .more = {"--set", "deploy_to=@DEPLOY_TO@/inner"}},
      {.what = "keep_releases", .more = {"--set", "keep_releases=1"}, .before = 2},
      {.what = "limit_rate", .words = {"plan", "production"}, .more = {"--set", "limit_rate=5MB"}},
      {.what = "user", .more = {"--set", "user=nobody-that-exists"}},
      {.what = "become_password", .without = telling("") + "secrets: {x: {env: PROBE}}\n",
       .with = telling("") + "secrets: {x: {env: PROBE}}\nbecome_password: x\n"},
      {.what = "confirm", .more = {"--set", "confirm=true"}},
      {.what = "vars.*", .without = telling(""), .more = {"--set", "vars.x=1"}},
      {.what = "env.*", .without = telling(""), .more = {"--set", "env.x=1"}},
      {.what = "secrets.*.env", .without = telling(""), .with = telling("") + "secrets: {x: {env: PROBE}}\n"},
      {.what = "secrets.*.file", .without = telling(""), .with = telling("") + "secrets: {x: {file: deploy.yml}}\n"},
      {.what = "secrets.*.command", .without = telling(""), .with = telling("") + "secrets: {x: {command: echo long-enough}}\n"},
      {.what = "prompts.*.question", .without = telling("") + "prompts: {x: {question: One}}\n",
       .with = telling("") + "prompts: {x: {question: Other}}\n"},
      {.what = "prompts.*.default.text", .without = telling(""), .with = telling("") + "prompts: {x: {question: One, default: y}}\n"},
      {.what = "prompts.*.default.command", .without = telling(""),
       .with = telling("") + "prompts: {x: {question: One, default: {command: echo y}}}\n"},
      {.what = "prompts.*.secret", .without = telling("") + "prompts: {x: {question: One}}\n",
       .with = telling("") + "prompts: {x: {question: One, secret: true}}\n", .words = {"production", "--set", "x=long-enough"}},
      {.what = "templates.*.from", .without = placed("VERSION"), .with = placed("index.html")},
      {.what = "templates.*.to", .without = placed("VERSION"), .with = placed("VERSION", "other")},
      {.what = "templates.*.mode", .without = placed("VERSION"), .with = placed("VERSION", "made", ", mode: '0600'")},
      {.what = "templates.*.shared", .without = placed("VERSION"), .with = placed("VERSION", "made", ", shared: true")},
      {.what = "source.directory", .more = {"--set", "source.directory=app/pages"}},
      {.what = "source.exclude", .with = "source: {directory: app, exclude: [\"*.ini\"]}\n"},
      {.what = "source.archive", .with = "source: {archive: other.tar}\n"},
      {.what = "source.sha256", .without = "source: {archive: other.tar}\n",
       .with = "source: {archive: other.tar, sha256: " + std::string(64, '0') + "}\n"},
      {.what = "source.strip", .without = "source: {archive: other.tar}\n", .with = "source: {archive: other.tar, strip: 1}\n"},
      {.what = "transfer", .more = {"--set", "transfer=tarball"}, .before = 1},
      {.what = "reuse", .more = {"--set", "reuse=link"}, .before = 1},
      {.what = "compression", .words = {"plan", "production"}, .more = {"--set", "compression=none"}},
      {.what = "source.git.repository", .without = "source: {git: one}\n", .with = "source: {git: other}\n"},
      {.what = "source.git.revision", .without = "source: {git: one}\n", .with = "source: {git: {repository: one, revision: v1}}\n"},
      {.what = "shared.directories", .with = "shared: {directories: [log]}\n"},
      {.what = "shared.files", .with = "shared: {files: [.env]}\n"},
      {.what = "copied", .without = "tasks: {make: 'echo once >>made'}\nhooks: {build: make}\n",
       .with = "copied: [made]\ntasks: {make: 'echo once >>made'}\nhooks: {build: make}\n", .before = 1},
      {.what = "logs", .with = "logs: [VERSION]\n", .words = {"logs", "production"}, .before = 1},
      {.what = "stages.*.hosts.*.address", .hosts = "[127.0.0.1]"},
      {.what = "stages.*.hosts.*.roles", .without = telling(", roles: app"), .with = telling(", roles: app"), .hosts = "[{address: 127.0.0.1, roles: app}, {address: 127.0.0.2, roles: db}]"},
      {.what = "stages.*.hosts.*.primary", .without = telling(", once: true"), .with = telling(", once: true"),
       .hosts = "[127.0.0.1, {address: 127.0.0.2, primary: true}]"},
      {.what = "stages.*.hosts.*.port", .hosts = "[{address: 127.0.0.1, port: 1}, 127.0.0.2]"},
      {.what = "stages.*.hosts.*.user", .hosts = "[{address: 127.0.0.1, user: nobody-that-exists}, 127.0.0.2]"},
      {.what = "stages.*.hosts.*.transport", .words = {"production", "--set", "ssh.known_hosts_file=new_hosts"},
       .hosts = "[{address: 127.0.0.1, transport: openssh}, 127.0.0.2]"},
      {.what = "stages.*.hosts.*.vars.*", .without = telling(""), .hosts = "[{address: 127.0.0.1, vars: {x: 1}}, 127.0.0.2]"},
  };
}

std::vector<Probe> task_probes() {
  return {
      {.what = "tasks.*.run", .without = telling(""), .with = "tasks: {told: echo else}\nhooks: {build: told}\n"},
      {.what = "tasks.*.roles", .without = telling(""), .with = telling(", roles: app"), .hosts = "[{address: 127.0.0.1, roles: app}, {address: 127.0.0.2, roles: db}]"},
      {.what = "tasks.*.once", .without = telling(""), .with = telling(", once: true")},
      {.what = "tasks.*.local", .without = telling(""), .with = telling(", local: true")},
      {.what = "tasks.*.timeout", .without = "tasks: {told: {run: sleep 3}}\nhooks: {build: told}\n",
       .with = "tasks: {told: {run: sleep 3, timeout: 1s}}\nhooks: {build: told}\n"},
      {.what = "tasks.*.become", .without = "tasks: {told: {run: id -un}}\nhooks: {build: told}\n",
       .with = "tasks: {told: {run: id -un, become: daemon}}\nhooks: {build: told}\n"},
      {.what = "tasks.*.pty", .without = "tasks: {told: {run: 'test -t 1 || echo no terminal'}}\nhooks: {build: told}\n",
       .with = "tasks: {told: {run: 'test -t 1 || echo no terminal', pty: true}}\nhooks: {build: told}\n"},
      {.what = "tasks.*.dir", .without = telling(""), .with = telling(", dir: pages")},
  };
}

std::vector<Probe> hook_probes() {
  std::vector<Probe> all;
  for (int i = 0; i < recipe::hook_point_count; ++i) {
    const std::string point(recipe::name_of(static_cast<recipe::HookPoint>(i)));
    Probe probe{.what = "hooks." + point, .without = hook("after_build", "[]"), .with = hook(point)};
    if (point == "before_connect") probe.with = hook(point, "here");
    if (point == "failed") {
      probe.without = hook("build", "fail");
      probe.with = hook("build: fail, failed");
    }
    if (point == "after_rollback") {
      probe.words = rollback;
      probe.before = 2;
    }
    all.push_back(std::move(probe));
  }
  return all;
}

std::vector<Probe> ssh_probes() {
  return {
      {.what = "ssh.config", .more = {"--set", "ssh.config=nowhere"}},
      {.what = "ssh.transport", .words = {"production", "--set", "ssh.known_hosts_file=new_hosts"}, .more = {"--set", "ssh.transport=openssh"}},
      {.what = "ssh.port", .more = {"--set", "ssh.port=1"}},
      {.what = "ssh.known_hosts", .words = {"production", "--set", "ssh.known_hosts_file=new_hosts"}, .more = {"--set", "ssh.known_hosts=accept-new"}},
      {.what = "ssh.known_hosts_file", .more = {"--set", "ssh.known_hosts_file=nowhere"}},
      {.what = "ssh.identity", .more = {"--set", "ssh.identity=nowhere"}},
      {.what = "ssh.forward_agent", .without = "tasks: {told: 'echo \"${SSH_AUTH_SOCK:+it is there}\"'}\nhooks: {build: told}\n",
       .more = {"--set", "ssh.forward_agent=true"}},
      // With one session at a time nobody meets anybody.
      {.what = "ssh.parallel",
       .without = "tasks: {meet: 'mkdir @MEET@ 2>/dev/null || echo met; sleep 1; rmdir @MEET@ 2>/dev/null || true'}\nhooks: {build: meet}\n",
       .more = {"--set", "ssh.parallel=1"}},
  };
}

// These need hosts of another kind than the others; each has a test of its own, below, in password_test.cc or in become_test.cc.
const std::vector<std::string> alone = {"ssh.connect_timeout", "ssh.keepalive", "ssh.password", "tasks.*.become_password", "verify"};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

void check(const std::vector<Probe>& probes) {
  World world({.hosts = 2});
  world.write_app("1");
  world.environment = {"PROBE=long enough"};
  for (const std::string name : {"one", "other"}) {
    const GitRepo repo(world.site() / name);
    repo.write("file", name);
    repo.commit("One");
    repo.git({"tag", "v1"});
    repo.write("file", name + " later");
    repo.commit("Two");
  }
  REQUIRE(run_program({"tar", "-C", (world.site() / "app").string(), "-cf", (world.site() / "other.tar").string(), "VERSION", "pages"}).status == 0);
  const auto filled = [&](std::string text) {
    return replaced(replaced(std::move(text), "@DEPLOY_TO@", world.deploy_to()), "@MEET@", (world / "meet").string());
  };
  for (Probe probe : probes) {
    CAPTURE(probe.what);
    probe.without = filled(probe.without);
    probe.with = filled(probe.with);
    for (auto& word : probe.more) word = filled(word);
    CHECK_FALSE(difference(world, probe).empty());
  }
}

}  // namespace

TEST_CASE("every key of the table of keys is tried out by a test of this file") {
  std::vector<std::string> keys, tried = alone;
  walk(recipe::recipe_keys(), "", keys);
  for (const auto& probes : {value_probes(), task_probes(), hook_probes(), ssh_probes()}) {
    for (const Probe& probe : probes) tried.push_back(probe.what);
  }
  std::sort(keys.begin(), keys.end());
  std::sort(tried.begin(), tried.end());
  CHECK(keys == tried);
}

TEST_CASE("two runs of the same recipe on hosts of the same state look alike, so that a difference means something", "[slow]") {
  World world({.hosts = 2});
  world.write_app("1");
  CHECK(difference(world, {.what = "nothing", .without = hook("build"), .with = hook("build")}).empty());
  CHECK(difference(world, {.what = "nothing", .words = rollback, .before = 2}).empty());
}

TEST_CASE("every key that holds a value makes a difference", "[slow]") { check(value_probes()); }
TEST_CASE("every key of a task makes a difference", "[slow]") { check(task_probes()); }
TEST_CASE("every hook makes a difference", "[slow]") { check(hook_probes()); }
TEST_CASE("every key of ssh makes a difference", "[slow]") { check(ssh_probes()); }

TEST_CASE("connect_timeout is how long a host that takes the connection and says nothing is waited for") {
  World world;
  world.write_app("1");
  auto& relay = world.relay(0);
  relay.freeze();
  world.write_recipe();
  const Ran ran = world.deploy({"production", "--set", "ssh.connect_timeout=1s"});
  INFO(ran);
  CHECK(ran.status == 5);
  CHECK(ran.seconds < 9);  // the default is ten seconds
}

TEST_CASE("keepalive is how soon a host that has vanished is noticed") {
  World world;
  world.write_app("1");
  auto& relay = world.relay(0);
  world.write_recipe("tasks: {wait: 'touch \"$SHARED_PATH/here\"; sleep 300'}\nhooks: {build: wait}\n");
  Running running = world.start({"production", "--set", "ssh.keepalive=1s"});
  REQUIRE(eventually([&] { return world.host(0).exists("shared/here"); }, std::chrono::seconds(60)));
  relay.freeze();
  const auto from = std::chrono::steady_clock::now();
  const Ran ran = running.wait();
  INFO(ran);
  CHECK(ran.status == 1);
  CHECK(std::chrono::steady_clock::now() - from < std::chrono::seconds(40));  // with the default of 15 s, 45 s and more
}
