// Every error as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("a hook that names no task is told with the nearest one", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {migrate: x}
hooks: {build: [migrat], failed: other}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:5:17: no task is named 'migrat'
  hooks: {build: [migrat], failed: other}
                  ^~~~~~
  did you mean 'migrate'?
deploy.yml:5:34: no task is named 'other'
  hooks: {build: [migrat], failed: other}
                                   ^~~~~
  add it under 'tasks'
)");
}

TEST_CASE("a task before the connection must be local", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: x}
hooks: {before_connect: a}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:5:25: the task 'a' isn't local, but nothing is connected yet in 'before_connect'
  hooks: {before_connect: a}
                          ^
  use 'after_connect', or make the task local
)");
}

TEST_CASE("a task for no role is not taken for one of every host", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {migrate: {run: x, roles: []}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:34: 'roles' names none
  tasks: {migrate: {run: x, roles: []}}
                                   ^
  leave it out, or name one, such as `roles: [app, worker]`
)");
}

TEST_CASE("a local task has no roles and is not once", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, local: true, roles: [b], once: true}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:41: 'roles' does nothing for a local task
  tasks: {a: {run: x, local: true, roles: [b], once: true}}
                                          ^
  remove it
deploy.yml:4:52: 'once' does nothing for a local task: it runs once anyway
  tasks: {a: {run: x, local: true, roles: [b], once: true}}
                                                     ^~~~
  remove it
)");
}

TEST_CASE("a local task is nobody else's, and what sudo is told is a secret's name", "[recipe]") {
  const std::string head = "application: shop\ndeploy_to: /srv/shop\nsource: {directory: dist}\n";
  CHECK(errors_of(head + R"(tasks: {a: {run: x, local: true, become: root}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:42: 'become' is for hosts, and this task is local
  tasks: {a: {run: x, local: true, become: root}}
                                           ^~~~
  write sudo in 'run', or remove it
)");
  CHECK(errors_of(head + R"(tasks: {a: {run: x, local: true, pty: true}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:39: 'pty' is for hosts, and this task is local
  tasks: {a: {run: x, local: true, pty: true}}
                                        ^~~~
  remove it
)");
  CHECK(errors_of(head + "secrets: {SUDO: {env: S}}\nbecome_password: SUDA\nstages: {production: {hosts: [a]}}\n") ==
        "deploy.yml:5:18: 'become_password' names no secret: what stands there is not under 'secrets'\n  did you mean 'SUDO'?\n");
  CHECK(errors_of(head + "secrets: {SUDO: {env: S}}\ntasks: {a: {run: x, become: root, become_password: SUDA}}\nstages: {production: {hosts: [a]}}\n") ==
        "deploy.yml:5:52: 'become_password' names no secret: what stands there is not under 'secrets'\n  did you mean 'SUDO'?\n");
  CHECK(errors_of(head + R"(secrets: {SUDO: {env: S}}
tasks: {a: {run: x, become_password: SUDO}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:5:38: 'become_password' does nothing without 'become'
  tasks: {a: {run: x, become_password: SUDO}}
                                       ^~~~
  remove it
)");
  const Recipe recipe = load(head + R"(secrets: {SUDO: {env: S}, OTHER: {env: O}}
become_password: SUDO
tasks: {a: {run: x, become: www-data}, b: {run: x, become: db, become_password: OTHER}, c: {run: x, become: db, pty: true}}
stages: {production: {hosts: [a]}}
)");
  CHECK(recipe.tasks.at("a").become == "www-data");
  CHECK(recipe.tasks.at("b").become_password == "OTHER");
  CHECK(passwords_of(recipe) == std::set<std::string>{"OTHER", "SUDO"});
  CHECK(recipe.tasks.at("c").pty);
  CHECK(to_yaml(load(to_yaml(recipe))) == to_yaml(recipe));
}

TEST_CASE("a role that no host of any stage has is told at the task", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, roles: [ap]}}
stages:
  staging: {hosts: [{address: a, roles: [app]}]}
  production: {hosts: [{address: b, roles: [app]}, {address: c, roles: [db]}]}
)") ==
        R"(deploy.yml:4:29: no host of any stage has the role 'ap'
  tasks: {a: {run: x, roles: [ap]}}
                              ^~
  did you mean 'app'?
)");
}

TEST_CASE("a once task that a stage has nobody for is told at the hook", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, roles: [db], once: true}}
hooks: {build: a}
stages:
  staging: {hosts: [{address: a, roles: [app]}]}
  production: {hosts: [{address: b, roles: [app]}, {address: c, roles: [db]}]}
)") ==
        R"(deploy.yml:5:16: the task 'a' runs once, but no host of the stage 'staging' has its role
  hooks: {build: a}
                 ^
  give a host of the stage one of: db; or override the hook in the stage
)");
}

}  // namespace kirikae::recipe
