#include <algorithm>

#include "cli.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

struct Wrong {
  std::vector<std::string> arguments;
  std::string text;  // @VERBS@ stands for the names of all verbs
};

// All verbs in the order of the help.
std::string all_verbs(const Cli& deploy) {
  std::string names;
  for (const std::string& verb : matches(deploy({"--help"}).out, "^  ([a-z]+) {2,}[a-z]")) {
    names += (names.empty() ? "" : ", ") + verb;
  }
  return names;
}

std::string with_verbs(std::string text, const Cli& deploy) {
  constexpr std::string_view place = "@VERBS@";
  if (const auto at = text.find(place); at != std::string::npos) text.replace(at, place.size(), all_verbs(deploy));
  return text;
}

TEST_CASE("a wrong command line is exit code 2 and says what would be right") {
  const Cli deploy;
  deploy.recipe();
  const Wrong wrong = GENERATE(
      Wrong{{},
            "error: which stage?\n  usage: deploy [VERB] STAGE, see 'deploy --help'\n  stages of 'deploy.yml': "
            "staging, production\n"},
      Wrong{{"--set", "x=1"},
            "error: which stage?\n  usage: deploy [VERB] STAGE, see 'deploy --help'\n  stages of 'deploy.yml': "
            "staging, production\n"},
      Wrong{{"produktion"},
            "error: no stage 'produktion' in 'deploy.yml'\n  did you mean 'production'? stages: staging, production; "
            "verbs: "
            "@VERBS@\n"},
      Wrong{{"rolback"},
            "error: no stage 'rolback' in 'deploy.yml'\n  did you mean 'rollback'? stages: staging, production; verbs: "
            "@VERBS@\n"},
      Wrong{{"elsewhere"},
            "error: no stage 'elsewhere' in 'deploy.yml'\n  stages: staging, production; verbs: @VERBS@\n"},
      Wrong{{"check", "releases"},
            "error: no stage 'releases' in 'deploy.yml'\n  'releases' is a verb, of which a call has one; stages: "
            "staging, production\n"},
      Wrong{{"config", "prod"}, "error: no stage 'prod' in 'deploy.yml'\n  stages: staging, production\n"},
      Wrong{{"rollback"}, "error: no stage given\n  stages: staging, production\n"},
      Wrong{{"rolback", "production"},
            "error: unknown verb 'rolback'\n  did you mean 'rollback'? see 'deploy --help'\n"},
      Wrong{{"exec", "production"}, "error: unknown verb 'exec'\n  did you mean 'run'? see 'deploy --help'\n"},
      Wrong{{"production", "tail"}, "error: unknown verb 'tail'\n  did you mean 'logs'? see 'deploy --help'\n"},
      Wrong{{"production", "relases"},
            "error: unknown verb 'relases'\n  did you mean 'releases'? see 'deploy --help'\n"},
      Wrong{{"elsewhere", "production"},
            "error: one of 'elsewhere' and 'production' has to be a verb\n  verbs: @VERBS@\n"},
      Wrong{{"plan", "staging", "production"},
            "error: 'production' is one word too many\n  usage: deploy plan STAGE [options]\n"},
      Wrong{{"production", "-n", "5", "audit", "now"},
            "error: 'now' is one word too many\n  usage: deploy audit STAGE [options]\n"},
      Wrong{{"production", "--frobnicate"}, "error: unknown option '--frobnicate'\n  see 'deploy --help'\n"},
      Wrong{{"production", "--host", "x"},
            "error: unknown option '--host'\n  did you mean '--hosts'? see 'deploy --help'\n"},
      Wrong{{"production", "--recipe"}, "error: option '--recipe' needs a value\n  see 'deploy --help'\n"},
      Wrong{{"production", "--recipe="}, "error: option '--recipe' needs a value\n  see 'deploy --help'\n"},
      Wrong{{"rollback", "production", "--to", "1", "--to", "2"},
            "error: option '--to' is given twice\n  see 'deploy --help'\n"},
      Wrong{{"rollback", "production", "--to", "v1"},
            "error: '--to': 'v1' is no release\n  releases are 14 digits, as 'deploy releases' lists them\n"},
      Wrong{{"production", "--to", "1"}, "error: option '--to' has no meaning here\n  it goes with: rollback\n"},
      Wrong{
          {"config", "production", "--yes"},
          "error: option '--yes' has no meaning here\n  it goes with: deploy, rollback, prune, unlock, trust, task\n"},
      Wrong{{"production", "--hosts", "a,,b"},
            "error: option '--hosts' has an empty name in 'a,,b'\n  see 'deploy --help'\n"},
      Wrong{{"production", "--set", "port"},
            "error: '--set port' is no KEY=VALUE\n  write it as '--set keep_releases=3'\n"},
      Wrong{{"production", "--output", "xml"}, "error: unknown output 'xml'\n  it is one of auto, plain, tty, json\n"},
      Wrong{{"staging", "--revision", "v1\nv2"},
            "error: '--revision': 'v1\\nv2' has a line break or a control character in it\n"},
      Wrong{{"staging", "--revision", std::string(1025, 'x')}, "error: '--revision': more than 1024 bytes\n"},
      Wrong{{"production", "-qv"}, "error: '--quiet' and '--verbose' exclude each other\n  see 'deploy --help'\n"},
      Wrong{{"production", "--yes=perhaps"},
            "error: an option that takes no value was given one\n  see 'deploy --help'\n"},
      Wrong{{"help", "rolback"}, "error: no help on 'rolback'\n  did you mean 'rollback'?\n"},
      Wrong{{"init", "a b"}, "error: 'a b' is no application's name: letters, digits, - and _\n"},
      Wrong{{"init"},
            "error: 'deploy.yml' is here already; it was left as it is\n  'deploy help recipe' explains its keys\n"},
      Wrong{
          {"production", "--output", "plain"},
          "error: stage 'production' wants to be confirmed, and nobody can be asked here\n  --yes answers for you\n"});
  CAPTURE(wrong.arguments);
  const Ended ended = deploy(wrong.arguments);
  CHECK(ended.status == 2);
  CHECK(ended.err == with_verbs(wrong.text, deploy));
  CHECK(ended.out.empty());
}

