// Every error about secrets as a person sees it, whole.
#include "unit/recipe_text.h"

namespace kirikae::recipe {
TEST_CASE("secrets come from the environment, a file or a command", "[recipe]") {
  const Recipe recipe = load(recipe_with(
      "vars: {dir: keys}\nsecrets:\n  A: {env: SOME_TOKEN}\n  B: {file: '${dir}/b'}\n  C: {command: 'echo ${x} | rev'}\n"));
  REQUIRE(recipe.secrets.size() == 3);
  CHECK(recipe.secrets.at("A").env == "SOME_TOKEN");
  CHECK(recipe.secrets.at("B").file == "/srv/project/keys/b");
  CHECK(recipe.secrets.at("C").command == "echo ${x} | rev");
  CHECK(recipe.secrets.at("B").span.line == 7);
  const std::string printed = to_yaml(recipe);
  CHECK(printed.find("secrets:\n  A:\n    env: SOME_TOKEN\n  B:\n    file: /srv/project/keys/b\n  C:\n    command: "
                     "\"echo ${x} | rev\"\n") != std::string::npos);
  CHECK(to_yaml(load(printed)) == printed);
}

TEST_CASE("a secret that stands in the recipe itself is refused without being shown", "[recipe]") {
  CHECK(errors_of(recipe_with("secrets: {TOKEN: hunter22}\n")) ==
        "deploy.yml:4:18: 'TOKEN' must be a map, not text\n"
        "  such as `API_KEY: {env: API_KEY}`; a secret itself doesn't belong into a recipe\n");
  CHECK(errors_of(recipe_with(""), {"secrets.TOKEN=hunter22"}) ==
        "--set secrets.TOKEN: 'TOKEN' is a map and can't be set as a whole\n  name one of its keys, with a dot\n");
}

TEST_CASE("the password of a login is a secret's name, and what stands there instead is not shown", "[recipe]") {
  const Recipe recipe = load(recipe_with("secrets: {LOGIN: {env: L}, KEY: {env: K}}\nssh: {password: LOGIN}\n"));
  CHECK(recipe.ssh.password == "LOGIN");
  CHECK(passwords_of(recipe) == std::set<std::string>{"LOGIN"});
  CHECK(to_yaml(load(to_yaml(recipe))) == to_yaml(recipe));
  CHECK(errors_of(recipe_with("secrets: {LOGIN: {env: L}}\nssh: {password: LOGON}\n")) ==
        "deploy.yml:5:17: 'password' names no secret: what stands there is not under 'secrets'\n  did you mean 'LOGIN'?\n");
  CHECK(errors_of(recipe_with("secrets: {LOGIN: {env: L}}\nssh: {password: hunter22}\n")) ==
        "deploy.yml:5:17: 'password' names no secret: what stands there is not under 'secrets'\n  known there: LOGIN\n");
  CHECK(errors_of(recipe_with("ssh: {password: hunter22}\n")) ==
        "deploy.yml:4:17: 'password' names no secret: what stands there is not under 'secrets'\n"
        "  such as `secrets: {LOGIN_PASSWORD: {env: LOGIN_PASSWORD}}`\n");
}

TEST_CASE("a secret has exactly one source", "[recipe]") {
  CHECK(errors_of(recipe_with("secrets: {TOKEN: {}}\n")) ==
        R"(deploy.yml:4:11: the secret 'TOKEN' has neither 'env' nor 'file' nor 'command'
  secrets: {TOKEN: {}}
            ^~~~~
  such as `TOKEN: {env: TOKEN}`
)");
  CHECK(errors_of(recipe_with("secrets: {TOKEN: {env: A}}\n", "stages: {production: {secrets: {TOKEN: {file: b}}, hosts: [h]}}\n")) ==
        R"(deploy.yml:5:47: the secret 'TOKEN' has both 'env' and 'file'
  stages: {production: {secrets: {TOKEN: {file: b}}, hosts: [h]}}
                                                ^
  keep one; a stage takes the other away by `env: null`
)");
  CHECK(load(recipe_with("secrets: {T: {env: A}}\n",
                         "stages: {production: {secrets: {T: {env: null, file: b}}, hosts: [h]}}\n"))
            .secrets.at("T")
            .file == "/srv/project/b");
  CHECK(errors_of(recipe_with("secrets: {T: {env: A-B}}\n")) ==
        R"(deploy.yml:4:20: 'A-B' is no name of a variable: letters, digits and _, not a digit first
  secrets: {T: {env: A-B}}
                     ^~~
)");
  CHECK(errors_of(recipe_with("secrets: {T: {evn: A}}\n")) ==
        R"(deploy.yml:4:11: the secret 'T' has neither 'env' nor 'file' nor 'command'
  secrets: {T: {evn: A}}
            ^
  such as `T: {env: T}`
deploy.yml:4:15: unknown key 'evn'
  secrets: {T: {evn: A}}
                ^~~
  did you mean 'env'?
)");
}

TEST_CASE("a secret's name is one that no other value has", "[recipe]") {
  CHECK(errors_of(recipe_with("secrets: {PATH: {env: A}}\n")).starts_with("deploy.yml:4:11: 'PATH' is refused here"));
  CHECK(errors_of(recipe_with("vars: {T: x}\nsecrets: {T: {env: A}}\n")) ==
        R"(deploy.yml:5:11: 'T' is a secret, and under 'vars' too
  secrets: {T: {env: A}}
            ^
  rename one of the two
)");
  CHECK(errors_of(recipe_with("env: {T: x}\nsecrets: {T: {env: A}}\n")).find("'T' is a secret, and under 'env' too") !=
        std::string::npos);
  CHECK(errors_of(recipe_with("secrets: {T: {env: A}}\n",
                              "stages: {production: {hosts: [{address: h, vars: {T: x}}]}}\n"))
            .find("'T' is a secret, and under 'vars' too") != std::string::npos);
}

TEST_CASE("no value is made of a secret", "[recipe]") {
  CHECK(errors_of(recipe_with("secrets: {TOKEN: {env: A}}\nvars: {url: 'x/${TOKEN}'}\n")) ==
        R"(deploy.yml:5:16: 'TOKEN' is a secret, and values are shown
  vars: {url: 'x/${TOKEN}'}
                 ^~~~~~~~
  commands have it as $TOKEN
)");
  CHECK(errors_of(recipe_with("secrets: {TOKEN: {env: CHANNEL}}\nvars: {url: '${env.CHANNEL:-x}'}\n")) ==
        R"(deploy.yml:5:14: the environment variable 'CHANNEL' holds the secret 'TOKEN', which can't be part of a value
  vars: {url: '${env.CHANNEL:-x}'}
               ^~~~~~~~~~~~~~~~~
  commands have it as $TOKEN
)");
}

TEST_CASE("an error about another value doesn't show a secret", "[recipe]") {
  const auto recipe = load_recipe(recipe_with("secrets: {TOKEN: {env: SECRET}}\nuser: ${env.OTHER}\n"), "deploy.yml", "/", "production", {},
                                  {{{"SECRET", "hunter 22"}, {"OTHER", "hunter 22"}}, "/"});
  REQUIRE_FALSE(recipe);
  CHECK(text_of(recipe.error()) == "deploy.yml:5:7: '***' is no user's name\n  user: ${env.OTHER}\n        ^~~~~~~~~~~~\n");
}

TEST_CASE("a URL of a repository that may have a token in it is refused, and not shown", "[recipe]") {
  const auto errors_with = [](const std::string& url) {
    return errors_of("application: a\ndeploy_to: /x\nsource: {git: \"" + url + "\"}\nstages: {production: {hosts: [a]}}\n");
  };
  // Not even the line where it stands.
  CHECK(errors_with("ssh://a:t0ken@h/x") == "deploy.yml:3:15: a URL with a password in it would be shown: leave that to a key or an agent\n");
  for (const std::string url : {"https://t0ken@h/x", "http://a:t0ken@h/x", "HTTPS://t0ken@h", "https://t0ken@-h/x", "https://t0k@en@h/x", "https://t0ken@h?@x"}) {
    CAPTURE(url);
    CHECK(errors_with(url) ==
          "deploy.yml:3:15: a URL with 'USER@' in it would be shown, and that may be a token: leave it out, git asks its credential helper or "
          "GIT_ASKPASS\n");
  }
  // Nor with what else is wrong there.
  CHECK(errors_of("application: a\ndeploy_to: /x\nsource: {git: {repository: \"https://t0ken@h/x\", revison: main}}\n"
                  "stages: {production: {hosts: [a]}}\n").find("t0ken") == std::string::npos);
  for (const std::string url : {"ssh://git@h/x", "git@h:x", "https://h/x@y", "https://h:8443/x"}) {
    CAPTURE(url);
    CHECK(errors_with(url) == "loads");
  }
}

}  // namespace kirikae::recipe
