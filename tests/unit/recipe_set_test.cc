#include <fmt/format.h>

#include "unit/recipe_text.h"

namespace kirikae::recipe {
namespace {

constexpr std::string_view base = R"(
application: shop
deploy_to: /srv/${application}
vars: {port: 1, both: root}
source: {directory: dist}
tasks: {migrate: bin/migrate}
stages:
  staging: {hosts: [a], vars: {version: "${version}"}}
  production:
    keep_releases: 9
    vars: {both: stage}
    hosts: [{address: a, vars: {both: host, own: x}}]
)";
constexpr std::string_view without_version = R"(
application: shop
deploy_to: /srv/${application}
vars: {port: 1, both: root}
source: {directory: dist}
tasks: {migrate: bin/migrate}
stages:
  production:
    keep_releases: 9
    vars: {both: stage}
    hosts: [{address: a, vars: {both: host, own: x}}]
)";

}  // namespace

TEST_CASE("A --set beats the host, the stage and the recipe", "[recipe]") {
  const Recipe before = load(without_version);
  CHECK(before.keep_releases == 9);
  CHECK(before.vars.at("both") == "stage");
  CHECK(before.hosts[0].vars.at("both") == "host");
  const Recipe after = load(without_version, {"keep_releases=3", "both=set", "vars.port=2"});
  CHECK(after.keep_releases == 3);
  CHECK(after.vars.at("both") == "set");
  CHECK(after.vars.at("port") == "2");
  CHECK(after.hosts[0].vars == std::map<std::string, std::string>{{"own", "x"}});
}

TEST_CASE("A --set reaches every kind of key, the last word wins", "[recipe]") {
  const Recipe recipe =
      load(without_version, {"application=other", "ssh.port=2222", "ssh.port=2223", "tasks.migrate.timeout=1m",
                             "tasks.new=bin/new --x=1", "hooks.build=migrate,new", "copied=", "confirm=true",
                             "shared.files=a,b/c", "env.PATH=/bin"});
  CHECK(recipe.deploy_to == "/srv/other");
  CHECK(recipe.ssh.port == 2223);
  CHECK(recipe.tasks.at("migrate").run == "bin/migrate");
  CHECK(recipe.tasks.at("migrate").timeout == std::chrono::seconds(60));
  CHECK(recipe.tasks.at("new").run == "bin/new --x=1");
  CHECK(recipe.hooks.at(HookPoint::build) == std::vector<std::string>{"migrate", "new"});
  CHECK(recipe.copied.empty());
  CHECK(recipe.confirm);
  CHECK(recipe.shared.files == std::vector<std::string>{"a", "b/c"});
  CHECK(recipe.env.at("PATH") == "/bin");
}

TEST_CASE("a bare name that is no key is a var, which other values may use", "[recipe]") {
  CHECK(load(base, {"version=v1.2"}, "staging").vars.at("version") == "v1.2");
  CHECK(errors_of(base, {"version=v1.2"}) == "loads");  // the other stage needs it, too
  CHECK(load(base, {"version=v1.2"}).vars.at("version") == "v1.2");
}

TEST_CASE("a --set value is taken as it stands", "[recipe]") {
  const Recipe recipe = load(without_version, {"vars.password=a${b}$${c}: [x]#'\""});
  CHECK(recipe.vars.at("password") == "a${b}$${c}: [x]#'\"");
}

TEST_CASE("a --set word that does not fit is told with the word", "[recipe]") {
  CHECK(errors_of(without_version, {"keep_releases=no", "ssh.prot=1", "nothing", "=x"}) ==
        "--set keep_releases: 'keep_releases' must be a whole number from 1 to 1000, not 'no'\n"
        "--set ssh.prot: unknown key 'prot'\n  did you mean 'port'?\n"
        "--set nothing: a --set word must be KEY=VALUE\n"
        "--set : a --set word must be KEY=VALUE\n");
  CHECK(errors_of(without_version,
                  {"stages.production.user=x", "hosts=b", "shared=x", "tasks=x", "user.name=x", "a-b=1", "PATH=x"}) ==
        "--set stages.production.user: 'stages' can't be set\n  name the key alone: it is set for the stage that runs\n"
        "--set hosts: 'hosts' can't be set\n  --hosts, --roles and --exclude select hosts\n"
        "--set shared: 'shared' is a map and can't be set as a whole\n  name one of its keys, with a dot\n"
        "--set tasks: 'tasks' is a map and can't be set as a whole\n  name one of its keys, with a dot\n"
        "--set user.name: 'user' has no keys inside\n"
        "--set a-b: 'a-b' is no name of a variable: letters, digits and _, not a digit first\n"
        "--set PATH: 'PATH' is refused here: set it under 'env'\n");
  CHECK(errors_of(without_version, {"hooks.build=migrat", "tasks.late.timeout=1m"}) ==
        "--set hooks.build: no task is named 'migrat'\n  did you mean 'migrate'?\n"
        "--set tasks.late.timeout: 'late' has no 'run'\n  such as `run: bin/migrate --to \"$REVISION\"`\n");
  const Error error = try_load(without_version, {"keep_releases=no"}).error().front();
  CHECK(error.code == ErrorCode::usage);
  CHECK_FALSE(error.span);  // no file is concerned
}

