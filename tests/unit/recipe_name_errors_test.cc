// Every error as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {

TEST_CASE("an unknown name in a value is told with the nearest one", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {chanel: x, a: "${channel}", b: "${APPLICATION}", c: "${nothing_like_it}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:23: nothing is named 'channel'
  vars: {chanel: x, a: "${channel}", b: "${APPLICATION}", c: "${nothing_like_it}"}
                        ^~~~~~~~~~
  did you mean 'chanel'?
deploy.yml:4:40: nothing is named 'APPLICATION'
  vars: {chanel: x, a: "${channel}", b: "${APPLICATION}", c: "${nothing_like_it}"}
                                         ^~~~~~~~~~~~~~
  did you mean 'application'?
deploy.yml:4:61: nothing is named 'nothing_like_it'
  vars: {chanel: x, a: "${channel}", b: "${APPLICATION}", c: "${nothing_like_it}"}
                                                              ^~~~~~~~~~~~~~~~~~
  set it under 'vars', or write $${ for a plain ${
)");
}

TEST_CASE("names that refer to each other in a circle are told once", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "${b}", b: "x${c}", c: "${a}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: 'b' refers to itself: b -> c -> a -> b
  vars: {a: "${b}", b: "x${c}", c: "${a}"}
             ^~~~
  break the circle
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "${a}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: 'a' refers to itself: a -> a
  vars: {a: "${a}"}
             ^~~~
  break the circle
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/${shared_path}
source: {directory: d}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:17: 'deploy_to' refers to itself: deploy_to -> deploy_to
  deploy_to: /srv/${shared_path}
                  ^~~~~~~~~~~~~~
  break the circle
)");
}

TEST_CASE("names that only commands know are told as such", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "${release_path}", b: "${HOST}", c: "${weight}"}
stages: {production: {hosts: [{address: a, vars: {weight: 1}}]}}
)") ==
        R"(deploy.yml:4:12: 'release_path' is known to commands only
  vars: {a: "${release_path}", b: "${HOST}", c: "${weight}"}
             ^~~~~~~~~~~~~~~
  commands have it as $RELEASE_PATH
deploy.yml:4:34: 'HOST' is known to commands only
  vars: {a: "${release_path}", b: "${HOST}", c: "${weight}"}
                                   ^~~~~~~
  commands have it as $HOST
deploy.yml:4:48: 'weight' is a var of single hosts
  vars: {a: "${release_path}", b: "${HOST}", c: "${weight}"}
                                                 ^~~~~~~~~
  commands have it as $weight; for other values, set it under 'vars'
)");
}

TEST_CASE("a name that a shell or the tool keeps for itself is no var, no secret and no host's var", "[recipe]") {
  const auto with = [](const std::string& where, const std::string& name) {
    return errors_of("application: a\ndeploy_to: /a\nsource: {directory: d}\n" + where + ": {" + name +
                     ": " + (where == "secrets" ? "{env: X}" : where == "prompts" ? "{question: Q}" : "x") + "}\nstages: {production: {hosts: h}}\n");
  };
  for (const std::string where : {"vars", "env", "secrets", "prompts"}) {
    for (const std::string name : {"UID", "EUID", "GID", "EGID", "PPID", "SHELLOPTS", "BASHOPTS", "BASHPID", "BASH", "BASH_VERSION", "BASH_VERSINFO", "OPTIND",
                                   "LINENO", "RANDOM", "SRANDOM", "SECONDS", "GROUPS", "FUNCNAME", "DIRSTACK", "PWD", "OLDPWD", "SHLVL", "TMOUT", "PS4",
                                   "HISTCMD", "EPOCHSECONDS", "EPOCHREALTIME", "KSH_VERSION", "ERRNO", "KSHEGID", "KSHGID", "KSHUID", "OPTERR", "PGRP",
                                   "PIPESTATUS", "TRY_BLOCK_ERROR", "TTYIDLE", "_"}) {
      CHECK_THAT(with(where, name), Catch::Matchers::ContainsSubstring("'" + name + "' is a variable of shells themselves"));
    }
    for (const std::string name : {"kk_alone", "kk_run", "KIRIKAE_RUN", "kirikae_run"}) {
      CHECK_THAT(with(where, name), Catch::Matchers::ContainsSubstring("'" + name + "' is a name of the tool's own"));
    }
    for (const std::string name : {"UIDS", "BASHFUL", "PS1", "kk", "_x", "GROUP"}) CHECK(with(where, name) == "loads");
  }
  CHECK(errors_of("application: a\ndeploy_to: /a\nsource: {directory: d}\nstages: {production: {hosts: {address: h, vars: {UID: 0}}}}\n") ==
        "deploy.yml:4:50: 'UID' is a variable of shells themselves\n  stages: {production: {hosts: {address: h, vars: {UID: 0}}}}\n"
        "                                                   ^~~\n");
}

