#include <algorithm>
#include <set>

#include "recipe/starter.h"
#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

using Names = std::vector<std::string>;
using Values = std::map<std::string, std::string>;
using std::chrono::seconds;

constexpr std::string_view minimal =
    "application: shop\n"
    "deploy_to: /srv/shop\n"
    "source: {directory: dist}\n"
    "stages: {production: {hosts: [app1.example.com]}}\n";

constexpr std::string_view full = R"(
application: shop
deploy_to: /srv//${application}/
keep_releases: 7
user: deploy
vars:
  app_env: production
  port: 8080
  channel: ${env.CHANNEL:-stable}
  database: ${shared_path}/shop.sqlite
env:
  PATH: /opt/${application}/bin:/usr/bin:/bin
source:
  directory: dist
  exclude: ["*.map", ".git/", "!keep.map"]
shared:
  directories: [log, ./tmp/pids/, public//uploads]
  files: [config/database.yml, .env]
copied: node_modules
tasks:
  install: bin/install --frozen
  migrate: {run: "bin/migrate ${RELEASE}", roles: [db], once: true, timeout: 10m, dir: db/.}
  restart: {run: sudo systemctl reload shop, roles: app}
  announce: {run: ./notify.sh "$RELEASE", local: true}
hooks:
  build: [install, migrate]
  after_publish: restart
  failed: [announce]
ssh:
  transport: auto
  port: 2200
  known_hosts: accept-new
  known_hosts_file: known_hosts
  identity: [~/.ssh/deploy, /etc/keys/deploy]
  connect_timeout: 30
  keepalive: 5s
  parallel: 20
stages:
  staging:
    hosts: [staging.example.com]
    keep_releases: 2
  production:
    confirm: true
    hosts:
      - {address: "app[01-12].example.com", roles: [app], vars: {weight: 10}}
      - {address: db1.example.com, roles: [db], primary: true, port: 2222, user: admin, transport: openssh}
)";

}  // namespace

TEST_CASE("a recipe with every key loads into plain values", "[recipe]") {
  const Recipe recipe = load(full);
  CHECK(recipe.file == "deploy.yml");
  CHECK(recipe.folder == "/srv/project");
  CHECK(recipe.stage == "production");
  CHECK(recipe.application == "shop");
  CHECK(recipe.deploy_to == "/srv/shop");
  CHECK(recipe.keep_releases == 7);
  CHECK(recipe.user == "deploy");
  CHECK(recipe.confirm);
  CHECK(recipe.vars == Values{{"app_env", "production"},
                              {"port", "8080"},
                              {"channel", "beta"},
                              {"database", "/srv/shop/shared/shop.sqlite"}});
  CHECK(recipe.env == Values{{"PATH", "/opt/shop/bin:/usr/bin:/bin"}});
  REQUIRE(recipe.source.directory);
  CHECK(recipe.source.directory->path == "/srv/project/dist");
  CHECK(recipe.source.directory->excludes == Names{"*.map", ".git/", "!keep.map"});
  CHECK(!recipe.source.archive);
  CHECK(recipe.shared.directories == Names{"log", "tmp/pids", "public/uploads"});
  CHECK(recipe.shared.files == Names{"config/database.yml", ".env"});
  CHECK(recipe.copied == Names{"node_modules"});
  CHECK(recipe.ssh.transport == "auto");
  CHECK(recipe.hosts.back().transport == "openssh");
  CHECK(recipe.ssh.port == 2200);
  CHECK(recipe.ssh.accept_new == true);
  CHECK(recipe.ssh.known_hosts == Names{"/srv/project/known_hosts"});
  CHECK(recipe.ssh.identities == Names{"/home/deploy/.ssh/deploy", "/etc/keys/deploy"});
  CHECK(recipe.ssh.connect_timeout == seconds(30));
  CHECK(recipe.ssh.keepalive == seconds(5));
  CHECK(recipe.ssh.parallel == 20);
}

