// Questions of a recipe: at a terminal, and where nobody is there.
#include "cli_at_terminal.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::golden {
namespace {

// Its local task notes what it was told, and ends the run before any host.
void write_recipe(const Cli& deploy, const std::string& prompts) {
  deploy.folder.write("app/index.html", "hello\n");
  deploy.folder.write("deploy.yml",
                      "application: shop\ndeploy_to: /srv/shop\nsource: {directory: app}\n" + prompts +
                          "tasks: {note: {run: 'echo \"<$version> <$pin>\" | tee got; exit 3', local: true}}\n"
                          "hooks: {before_connect: note}\nstages: {production: {hosts: [127.0.0.1:1]}}\n");
}

Pty at_dumb_terminal(const Cli& deploy, std::vector<std::string> arguments) {
  return at_terminal(deploy, std::move(arguments), {{"TERM", "dumb"}, {"NO_COLOR", "1"}});
}

const std::string both =
    "prompts:\n  version: {question: Release version, default: {command: 'echo v1; echo asked >>asked'}}\n"
    "  pin: {question: PIN, secret: true}\n";

}  // namespace

TEST_CASE("a prompt is asked at the terminal, and return takes its default") {
  const Cli deploy;
  write_recipe(deploy, both);
  Pty terminal = at_dumb_terminal(deploy, {"production"});
  REQUIRE(terminal.says("Release version [v1]: "));
  terminal.type("\n");
  REQUIRE(terminal.says("PIN: "));
  CHECK_FALSE(terminal.echoes());
  terminal.type("1234567\n");
  CHECK(terminal.end() == 1);
  CHECK(deploy.folder.read("got") == "<v1> <1234567>\n");
  CHECK(terminal.output().find("<v1> <***>") != std::string::npos);
  CHECK(terminal.output().find("1234567") == std::string::npos);

  Pty other = at_dumb_terminal(deploy, {"production", "--set", "pin=7654321"});
  REQUIRE(other.says("Release version [v1]: "));
  other.type("v2\n");
  CHECK(other.end() == 1);
  CHECK(deploy.folder.read("got") == "<v2> <7654321>\n");
  CHECK(other.output().find("7654321") == std::string::npos);
}

TEST_CASE("a prompt without a default is asked until it is answered, and ^C is exit code 130") {
  const Cli deploy;
  write_recipe(deploy, "prompts: {version: {question: Release version}}\n");
  Pty terminal = at_dumb_terminal(deploy, {"production"});
  REQUIRE(terminal.says("Release version: "));
  terminal.type("\n");
  REQUIRE(terminal.says("Release version: \r\nRelease version: "));
  terminal.type("v3\n");
  CHECK(terminal.end() == 1);
  CHECK(deploy.folder.read("got") == "<v3> <>\n");
  Pty stopped = at_dumb_terminal(deploy, {"production"});
  REQUIRE(stopped.says("Release version: "));
  stopped.type("\x03");
  CHECK(stopped.end() == 130);
}

TEST_CASE("^C at a question for a secret is exit code 130, too, and nothing else is asked") {
  const Cli deploy;
  const std::string fallback = GENERATE(as<std::string>{}, "", ", default: {command: echo 7654321}");
  write_recipe(deploy, "prompts:\n  pin: {question: PIN, secret: true" + fallback + "}\n  word: {question: Password, secret: true}\n");
  Pty terminal = at_dumb_terminal(deploy, {"production"});
  REQUIRE(terminal.says("PIN: "));
  terminal.type("\x03");
  CHECK(terminal.end() == 130);
  CHECK(terminal.output().find("Password") == std::string::npos);
  CHECK(terminal.output().find("--set") == std::string::npos);
}

TEST_CASE("what is typed at a question for a secret stays invisible, also after signals to stop and to go on") {
  const Cli deploy;
  write_recipe(deploy, "prompts: {pin: {question: PIN, secret: true}}\n");
  Pty terminal = at_dumb_terminal(deploy, {"production"});
  REQUIRE(terminal.says("PIN: "));
  REQUIRE(::kill(terminal.pid(), SIGTSTP) == 0);
  REQUIRE(test::eventually([&] { return !test::has_pending(terminal.pid(), SIGTSTP); }));  // or the next one would cancel it
  REQUIRE(::kill(terminal.pid(), SIGCONT) == 0);
  CHECK_FALSE(terminal.echoes());
  terminal.type("1234567\n");
  CHECK(terminal.end() == 1);
  CHECK(terminal.output().find("1234567") == std::string::npos);
  CHECK(deploy.folder.read("got") == "<> <1234567>\n");
}