TEST_CASE("a variable of the environment that is not set needs a default", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "${env.NOT_SET}", b: "${env.NOT_SET:-x}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: the environment variable 'NOT_SET' is not set
  vars: {a: "${env.NOT_SET}", b: "${env.NOT_SET:-x}"}
             ^~~~~~~~~~~~~~
  set it, or give a default: ${env.NOT_SET:-…}
)");
}

TEST_CASE("an interpolation holds no other one", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: "/srv/${env.APP:-${application}}"
source: {directory: dist}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:2:18: '${' within '${'
  deploy_to: "/srv/${env.APP:-${application}}"
                   ^~~~~~~~~~~~~~~~~~~~~~~~~
  make a var of what is within, under 'vars'
)");
}

TEST_CASE("an interpolation must end, and have a value", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "x${b"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:13: '${' without '}'
  vars: {a: "x${b"}
              ^~~
  write $${ for a plain ${
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "${user}", b: "${}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:12: 'user' is used, but 'user' is not set
  vars: {a: "${user}", b: "${}"}
             ^~~~~~~
  set 'user' in the recipe
deploy.yml:4:26: nothing is named ''
  vars: {a: "${user}", b: "${}"}
                           ^~~
  set it under 'vars', or write $${ for a plain ${
)");
}

TEST_CASE("a value that was interpolated is checked like any other", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: ${env.CHANNEL:-x}
keep_releases: ${stage}
source: {directory: d}
stages:
  production: {hosts: ["${application} x"]}
)") ==
        R"(deploy.yml:2:12: 'beta' is not an absolute path
  deploy_to: ${env.CHANNEL:-x}
             ^~~~~~~~~~~~~~~~~
deploy.yml:3:16: 'keep_releases' must be a whole number from 1 to 1000, not 'production'
  keep_releases: ${stage}
                 ^~~~~~~~
deploy.yml:6:24: 'shop x' is no name or address of a host
    production: {hosts: ["${application} x"]}
                         ^~~~~~~~~~~~~~~~~~
  write [user@]name[:port]
)");
}

TEST_CASE("a no-break space is shown as one", "[recipe]") {
  CHECK_THAT(errors_of("application: a\ndeploy_to: /a\nsource: {directory: d}\nstages:\n  production: {hosts: h}\n  \u00a0\u00a0x: {hosts: h}\n"),
             Catch::Matchers::ContainsSubstring("'<U+00A0><U+00A0>x' is no stage's name"));
}

TEST_CASE("the line of a value may hold tabs and letters of any script", "[recipe]") {
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {ä: x}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:8: 'ä' is no name of a variable: letters, digits and _, not a digit first
  vars: {ä: x}
         ^
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: "日本 ${x}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:19: nothing is named 'x'
  vars: {a: "日本 ${x}"}
                ^~~~
  set it under 'vars', or write $${ for a plain ${
)");
  CHECK(errors_of(R"(application: shop
deploy_to: /srv/shop
source: {directory: dist}
vars: {a: x,	b: "${y}"}
stages: {production: {hosts: [a]}}
)") ==
        R"(deploy.yml:4:18: nothing is named 'y'
  vars: {a: x,	b: "${y}"}
              	    ^~~~
  set it under 'vars', or write $${ for a plain ${
)");
}

TEST_CASE("a name without a value is an error; a stage takes it away so", "[recipe]") {
  CHECK(errors_of(R"(application: a
deploy_to: /x
source: {directory: a}
secrets:
  TOKEN:
env: {DEBUG: }
stages: {production: {hosts: [a], env: {DEBUG: }}}
)") ==
        R"(deploy.yml:5:3: 'TOKEN' has no value
    TOKEN:
    ^~~~~
  leave it out, or give it one, such as `secrets: {API_KEY: {command: pass show shop/api-key}}`
deploy.yml:6:7: 'DEBUG' has no value
  env: {DEBUG: }
        ^~~~~
  leave it out, or give it one, such as `env: {PATH: "/opt/shop/bin:/usr/bin:/bin"}`
)");
}

}  // namespace kirikae::recipe
