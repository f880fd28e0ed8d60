// `deploy completion`: what it answers, and real shells that ask it.
#include <filesystem>

#include "cli.h"
#include "pty.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

const std::string here = std::filesystem::path(KIRIKAE_DEPLOY).parent_path().string();

struct Shop : Cli {
  Shop() {
    folder.write(
        "deploy.yml",
        "application: shop\ndeploy_to: /srv/shop\nsource: {directory: app}\n"
        "tasks: {migrate: {run: 'true', roles: [db]}, mend: 'true', announce: {run: 'true', local: true}}\n"
        "stages:\n"
        "  staging: {hosts: [127.0.0.1]}\n"
        "  production:\n"
        "    hosts: [{address: 'web[1-3].example.com', roles: [app]}, {address: 'db1.example.com:2222', roles: [db]}, "
        "'[::1]:22']\n");
    folder.write("other.yml",
                 "application: x\ndeploy_to: /srv/x\nsource: {directory: app}\nstages: {elsewhere: {hosts: [a1]}}\n");
  }
  // The values only.
  std::string complete(const std::vector<std::string>& words) const {
    std::vector<std::string> arguments = {"__complete"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Ended ended = (*this)(arguments);
    CHECK(ended.status == 0);
    CHECK(ended.err.empty());
    std::string values;
    for (const std::string& value : matches(ended.out, "^([^\t\n]+)")) values += (values.empty() ? "" : " ") + value;
    return values;
  }
  // What a shell makes of script text after `deploy completion` was read.
  std::string in(std::vector<std::string> shell, const std::string& text) const {
    SubprocessCall call;
    call.argv = std::move(shell);
    call.argv.push_back(text);
    call.folder = folder.path().string();
    call.environment = {{"PATH", here + ":/usr/bin:/bin"}, {"HOME", folder.path().string()}, {"XDG_STATE_HOME", ""}};
    call.deadline = Deadline::in(std::chrono::seconds(50));
    std::string out;
    call.on_output = [&](bool, std::string_view bytes) { out += bytes; };
    const auto end = run_subprocess(call);
    CHECK((end && end->status == 0));
    return out;
  }
};

struct Asked {
  std::vector<std::string> words;
  std::string answer;
};

TEST_CASE("what may come next on a command line is told, from the recipe and the tables of verbs and options") {
  const Shop deploy;
  const Asked asked = GENERATE(
      Asked{{"tru"}, "trust"}, Asked{{"trust", "production", "--re"}, "--recipe --replace"},
      Asked{{"stag"}, "staging"}, Asked{{"prod"}, "production"}, Asked{{"rol"}, "rollback"},
      Asked{{"rollback", ""}, "staging production"}, Asked{{"production", "lo"}, "lock logs"},
      Asked{{"production", "in"}, ""}, Asked{{"production", "rollback", ""}, ""},
      Asked{{"task", "production", ""}, "announce mend migrate"}, Asked{{"production", "task", "mi"}, "migrate"},
      Asked{{"task", "production", "mend", ""}, ""}, Asked{{"ssh", "production", "db"}, "db1.example.com"},
      Asked{{"completion", ""}, "bash zsh fish"}, Asked{{"completion", "bash", ""}, ""},
      Asked{{"help", "rec"}, "recipe"},
      Asked{{"production", "--hosts", "web"}, "web1.example.com web2.example.com web3.example.com"},
      Asked{{"--hosts", "db", "production"}, "production"},
      Asked{{"production", "--hosts", "web1.example.com,d"}, "web1.example.com,db1.example.com"},
      Asked{{"rollback", "production", "--exclude=w"},
            "--exclude=web1.example.com --exclude=web2.example.com --exclude=web3.example.com"},
      Asked{{"production", "--roles", ""}, "app db"}, Asked{{"production", "--output", "p"}, "plain"},
      Asked{{"production", "--rec"}, "--recipe"}, Asked{{"production", "--recipe", "o"}, ":files"},
      Asked{{"--recipe", "other.yml", "el"}, "elsewhere"}, Asked{{"--recipe=other.yml", "plan", ""}, "elsewhere"},
      Asked{{"rollback", "production", "--t"}, "--to"}, Asked{{"production", "--t"}, "--tag"},
      Asked{{"logs", "production", "-n", "5", "--no"}, "--no-follow"}, Asked{{"run", "production", "--", "prod"}, ""},
      Asked{{"report", "production", ""}, ""}, Asked{{"report", "--l"}, "--list"}, Asked{{"report", "--fi"}, "--file"},
      Asked{{"report", "-o", "x"}, ":files"}, Asked{{"report", "--out"}, ""},
      Asked{{"config", "production", "--exclude", "db"}, "db1.example.com"},
      Asked{{"--recipe", "missing.yml", "prod"}, ""}, Asked{{"nonsense", "more", ""}, ""});
  CAPTURE(asked.words);
  CHECK(deploy.complete(asked.words) == asked.answer);
}

TEST_CASE("a verb, a stage, a host and a task come with a word about them, and a wrong recipe keeps quiet") {
  const Shop deploy;
  CHECK(deploy({"__complete", "roll"}).out == "rollback\tgo back to the good release before the live one\n");
  CHECK(deploy({"__complete", "stag"}).out == "staging\tstage\n");
  CHECK(deploy({"__complete", "ssh", "production", "db"}).out == "db1.example.com\tdb\n");
  CHECK(deploy({"__complete", "task", "production", "ann"}).out == "announce\ton this machine\n");
  deploy.folder.write("deploy.yml", "stages: {production: {hosts: [a1], nonsense: }\n");
  CHECK(deploy.complete({"production", "--hosts", ""}).empty());
  CHECK(deploy({"__complete"}).status == 0);
}

TEST_CASE("the runs that are kept complete, with what they were, and stages for their latest ones") {
  const Shop deploy;
  deploy.folder.write(".local/state/kirikae/runs/20261122-013000-4f2a91.jsonl",
                      R"({"event":"run_started","at":0,"verb":"rollback","application":"shop","stage":"production","hosts":[]})"
                      "\n{\"event\":\"warning\"}\n");
  deploy.folder.write(".local/state/kirikae/runs/20261123-013000-4f2a92.jsonl", "");
  CHECK(deploy({"__complete", "report", ""}).out ==
        "20261122-013000-4f2a91\trollback production\nstaging\tthe latest run of this stage\nproduction\tthe latest run of this stage\n");
  CHECK(deploy.complete({"report", "2026"}) == "20261122-013000-4f2a91");
  const std::string bash = "source <(deploy completion bash)\nCOMP_LINE='deploy report 2026' COMP_POINT=18 COMP_WORDS=(deploy)\n"
                           "_deploy_complete; printf '%s;' \"${COMPREPLY[@]}\"\n";
  CHECK(deploy.in({"bash", "--norc", "-c"}, bash) == "20261122-013000-4f2a91;");
  if (std::filesystem::exists("/usr/bin/fish")) {
    CHECK(deploy.in({"fish", "-c"}, "deploy completion fish | source; complete -C 'deploy report 2026'") ==
          "20261122-013000-4f2a91\trollback production\n");
  }
}

TEST_CASE("completion says for which shells there is one") {
  const Shop deploy;
  CHECK(deploy({"completion"}).err == "error: for which shell?\n  usage: deploy completion bash | zsh | fish\n");
  const Ended wrong = deploy({"completion", "csh"});
  CHECK(wrong.status == 2);
  CHECK(wrong.err == "error: no completion for the shell 'csh'\n  usage: deploy completion bash | zsh | fish\n");
}

TEST_CASE("bash completes what stands between its own breaks of words, and files") {
  const Shop deploy;
  const std::string script =
      "source <(deploy completion bash)\n"
      "try() {\n"
      "  COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(deploy)\n"
      "  _deploy_complete; printf '%s;' \"${COMPREPLY[@]}\"; echo\n"
      "}\n"
      "try 'deploy prod'\n"
      "try 'deploy production ssh ::'\n"
      "try 'A=1 deploy production ssh db'\n"
      "try 'deploy production --hosts=web1.example.com,web2'\n"
      "try 'deploy --recipe oth'\n"
      "try 'deploy task production '\n"
      "try 'deploy production -- '\n"
      "try 'deploy --recipe \"my dir/deploy.yml\" el'\n"
      "try 'deploy --recipe my\\ dir/deploy.yml plan '\n"
      "try 'deploy config \"pro'\n"
      "try 'deploy --recipe=oth'\n"
      "try \"deploy --recipe 'my dir/dep\"\n";
  deploy.folder.write("my dir/deploy.yml", deploy.folder.read("other.yml"));
  CHECK(deploy.in({"bash", "--norc", "-c"}, script) ==
        "production;\n1;\ndb1.example.com;\nweb1.example.com,web2.example.com;\nother.yml;\nannounce;mend;migrate;\n;\n"
        "elsewhere;\nelsewhere;\nproduction;\nother.yml;\nmy dir/deploy.yml;\n");
  // A command in quotes is that command; where there is none, nothing is asked, least of all the last word.
  const std::string quoted =
      "source <(deploy completion bash); touched() { echo touched; }\n"
      "try() {\n"
      "  COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(\"$2\")\n"
      "  _deploy_complete; printf '%s;' \"${COMPREPLY[@]}\"; echo\n"
      "}\n"
      "try '\"" + here + "\"/deploy prod' '\"" + here + "\"/deploy'\n"
      "try 'x task touched' deploy\n";
  CHECK(deploy.in({"bash", "--norc", "-c"}, quoted) == "production;\n;\n");
  CHECK(deploy.in({"bash", "--norc", "-c"}, "source <(deploy completion bash); complete -p deploy") ==
        "complete -F _deploy_complete deploy\n");
}

TEST_CASE("bash completes at its prompt") {
  const Shop deploy;
  Pty terminal = Pty::of_program({"/bin/bash", "--norc", "--noprofile", "-i"}, deploy.folder.path().string(),
                                 {{"PATH", here + ":/usr/bin:/bin"}, {"TERM", "dumb"}, {"PS1", "> "}});
  terminal.type("source <(deploy completion bash); echo rea''dy\n");
  REQUIRE(terminal.says("ready"));
  terminal.type("echo deploy; deploy task prod\tmi\t--li\t\n");
  // It has been completed, and was understood.
  const bool completed = terminal.says("deploy task production migrate --list");
  INFO(terminal.output());
  CHECK(completed);
  CHECK(terminal.says("'--list' takes no task"));
}

TEST_CASE("zsh completes at its prompt") {
  if (!std::filesystem::exists("/usr/bin/zsh") && !std::filesystem::exists("/bin/zsh")) return;
  const Shop deploy;
  Pty terminal =
      Pty::of_program({"/usr/bin/zsh", "-f", "-i"}, deploy.folder.path().string(),
                      {{"PATH", here + ":/usr/bin:/bin"}, {"TERM", "dumb"}, {"HOME", deploy.folder.path().string()}});
  terminal.type("autoload -Uz compinit; compinit -u -D; source <(deploy completion zsh); echo rea''dy\n");
  REQUIRE((terminal.says("ready") || terminal.says("ready")));
  terminal.type("deploy task prod\tmi\t--li\t\n");
  const bool understood = terminal.says("'--list' takes no task") || terminal.says("'--list' takes no task");
  INFO(terminal.output());
  CHECK(understood);
  terminal.type("deploy rollback production --hosts=db\t; deploy ssh production --output\t\n");
  CHECK(terminal.says("--hosts=db1.example.com"));
  terminal.type("deploy config elsewhere --recipe=oth\t\n");
  CHECK(terminal.says("application: x"));
}

TEST_CASE("fish completes") {
  if (!std::filesystem::exists("/usr/bin/fish")) return;
  const Shop deploy;
  const auto ask = [&](const std::string& line) {
    return deploy.in({"fish", "-c"}, "deploy completion fish | source; complete -C '" + line + "'");
  };
  CHECK(ask("deploy prod") == "production\tstage\n");
  CHECK(ask("deploy task production mi") == "migrate\tdb\n");
  CHECK(ask("deploy completion ") == "bash\nfish\nzsh\n");
  CHECK(ask("deploy production --hosts=db") == "--hosts=db1.example.com\tdb\n");
  CHECK(ask("deploy --recipe oth").find("other.yml") == 0);
  CHECK(ask("deploy --recipe=oth").find("--recipe=other.yml") == 0);
}

}  // namespace
}  // namespace kirikae::golden