TEST_CASE("a --set of a name that the recipe doesn't have is a typo, and told with what was meant", "[recipe]") {
  CHECK(errors_of(without_version, {"keep_release=3", "prot=1", "parallel=4", "zzz=s3cret", "own=1"}) ==
        "--set keep_release: 'keep_release' is neither a key nor a var that the recipe names\n"
        "  did you mean 'keep_releases'? for a new var: --set vars.keep_release=…\n"
        "--set prot: 'prot' is neither a key nor a var that the recipe names\n"
        "  did you mean 'port'? for a new var: --set vars.prot=…\n"
        "--set parallel: 'parallel' is neither a key nor a var that the recipe names\n"
        "  did you mean 'ssh.parallel'? for a new var: --set vars.parallel=…\n"
        "--set zzz: 'zzz' is neither a key nor a var that the recipe names\n  for a new var: --set vars.zzz=…\n");
  CHECK(load(without_version, {"vars.keep_release=3"}).vars.at("keep_release") == "3");
  constexpr std::string_view used =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\nenv: {LANG: C}\n"
      "prompts: {asked: {question: Q}}\ntasks: {go: 'go $first ${second:-x} $$third-$'}\n"
      "stages:\n  staging: {hosts: {address: a, vars: {theirs: 1}}}\n  production: {hosts: b}\n";
  CHECK(load(used, {"first=1", "second=2", "asked=4", "theirs=5"}).vars.size() == 4);
  CHECK(errors_of(used, {"LANG=de", "fourth=1"}) ==
        "--set LANG: 'LANG' is under 'env', which wins over a var\n  did you mean 'env.LANG'?\n"
        "--set fourth: 'fourth' is neither a key nor a var that the recipe names\n  for a new var: --set vars.fourth=…\n");
}

TEST_CASE("a --set of a bare name that only 'env' has is told how it is set", "[recipe]") {
  const std::string used =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\nenv: {NODE_ENV: production, PORT: '${PORT}'}\nvars: {PORT: 80}\n"
      "tasks: {build: 'npm run \"${NODE_ENV}\"'}\nstages: {production: {hosts: b}}\n";
  CHECK(errors_of(used, {"NODE_ENV=staging"}) ==
        "--set NODE_ENV: 'NODE_ENV' is under 'env', which wins over a var\n  did you mean 'env.NODE_ENV'?\n");
  CHECK(load(used, {"env.NODE_ENV=staging", "PORT=81"}).env == std::map<std::string, std::string>{{"NODE_ENV", "staging"}, {"PORT", "81"}});
  CHECK(load(used, {"vars.NODE_ENV=staging"}).vars.at("NODE_ENV") == "staging");
  CHECK(load("application: a\ndeploy_to: /a\nsource: {directory: d}\nenv: {TAG: 'v${TAG}'}\nstages: {production: {hosts: b}}\n", {"TAG=2"}).env.at("TAG") == "v2");
}

TEST_CASE("a --set of user, port or transport beats what a host says of itself", "[recipe]") {
  constexpr std::string_view hosts =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\nstages:\n  production:\n    hosts:\n"
      "      - {address: a, user: root, port: 23, transport: openssh}\n"
      "      - \"deploy@b[1-2]:24\"\n      - me@corp@[::1]:25\n      - root@::2\n";
  const auto of = [&](const std::vector<std::string>& sets) {
    std::vector<std::string> all;
    for (const HostEntry& host : load(hosts, sets).hosts) {
      all.push_back(fmt::format("{} {} {} {}", host.address, host.user, host.port.value_or(0), host.transport));
    }
    return all;
  };
  using Hosts = std::vector<std::string>;
  CHECK(of({"keep_releases=3"}) == Hosts{"a root 23 openssh", "deploy@b[1-2]:24  0 ", "me@corp@[::1]:25  0 ", "root@::2  0 "});
  CHECK(of({"user=ops"}) == Hosts{"a  23 openssh", "b[1-2]:24  0 ", "[::1]:25  0 ", "::2  0 "});
  CHECK(of({"ssh.port=26"}) == Hosts{"a root 0 openssh", "deploy@b[1-2]  0 ", "me@corp@[::1]  0 ", "root@::2  0 "});
  CHECK(of({"ssh.transport=auto"}) == Hosts{"a root 23 ", "deploy@b[1-2]:24  0 ", "me@corp@[::1]:25  0 ", "root@::2  0 "});
}

TEST_CASE("a --set for one stage does not break another", "[recipe]") {
  constexpr std::string_view two =
      "application: a\ndeploy_to: /a\nsource: {directory: d}\n"
      "stages:\n  staging: {hosts: a}\n  production: {hosts: b, tasks: {late: bin/late}}\n";
  CHECK(load(two, {"tasks.late.timeout=1m"}).tasks.at("late").timeout == std::chrono::seconds(60));
}

}  // namespace kirikae::recipe