TEST_CASE("tasks and hooks of a recipe load with their commands untouched", "[recipe]") {
  const Recipe recipe = load(full);
  REQUIRE(recipe.tasks.size() == 4);
  const Task& migrate = recipe.tasks.at("migrate");
  CHECK(migrate.name == "migrate");
  CHECK(migrate.run == "bin/migrate ${RELEASE}");
  CHECK(migrate.roles == Names{"db"});
  CHECK(migrate.once);
  CHECK(!migrate.local);
  CHECK(migrate.timeout == seconds(600));
  CHECK(migrate.dir == "db");
  CHECK(migrate.span.line == 22);
  CHECK(migrate.span.column == 3);
  CHECK(recipe.tasks.at("install").run == "bin/install --frozen");
  CHECK(!recipe.tasks.at("install").timeout);
  CHECK(recipe.tasks.at("restart").roles == Names{"app"});
  CHECK(recipe.tasks.at("announce").local);
  CHECK(recipe.hooks == std::map<HookPoint, Names>{{HookPoint::build, {"install", "migrate"}},
                                                   {HookPoint::after_publish, {"restart"}},
                                                   {HookPoint::failed, {"announce"}}});
}

TEST_CASE("hosts of a stage load in order, ranges not yet expanded", "[recipe]") {
  const Recipe recipe = load(full);
  REQUIRE(recipe.hosts.size() == 2);
  CHECK(recipe.hosts[0].address == "app[01-12].example.com");
  CHECK(recipe.hosts[0].roles == Names{"app"});
  CHECK(!recipe.hosts[0].primary);
  CHECK(!recipe.hosts[0].port);
  CHECK(recipe.hosts[0].vars == Values{{"weight", "10"}});
  CHECK(recipe.hosts[1].address == "db1.example.com");
  CHECK(recipe.hosts[1].primary);
  CHECK(recipe.hosts[1].port == 2222);
  CHECK(recipe.hosts[1].user == "admin");
  const Recipe staging = load(full, {}, "staging");
  CHECK(staging.keep_releases == 2);
  CHECK(!staging.confirm);
  REQUIRE(staging.hosts.size() == 1);
  CHECK(staging.hosts[0].address == "staging.example.com");
}

TEST_CASE("what a recipe leaves out has its default", "[recipe]") {
  const Recipe recipe = load(minimal);
  const Recipe untouched;
  CHECK(recipe.keep_releases == untouched.keep_releases);
  CHECK(recipe.user.empty());
  CHECK(recipe.confirm == untouched.confirm);
  CHECK(recipe.vars.empty());
  CHECK(recipe.env.empty());
  CHECK(recipe.tasks.empty());
  CHECK(recipe.hooks.empty());
  CHECK(recipe.ssh.port == untouched.ssh.port);
  CHECK_FALSE(recipe.ssh.accept_new);
  CHECK(recipe.ssh.known_hosts.empty());
  CHECK(recipe.ssh.identities.empty());
  CHECK(recipe.ssh.connect_timeout == untouched.ssh.connect_timeout);
  CHECK(recipe.ssh.keepalive == untouched.ssh.keepalive);
  CHECK(recipe.ssh.parallel == untouched.ssh.parallel);
  const Recipe archive =
      load("application: a\ndeploy_to: /a\nsource: {archive: ~/a.tgz, sha256: " + std::string(64, 'A') +
           "}\nstages: {production: {hosts: h}}\n");
  REQUIRE(archive.source.archive);
  CHECK(archive.source.archive->path == "/home/deploy/a.tgz");
  CHECK(archive.source.archive->sha256 == std::string(64, 'a'));
  CHECK(archive.source.archive->strip == 0);
  CHECK(!archive.source.directory);
}

