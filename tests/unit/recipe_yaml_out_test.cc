#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

// Loads, prints, loads again: the second recipe must be the first one.
void check_round_trip(std::string_view text) {
  const Recipe first = load(text);
  const std::string printed = to_yaml(first);
  INFO(printed);
  const Recipe second = load(printed);
  CHECK(to_yaml(second) == printed);
  CHECK(second.application == first.application);
  CHECK(second.deploy_to == first.deploy_to);
  CHECK(second.limit_rate == first.limit_rate);
  CHECK(second.compression == first.compression);
  CHECK(second.vars == first.vars);
  CHECK(second.env == first.env);
  CHECK(second.copied == first.copied);
  CHECK(second.hooks == first.hooks);
  CHECK(second.source.git.has_value() == first.source.git.has_value());
  if (first.source.git) CHECK((second.source.git->repository == first.source.git->repository && second.source.git->revision == first.source.git->revision));
  CHECK(second.ssh.known_hosts == first.ssh.known_hosts);
  CHECK(second.ssh.accept_new == first.ssh.accept_new);
  REQUIRE(second.tasks.size() == first.tasks.size());
  for (const auto& [name, task] : first.tasks) {
    const Task& again = second.tasks.at(name);
    CHECK(again.run == task.run);
    CHECK(again.roles == task.roles);
    CHECK(again.timeout == task.timeout);
    CHECK(again.dir == task.dir);
  }
  REQUIRE(second.hosts.size() == first.hosts.size());
  for (std::size_t i = 0; i < first.hosts.size(); ++i) {
    CHECK(second.hosts[i].address == first.hosts[i].address);
    CHECK(second.hosts[i].roles == first.hosts[i].roles);
    CHECK(second.hosts[i].vars == first.hosts[i].vars);
    CHECK(second.hosts[i].port == first.hosts[i].port);
  }
}

}  // namespace

TEST_CASE("the recipe of a stage is printed whole, with everything filled in", "[recipe]") {
  const Recipe recipe = load(R"(
application: shop
deploy_to: /srv/${application}
vars: {port: 8080}
source: {directory: ., exclude: ["*.map"]}
shared: {files: [.env]}
tasks:
  build: |
    set -x
    make all
  restart: {run: sudo systemctl reload shop, roles: app, timeout: 90}
hooks: {after_publish: [restart]}
stages:
  staging: {hosts: [s]}
  production: {confirm: true, hosts: [{address: "app[1-2]", roles: [app]}, "deploy@[::1]:22"]}
)");
  CHECK(to_yaml(recipe) == R"(application: shop
deploy_to: /srv/shop
keep_releases: 5
confirm: true
vars:
  port: "8080"
source:
  directory: /srv/project
  exclude: ["*.map"]
transfer: delta
reuse: copy
verify: quick
compression: auto
shared:
  files: [".env"]
tasks:
  build:
    run: |
      set -x
      make all
  restart:
    run: "sudo systemctl reload shop"
    roles: [app]
    timeout: 90s
hooks:
  after_publish: [restart]
ssh:
  transport: libssh2
  parallel: 100
stages:
  production:
    hosts:
      - address: "app[1-2]"
        roles: [app]
      - address: "deploy@[::1]:22"
)");
}

TEST_CASE("what is printed loads to the same recipe, whatever is in it", "[recipe]") {
  check_round_trip(R"(
application: "null"
deploy_to: "/srv/a b: #{x}"
keep_releases: 3
limit_rate: 5MB
compression: gzip
user: "de@ploy"
vars: {a: "yes", b: "1e3", c: "", d: "~", e: "x\ny\n", f: "tab\there \"quoted\" \\ $${plain} $$ \x01", g: " lead", h: "- x", i: "ä 日本", j: "a: b # c"}
env: {PATH: "/a:/b"}
source: {archive: "a b.tar", sha256: 0000000000000000000000000000000000000000000000000000000000000000, strip: 2}
copied: ["with space", "[odd]", "*star"]
tasks:
  one: "  leading\n  text\n"
  two: "a\n\nb"
  three: "a\nb\n\n"
  four: "echo ${RELEASE} '$x' \"y\"\n\techo tab\n"
  "1:x.y-z": {run: x, local: true, dir: "d e"}
  five: {run: y, timeout: 86400}
hooks: {build: [one, two], failed: "1:x.y-z"}
ssh: {config: none, known_hosts: strict, known_hosts_file: ["~/k h"], identity: [a, b]}
stages:
  "1.0":
    hosts: [h]
  production:
    hosts: [{address: "a[01-03]", roles: [x, y], primary: false, port: 23, user: u, transport: auto, vars: {w: "10", v: "${application}"}}, "[fe80::1%eth0]:22"]
)");
  check_round_trip(R"(
application: a
deploy_to: /a
source: {git: {repository: "deploy@git.example.com:shop $${x}.git", revision: "feature/#1: $${y}"}}
stages: {production: {hosts: [h]}}
)");
  check_round_trip("application: a\ndeploy_to: /a\nsource: {git: .}\nstages: {production: {hosts: [h]}}\n");
}

}  // namespace kirikae::recipe
