// Every error as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("an unknown key is told with the nearest known one", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_relases: 3
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:1: unknown key 'keep_relases'
  keep_relases: 3
  ^~~~~~~~~~~~
  did you mean 'keep_releases'?
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
ssh: {prot: 22}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:7: unknown key 'prot'
  ssh: {prot: 22}
        ^~~~
  did you mean 'port'?
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, role: [b]}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:21: unknown key 'role'
  tasks: {a: {run: x, role: [b]}}
                      ^~~~
  did you mean 'roles'?
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
hooks: {after_publsh: []}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:9: unknown key 'after_publsh'
  hooks: {after_publsh: []}
          ^~~~~~~~~~~~
  did you mean 'after_publish'?
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {production: {hosts: [{adress: a}]}}
)") ==
        R"(deploy.yml:4:31: a host has no 'address'
  stages: {production: {hosts: [{adress: a}]}}
                                ^
  such as `address: "deploy@app[01-12].example.com:2222"`
deploy.yml:4:32: unknown key 'adress'
  stages: {production: {hosts: [{adress: a}]}}
                                 ^~~~~~
  did you mean 'address'?
)");
}

TEST_CASE("an unknown key that exists elsewhere is told with its place", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
port: 22
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:1: unknown key 'port'
  port: 22
  ^~~~
  'port' belongs under 'ssh'
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
hosts: [a]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:1: unknown key 'hosts'
  hosts: [a]
  ^~~~~
  'hosts' belongs under 'stages.NAME'
)");
}

TEST_CASE("an unknown key that is near to nothing is told with all keys of its place", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
source_code: x
shared: {templates: x}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:1: unknown key 'source_code'
  source_code: x
  ^~~~~~~~~~~
  known here: application, deploy_to, keep_releases, limit_rate, user, become_password, confirm, vars, env, secrets, prompts, source, transfer, reuse, verify, compression, shared, templates, copied, logs, tasks, hooks, ssh, stages
deploy.yml:5:10: unknown key 'templates'
  shared: {templates: x}
           ^~~~~~~~~
  known here: directories, files
)");
}

TEST_CASE("a key that stands twice in a map is an error, at its second place", "[recipe]") {
  CHECK(errors_of(R"(application: a
application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:1: 'application' stands here twice
  application: shop
  ^~~~~~~~~~~
  keep one of the two
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: x, a: y}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:15: 'a' stands here twice
  tasks: {a: x, a: y}
                ^
  keep one of the two
)");
}

TEST_CASE("what is missing is told at the place where it belongs", "[recipe]") {
  CHECK(errors_of(R"(vars: {a: b}
)") ==
        R"(deploy.yml:1:1: the recipe has no stages
  vars: {a: b}
  ^
  such as `stages: {production: {hosts: [app1.example.com], keep_releases: 10}}`
deploy.yml:1:1: the recipe has no 'application'
  vars: {a: b}
  ^
  such as `application: shop`
deploy.yml:1:1: the recipe has no 'deploy_to'
  vars: {a: b}
  ^
  such as `deploy_to: /srv/${application}`
deploy.yml:1:1: the recipe has no 'source'
  vars: {a: b}
  ^
  such as `source: {directory: dist}`
)");
  CHECK(errors_of(R"(application: shop
stages:
  one: {hosts: [a], deploy_to: /x, source: {directory: d}}
  two: {hosts: []}
)") ==
        R"(deploy.yml:4:3: stage 'two' has no 'deploy_to'
    two: {hosts: []}
    ^~~
  such as `deploy_to: /srv/${application}`
deploy.yml:4:3: stage 'two' has no 'source'
    two: {hosts: []}
    ^~~
  such as `source: {directory: dist}`
deploy.yml:4:3: stage 'two' has no hosts
    two: {hosts: []}
    ^~~
  such as `hosts: [app1.example.com, "deploy@app2.example.com:2222"]`
no stage 'production' in 'deploy.yml'
  stages: one, two
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages:
  production:
)") ==
        R"(deploy.yml:5:3: stage 'production' has no hosts
    production:
    ^~~~~~~~~~
  such as `hosts: [app1.example.com, "deploy@app2.example.com:2222"]`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {roles: [b]}}
hooks: {build: a}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:9: 'a' has no 'run'
  tasks: {a: {roles: [b]}}
          ^
  such as `run: bin/migrate --to "$REVISION"`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {production: {hosts: [{primary: true}]}}
)") ==
        R"(deploy.yml:4:31: a host has no 'address'
  stages: {production: {hosts: [{primary: true}]}}
                                ^
  such as `address: "deploy@app[01-12].example.com:2222"`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
stages: {}
)") ==
        R"(deploy.yml:1:1: the recipe has no stages
  application: shop
  ^
  such as `stages: {production: {hosts: [app1.example.com], keep_releases: 10}}`
)");
}

TEST_CASE("a file that is no map of keys is told as such", "[recipe]") {
  CHECK(errors_of(R"()") ==
        R"(deploy.yml:1:1: the recipe is empty
  `deploy init` writes one to start from; `deploy help recipe` lists all keys
)");
  CHECK(errors_of(R"(# nothing
)") ==
        R"(deploy.yml:1:1: the recipe is empty
  # nothing
  ^
  `deploy init` writes one to start from; `deploy help recipe` lists all keys
)");
  CHECK(errors_of(R"(- a
)") ==
        R"(deploy.yml:1:1: a recipe is a map of keys
  - a
  ^
  `deploy init` writes one to start from; `deploy help recipe` lists all keys
)");
  CHECK(errors_of(R"(text
)") ==
        R"(deploy.yml:1:1: a recipe is a map of keys
  text
  ^~~~
  `deploy init` writes one to start from; `deploy help recipe` lists all keys
)");
}

TEST_CASE("where a stage changes the kind of its source, it takes away what belonged to the other", "[recipe]") {
  const std::string recipe = "application: a\ndeploy_to: /x\nsource: {archive: a.tar, sha256: " + std::string(64, '0') +
                             "}\nstages:\n  staging: {hosts: [a], source: {archive: null, directory: d";
  const std::string rest = "}}\n  production: {hosts: [b]}\n";
  CHECK_THAT(errors_of(recipe + rest), Catch::Matchers::ContainsSubstring("deploy.yml:3:34: 'sha256' does nothing with 'directory'\n") &&
                                           Catch::Matchers::ContainsSubstring("\n  remove it; a stage takes it away by `sha256: null`\n"));
  CHECK(errors_of(recipe + ", sha256: null" + rest) == "loads");
}

}  // namespace kirikae::recipe