TEST_CASE("a git source is a folder of this machine, or a URL that is left as it is", "[recipe]") {
  const auto git_of = [](const std::string& git) {
    const Recipe recipe = load("application: a\ndeploy_to: /a\nsource: {git: " + git + "}\nstages: {production: {hosts: h}}\n");
    REQUIRE(recipe.source.git);
    CHECK((!recipe.source.directory && !recipe.source.archive));
    return *recipe.source.git;
  };
  CHECK(git_of("{}").repository == "/srv/project");
  CHECK(git_of("{revision: v1}").repository == "/srv/project");
  CHECK(git_of("{revision: v1}").revision == "v1");
  CHECK(git_of("../shop").repository == "/srv/project/../shop");
  CHECK(git_of("{repository: ~/shop}").repository == "/home/deploy/shop");
  CHECK(git_of("{repository: a/b:c}").repository == "/srv/project/a/b:c");
  for (const std::string url : {"ssh://git@h:22/shop.git", "https://h/shop", "file:///srv/git/shop.git", "git@h:shop.git", "h:~/shop.git"}) {
    CHECK(git_of("{repository: \"" + url + "\"}").repository == url);
  }
}

TEST_CASE("sections that hold nothing are as good as none", "[recipe]") {
  const Recipe recipe =
      load(std::string(minimal) + "vars:\nenv: ~\nshared:\ntasks: {}\nhooks:\nssh: null\ncopied: []\nuser:\n");
  CHECK(recipe.vars.empty());
  CHECK(recipe.user.empty());
  CHECK(recipe.ssh.port == 0);
  const Recipe nested = load(
      "application: a\ndeploy_to: /a\nsource: {directory: d, archive, exclude: ~, sha256: null}\n"
      "tasks: {kept: {run: x, roles, once: ~, timeout: ~, dir: }}\n"
      "stages: {production: {ssh: {port, identity: ~}, hosts: [{address: h, port: ~, user, roles: , vars}]}}\n");
  CHECK(nested.source.directory);
  CHECK(!nested.source.archive);
  CHECK(nested.tasks.size() == 1);
  CHECK(nested.hosts[0].roles.empty());
}

TEST_CASE("a null among the vars of a host has nothing to remove, and is an error", "[recipe]") {
  CHECK(errors_of("application: a\ndeploy_to: /a\nsource: {directory: d}\nvars: {weight: 1}\n"
                  "stages: {production: {vars: {weight: null}, hosts: [{address: h, vars: {weight: }}]}}\n") ==
        "deploy.yml:5:73: 'weight' has no value\n"
        "  stages: {production: {vars: {weight: null}, hosts: [{address: h, vars: {weight: }}]}}\n"
        "                                                                          ^~~~~~\n"
        "  leave it out, or give it one, such as `vars: {weight: 10}`\n");
}

TEST_CASE("a stage overrides the recipe: maps merge, lists replace, null removes", "[recipe]") {
  const Recipe recipe = load(R"(
application: shop
deploy_to: /srv/shop
user: deploy
source: {directory: dist, exclude: [a, b]}
vars: {one: 1, two: 2, gone: x}
shared: {directories: [log], files: [.env]}
tasks: {migrate: bin/migrate, warm: bin/warm}
hooks: {build: [migrate, warm], failed: warm}
stages:
  production:
    hosts: [a]
    user: null
    source: {directory: null, exclude: null, archive: a.tar}
    vars: {two: zwei, three: 3, gone: ~}
    shared: {directories: [tmp, cache]}
    tasks: {migrate: {timeout: 5m}, warm: null}
    hooks: {build: [migrate], failed: null, after_prune: null}
)");
  CHECK(recipe.user.empty());
  CHECK(recipe.source.archive->path == "/srv/project/a.tar");
  CHECK(!recipe.source.directory);
  CHECK(recipe.vars == Values{{"one", "1"}, {"two", "zwei"}, {"three", "3"}});
  CHECK(recipe.shared.directories == Names{"tmp", "cache"});
  CHECK(recipe.shared.files == Names{".env"});
  REQUIRE(recipe.tasks.size() == 1);
  CHECK(recipe.tasks.at("migrate").run == "bin/migrate");
  CHECK(recipe.tasks.at("migrate").timeout == seconds(300));
  CHECK(recipe.hooks == std::map<HookPoint, Names>{{HookPoint::build, {"migrate"}}});
}