TEST_CASE("a wrong recipe is exit code 2 with its place, its line and a caret") {
  const Cli deploy;
  deploy.recipe("keep_relases: 3\n");
  for (const auto& arguments :
       {std::vector<std::string>{"staging"}, {"config", "production"}, {"rollback", "staging", "-n"}}) {
    const Ended ended = deploy(arguments);
    CHECK(ended.status == 2);
    CHECK(ended.err.find("error: deploy.yml:4:1: ") == 0);
    CHECK(ended.err.find("\n  keep_relases: 3\n  ^~~~~~~~~~~~\n") != std::string::npos);
    CHECK(ended.err.find("'keep_releases'") != std::string::npos);
    CHECK(ended.out.empty());
  }
}

TEST_CASE("without any recipe the error says how to get one") {
  const Cli deploy;
  const Ended ended = deploy({"production"});
  CHECK(ended.status == 2);
  CHECK(ended.err.find("error: no deploy.yml in '") == 0);
  CHECK(ended.err.find("deploy init") != std::string::npos);
}

TEST_CASE("hosts that can't be reached are exit code 5, and the table and the errors go to different streams") {
  const Cli deploy;
  deploy.recipe();
  const Ended ended = deploy({"production", "--yes", "--hosts", "127.0.0.1*"});
  CHECK(ended.status == 5);
  CHECK(ended.out.find("deploy shop to production: 1 host (127.0.0.1)\n") == 0);
  CHECK(ended.out.find("\nhost ") != std::string::npos);
  CHECK(ended.out.find("deploy shop to production: unreachable in ") != std::string::npos);
  CHECK(ended.err.find("error: [127.0.0.1] ") != std::string::npos);
  const Ended reading = deploy({"releases", "staging"});
  CHECK(reading.status == 5);
  CHECK(reading.out.empty());
  CHECK(reading.err.find("error: [127.0.0.1] ") == 0);
}

TEST_CASE("the help texts fit a terminal of 80 columns and name every verb") {
  const Cli deploy;
  const Ended general = deploy({"--help"});
  CHECK(general.status == 0);
  CHECK(general.err.empty());
  CHECK(deploy({"help"}).out == general.out);
  CHECK(deploy({"production", "--help"}).out == general.out);
  std::vector<std::string> verbs = matches(general.out, "^  ([a-z]+) {2,}[a-z]");
  CHECK(verbs.size() > 10);
  verbs.emplace_back();
  for (const std::string& verb : verbs) {
    const Ended ended = verb.empty() ? general : deploy({verb, "--help"});
    CAPTURE(verb);
    CHECK(ended.status == 0);
    CHECK(ended.out.starts_with("usage: deploy "));
    CHECK(ended.out.find("\nExamples:\n  deploy ") != std::string::npos);
    CHECK(general.out.find("\n  " + verb) != std::string::npos);
    CHECK(deploy({"help", verb}).out == ended.out);
    std::size_t column = 0, longest = 0;
    for (const char c : ended.out) longest = std::max(longest, column = c == '\n' ? 0 : column + 1);
    CHECK(longest <= 80);
  }
}

TEST_CASE("help on one verb shows the options that it takes and no other") {
  const Cli deploy;
  CHECK(deploy({"help", "rollback"}).out.find("--to RELEASE") != std::string::npos);
  CHECK(deploy({"help", "deploy"}).out.find("--to RELEASE") == std::string::npos);
  CHECK(deploy({"help", "config"}).out.find("--lock-wait") == std::string::npos);
}

TEST_CASE("text that can't be written is a failure unless its reader has left") {
  const Cli deploy;
  deploy.recipe();
  SubprocessCall call;
  call.argv = {"sh", "-c", KIRIKAE_DEPLOY " config staging >/dev/full"};
  call.folder = deploy.folder.path().string();
  std::string err;
  call.on_output = [&](bool, std::string_view bytes) { err += bytes; };
  CHECK(run_subprocess(call)->status == 1);
  CHECK(err == "error: standard output can't be written: No space left on device\n");
  call.argv = {"bash", "-c", "set -o pipefail; " KIRIKAE_DEPLOY " help recipe | true"};
  err.clear();
  CHECK(run_subprocess(call)->status == 0);
  CHECK(err.empty());
}

TEST_CASE("the version is one line") {
  const Cli deploy;
  const Ended ended = deploy({"--version"});
  CHECK(ended.status == 0);
  CHECK(ended.out.starts_with("deploy (Kirikae) "));
  CHECK(std::ranges::count(ended.out, '\n') == 1);
}

}  // namespace
}  // namespace kirikae::golden