TEST_CASE("without a terminal a prompt takes its default, or is exit code 2") {
  const Cli deploy;
  write_recipe(deploy, both);
  const Ended missing = deploy({"production"});
  CHECK(missing.status == 2);
  CHECK(missing.err ==
        "error: deploy.yml:6:3: 'PIN' is asked, and nobody can be asked here\n"
        "    pin: {question: PIN, secret: true}\n"
        "    ^~~\n"
        "  --set pin=… answers it\n");
  CHECK(deploy({"production", "--set", "pin=1234567"}).status == 1);
  CHECK(deploy.folder.read("got") == "<v1> <1234567>\n");
  const Ended shorter = deploy({"production", "--set", "pin=12345"});
  CHECK(shorter.status == 2);
  CHECK(shorter.err.find("the answer to 'pin' can't be a secret: it has fewer than 6 characters") != std::string::npos);

  write_recipe(deploy, "prompts: {version: {question: V, default: {command: 'echo no tags >&2; exit 4'}}}\n");
  const Ended failed = deploy({"production"});
  CHECK(failed.status == 1);
  CHECK(failed.err.find("the default of 'version': the command ended with status 4: no tags") != std::string::npos);

  // What such a command complains of may hold what the recipe calls a secret.
  write_recipe(deploy, "secrets: {KEY: {env: API_KEY}}\nprompts:\n  pin: {question: PIN, secret: true}\n"
                       "  version: {question: V, default: {command: 'echo \"no tags for $API_KEY\" >&2; exit 4'}}\n");
  const Ended masked = deploy({"production", "--set", "pin=1234567"}, {{"API_KEY", "correct-horse"}});
  CHECK(masked.status == 1);
  CHECK(masked.err.find("no tags for ***") != std::string::npos);
  CHECK(masked.err.find("correct-horse") == std::string::npos);
}

TEST_CASE("verbs that run commands ask everything, those that tell what would be done ask for no secret") {
  const Cli deploy;
  write_recipe(deploy, both);
  for (const auto& words : {std::vector<std::string>{"production"}, {"rollback", "production"}, {"prune", "production"},
                            {"task", "production", "note"}, {"run", "production", "--", "true"}}) {
    const Ended ran = deploy(words);
    INFO(words[0]);
    CHECK(ran.status == 2);
    CHECK(ran.err.find("'PIN' is asked, and nobody can be asked here") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(deploy.folder / "asked"));
  }
  for (const auto& words : {std::vector<std::string>{"plan", "production"}, {"production", "-n"}, {"rollback", "production", "-n"},
                            {"prune", "production", "-n"}}) {
    std::filesystem::remove(deploy.folder / "asked");
    INFO(words[0]);
    CHECK(deploy(words).status == 5);  // it went on to connect
    CHECK(std::filesystem::exists(deploy.folder / "asked"));
  }
}

TEST_CASE("verbs that run no commands ask nothing, but where a host's name waits for the answer") {
  const Cli deploy;
  write_recipe(deploy, both);
  CHECK(deploy({"releases", "production"}).status == 5);  // it went on to connect
  CHECK(deploy({"logs", "production", "--set", "logs=log/app.log"}).status == 5);
  const Ended config = deploy({"config", "production", "--set", "version=v9"});
  CHECK(config.status == 0);
  CHECK(config.out.find("vars:\n  version: v9\n") != std::string::npos);
  const Ended open = deploy({"config", "production"});
  CHECK(open.status == 0);
  CHECK(open.out.find("prompts:\n  version:\n") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(deploy.folder / "asked"));
  write_recipe(deploy, both + "env: {V: '${version}'}\n");
  const Ended filled = deploy({"config", "production"});
  CHECK(filled.status == 0);
  CHECK(std::filesystem::exists(deploy.folder / "asked"));
  CHECK(filled.out.find("env:\n  V: v") != std::string::npos);
  CHECK(filled.out.find("  version:\n") == std::string::npos);
  write_recipe(deploy, "prompts: {version: {question: Version}}\nvars: {v: '-${version}'}\n");
  const Ended hole = deploy({"config", "production"});
  CHECK(hole.status == 2);
  CHECK(hole.err.find("'Version' is asked, and nobody can be asked here") != std::string::npos);
  std::filesystem::remove(deploy.folder / "asked");
  write_recipe(deploy, both + "user: '${version}'\n");
  CHECK(deploy({"releases", "production"}).status == 5);  // with the default; a secret answer makes no value
  CHECK(std::filesystem::exists(deploy.folder / "asked"));
}

TEST_CASE("a verb asks where a path that it looks at waits for the answer, and another one doesn't") {
  const Cli deploy;
  const auto asked = [&](const std::string& recipe, const std::string& verb) {
    write_recipe(deploy, recipe);
    std::filesystem::remove(deploy.folder / "asked");
    const Ended ran = deploy({verb, "production"});
    INFO(verb << " of " << recipe << ran.err);
    CHECK(ran.status == 5);  // it went on to connect
    return std::filesystem::exists(deploy.folder / "asked");
  };
  deploy.folder.write("conf", "{{version}} {{REL}}\n");
  const std::string made = both + "templates: [{from: conf, to: 'conf/${version}'}]\nenv: {REL: 'r-${version}'}\n", copied = both + "copied: ['lib/${version}']\n",
                    logs = both + "logs: [log/a.log, 'log/${version}.log']\n";
  const std::string packed = "prompts: {how: {question: How, default: {command: 'echo gzip; echo asked >>asked'}}}\ncompression: '${how}'\n";
  for (const auto& recipe : {made, copied}) {
    CHECK(asked(recipe, "check"));
    CHECK(asked(recipe, "diff"));
    CHECK_FALSE(asked(recipe, "status"));
  }
  CHECK(asked(packed, "check"));
  CHECK_FALSE(asked(packed, "diff"));
  CHECK(asked(logs, "logs"));
  CHECK(asked(both + "logs: 'log/${version}.log'\n", "logs"));
  CHECK_FALSE(asked(logs, "check"));
  CHECK_FALSE(asked(both + "templates: [{from: conf, to: conf}]\nenv: {REL: 'r-${version}'}\n", "check"));
}

}  // namespace kirikae::golden