TEST_CASE("stage names come in the order of the file", "[recipe]") {
  CHECK(*stage_names(full, "deploy.yml") == Names{"staging", "production"});
  CHECK(*stage_names("stages: {b: , a: 1, c: {unknown: x}}\n", "deploy.yml") == Names{"b", "a", "c"});
  CHECK(text_of(stage_names("application: a\n", "deploy.yml").error()) ==
        "deploy.yml:1:1: the recipe has no stages\n  application: a\n  ^\n"
        "  such as `stages: {production: {hosts: [app1.example.com], keep_releases: 10}}`\n");
  CHECK(text_of(stage_names("stages: [a]\n", "deploy.yml").error()) ==
        "deploy.yml:1:9: 'stages' must be a map of names, not a list\n  stages: [a]\n          ^\n"
        "  such as `stages: {production: {hosts: [app1.example.com], keep_releases: 10}}`\n");
}

TEST_CASE("what each stage calls the application is told of a recipe with errors, too, as far as it can be", "[recipe]") {
  const auto names = [](std::string_view text, const std::vector<std::string>& sets = {}) {
    return application_names(text, "deploy.yml", "/srv/project", sets, test_surroundings());
  };
  CHECK(names(full) == Values{{"staging", "shop"}, {"production", "shop"}});
  CHECK(names("application: a\nodd: [1\n").empty());
  CHECK(names("application: 'a-${env.CHANNEL}'\nodd: 1\nstages: {p: , q: {application: b}, r: {application: 'c${env.NOT_SET}'}}\n") ==
        Values{{"p", "a-beta"}, {"q", "b"}});
  CHECK(names("application: 'a${version}'\nprompts: {version: {question: V}}\nstages: {p: {hosts: h}}\n").empty());
  CHECK(names("application: a\nstages: {p: {hosts: h}}\n", {"application=z"}) == Values{{"p", "z"}});
}

TEST_CASE("a stage that does not exist is told with the nearest one", "[recipe]") {
  const auto near = try_load(full, {}, "prodction");
  REQUIRE(!near);
  CHECK(near.error().front().code == ErrorCode::usage);
  CHECK(text_of(near.error()) == "no stage 'prodction' in 'deploy.yml'\n  did you mean 'production'?\n");
  CHECK(errors_of(full, {}, "x") == "no stage 'x' in 'deploy.yml'\n  stages: staging, production\n");
}

TEST_CASE("where no host of any stage has roles, tasks may have them", "[recipe]") {
  const Recipe recipe =
      load(std::string(minimal) + "tasks: {a: {run: x, roles: [db], once: true}}\nhooks: {build: a}\n");
  CHECK(recipe.tasks.at("a").roles == Names{"db"});
}

TEST_CASE("the starter recipe loads for any application's name", "[recipe]") {
  for (const std::string name : {"shop", "a", "my-app_2", "null", "NULL", "true", "1"}) {
    const Recipe recipe = load(starter_recipe(name));
    CHECK(recipe.application == name);
    CHECK(recipe.deploy_to == "/srv/" + name);
    CHECK(recipe.hosts.size() == 2);
  }
}

TEST_CASE("every verb of the tool is reserved, each once", "[recipe]") {
  const auto& names = reserved_stage_names();
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  for (const std::string verb : {"deploy", "rollback", "plan", "releases", "init", "config", "help"}) {
    CHECK(std::find(names.begin(), names.end(), verb) != names.end());
  }
  for (const auto& verb : names) {
    INFO(verb);
    const std::string text =
        "application: a\ndeploy_to: /a\nsource: {directory: d}\nstages: {" + verb + ": {hosts: h}}\n";
    CHECK(errors_of(text, {}, verb).find("can't be the name of a stage") != std::string::npos);
  }
}

}  // namespace kirikae::recipe
