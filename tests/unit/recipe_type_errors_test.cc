// Every error as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("a wrong type names what was expected and what was given", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_releases: many
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:16: 'keep_releases' must be a whole number from 1 to 1000, not 'many'
  keep_releases: many
                 ^~~~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_releases: [1]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:16: 'keep_releases' must be a whole number from 1 to 1000, not a list
  keep_releases: [1]
                 ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_releases: 05
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:16: 'keep_releases' must be a whole number from 1 to 1000, not '05'
  keep_releases: 05
                 ^~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
user: {a: b}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:7: 'user' must be text, not a map
  user: {a: b}
        ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
copied: {a: b}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:9: 'copied' must be a list of texts, not a map
  copied: {a: b}
          ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
copied: [[a]]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:10: each of 'copied' must be text, not a list
  copied: [[a]]
           ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
ssh: 22
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:6: 'ssh' must be a map, not '22'
  ssh: 22
       ^~
  such as `ssh: {port: 2222}`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: [a]
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:7: 'vars' must be a map of names, not a list
  vars: [a]
        ^
  such as `vars: {port: 8080, channel: "${env.CHANNEL:-stable}"}`
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: [b]}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: 'a' must be text or a map, not a list
  tasks: {a: [b]}
             ^
)");
}

TEST_CASE("true and false are the only flags", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
confirm: yes
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:10: 'confirm' must be true or false, not 'yes'
  confirm: yes
           ^~~
  write true or false, without quotes
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, once: 1}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:27: 'once' must be true or false, not '1'
  tasks: {a: {run: x, once: 1}}
                            ^
  write true or false, without quotes
)");
}

TEST_CASE("a number or a duration out of its range is told with the range", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_releases: 0
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:16: 'keep_releases' must be a whole number from 1 to 1000, not '0'
  keep_releases: 0
                 ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
ssh: {port: 65536}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:13: 'port' must be a whole number from 1 to 65535, not '65536'
  ssh: {port: 65536}
              ^~~~~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
ssh: {connect_timeout: 2h}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:24: 'connect_timeout' must be from 1s to 3600s, not '2h'
  ssh: {connect_timeout: 2h}
                         ^~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
tasks: {a: {run: x, timeout: 0s}}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:30: 'timeout' must be from 1s to 604800s, not '0s'
  tasks: {a: {run: x, timeout: 0s}}
                               ^~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
ssh: {keepalive: soon}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:18: 'keepalive' must be a duration such as 30s, 5m or 1h, not 'soon'
  ssh: {keepalive: soon}
                   ^~~~
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
keep_releases: 99999999999999999999
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:16: 'keep_releases' must be a whole number from 1 to 1000, not '99999999999999999999'
  keep_releases: 99999999999999999999
                 ^~~~~~~~~~~~~~~~~~~~
)");
}

}  // namespace kirikae::recipe
