// The verbs and options of the command line. What stands here is what there is: the parser, the help texts and a test
// of the manual are made from it.
#include <array>

#include "options.h"

namespace kirikae::cmd {
namespace {

const std::vector<Verb> running = {Verb::deploy, Verb::rollback, Verb::plan,  Verb::releases, Verb::check,
                                   Verb::status, Verb::audit,    Verb::diff,  Verb::prune,    Verb::lock,
                                   Verb::unlock, Verb::trust,    Verb::run,   Verb::task,     Verb::ssh,
                                   Verb::logs};
// Those with something to show while they run: `ssh` leaves everything to ssh.
const std::vector<Verb> showing = [] {
  auto verbs = running;
  std::erase(verbs, Verb::ssh);
  return verbs;
}();
const std::vector<Verb> reading_recipe = [] {
  auto verbs = running;
  verbs.push_back(Verb::config);
  return verbs;
}();

const std::vector<Verb> naming_recipe = [] {
  auto verbs = reading_recipe;
  verbs.push_back(Verb::report);
  return verbs;
}();

const std::vector<Verb> taking_source = {Verb::deploy, Verb::plan, Verb::check, Verb::diff};

}  // namespace

std::span<const VerbRow> verb_rows() {
  static const std::array rows = {
      VerbRow{Verb::deploy, "deploy", "[deploy] STAGE [options]", "put a new release on every host of a stage"},
      VerbRow{Verb::rollback, "rollback", "rollback STAGE [options]",
              "go back to the good release before the live one"},
      VerbRow{Verb::plan, "plan", "plan STAGE [options]", "read the hosts, print what would change, change nothing"},
      VerbRow{Verb::releases, "releases", "releases STAGE [options]",
              "list the releases on the hosts and their states"},
      VerbRow{Verb::check, "check", "check STAGE [options]", "say what would keep a deploy from going through"},
      VerbRow{Verb::status, "status", "status STAGE [options]", "what each host runs, since when, and what is not in order"},
      VerbRow{Verb::audit, "audit", "audit STAGE [options]", "who did what on the hosts, and when"},
      VerbRow{Verb::diff, "diff", "diff STAGE [options]", "the files that a deploy would add, remove and change"},
      VerbRow{Verb::prune, "prune", "prune STAGE [options]", "remove old and failed releases now"},
      VerbRow{Verb::lock, "lock", "lock STAGE -m WHY [options]", "freeze the hosts: nobody deploys until they are unlocked"},
      VerbRow{Verb::unlock, "unlock", "unlock STAGE [options]", "end a freeze; with --force, take a run's lock away"},
      VerbRow{Verb::trust, "trust", "trust STAGE [options]", "show the hosts' keys, and add new ones to known_hosts"},
      VerbRow{Verb::run, "run", "run STAGE [options] -- COMMAND", "run a command on all hosts of a stage at the same time"},
      VerbRow{Verb::task, "task", "task STAGE [NAME] [options]", "run one task of the recipe, or list them"},
      VerbRow{Verb::ssh, "ssh", "ssh STAGE [HOST] [options]", "a shell on a host, in the live release"},
      VerbRow{Verb::logs, "logs", "logs STAGE [options]", "show the recipe's log files, as they grow"},
      VerbRow{Verb::report, "report", "report [RUN] [options]", "write an HTML report of a run: the latest, or an older one"},
      VerbRow{Verb::config, "config", "config STAGE [options]", "print the recipe of a stage, merged and interpolated"},
      VerbRow{Verb::init, "init", "init [APPLICATION]", "write a commented starter recipe, deploy.yml"},
      VerbRow{Verb::completion, "completion", "completion bash | zsh | fish", "print what makes a shell complete words of deploy"},
      VerbRow{Verb::help, "help", "help [VERB | recipe]", "explain a verb, or every key of the recipe"},
  };
  return rows;
}

std::span<const OptionRow> option_rows() {
  static const std::array rows = {
      OptionRow{"--recipe",
                "FILE",
                "Recipe",
                naming_recipe,
                {"the recipe (default: the nearest deploy.yml, here or in a", "folder above)"}},
      OptionRow{"--set",
                "KEY=VALUE",
                "Recipe",
                reading_recipe,
                {"set a key of the recipe, or one of its vars; may be", "given several times"}},
      OptionRow{"--hosts", "NAMES", "Hosts", reading_recipe, {"only these hosts: comma separated, with * and ?"}},
      OptionRow{"--roles", "NAMES", "Hosts", reading_recipe, {"only hosts with one of these roles"}},
      OptionRow{"--exclude", "NAMES", "Hosts", reading_recipe, {"not these hosts"}},
      OptionRow{"--to", "RELEASE", "Release", {Verb::rollback}, {"the release to go back to"}},
      OptionRow{"--revision",
                "TEXT",
                "Release",
                taking_source,
                {"the branch, tag or commit of a git source; of others,", "what is recorded (default: the commit of the directory,", "or the archive's checksum)"}},
      OptionRow{"--branch", "NAME", "Release", taking_source, {"of a git source: this branch, whatever else has its name"}},
      OptionRow{"--tag", "NAME", "Release", taking_source, {"of a git source: this tag"}},
      OptionRow{
          "-n,--dry-run", "", "Running", {Verb::deploy, Verb::rollback, Verb::prune}, {"print what would change, change nothing"}},
      OptionRow{"--lock-wait",
                "TIME",
                "Running",
                {Verb::deploy, Verb::rollback, Verb::task, Verb::prune},
                {"wait so long for somebody else's deploy to end: 90s, 10m", "(default: don't wait)"}},
      OptionRow{"--limit-rate",
                "RATE",
                "Running",
                {Verb::deploy, Verb::plan},
                {"send so many bytes a second to all hosts together: 500k,", "5MB; 0: no limit (default: limit_rate)"}},
      OptionRow{"--keep", "N", "Running", {Verb::prune}, {"keep so many good releases (default: keep_releases)"}},
      OptionRow{"--despite-freeze", "", "Running", {Verb::rollback}, {"although the hosts are frozen"}},
      OptionRow{"-m,--message", "TEXT", "Running", {Verb::lock}, {"why; everybody is told who is kept out"}},
      OptionRow{"--force",
                "",
                "Running",
                {Verb::unlock},
                {"also the lock of a run that is still at work; it is kept", "from changing anything more"}},
      OptionRow{"--replace", "", "Running", {Verb::trust}, {"also keys that have changed, in place of the old ones"}},
      OptionRow{"--timeout", "TIME", "Running", {Verb::run}, {"end the command on a host after that time: 90s, 10m"}},
      OptionRow{"--yes",
                "",
                "Running",
                {Verb::deploy, Verb::rollback, Verb::task, Verb::prune, Verb::unlock, Verb::trust},
                {"answer the question of a stage with 'confirm: true', of", "trust, or of unlock --force"}},
      OptionRow{"--list", "", "Output", {Verb::task, Verb::report}, {"the recipe's tasks, or the runs that are kept"}},
      OptionRow{"-n,--lines", "LINES", "Output", {Verb::audit, Verb::logs}, {"so many entries (default: 30), or lines of each", "log file (default: 10)"}},
      OptionRow{"-f,--follow", "", "Output", {Verb::logs}, {"go on until Ctrl-C; the default on a terminal"}},
      OptionRow{"--no-follow", "", "Output", {Verb::logs}, {"end after what is there; the default elsewhere"}},
      OptionRow{"--group", "", "Output", {Verb::run}, {"each host's output in one piece, at the end; hosts that", "said the same share one"}},
      OptionRow{"--exit-code", "", "Output", {Verb::status, Verb::diff}, {"exit with 1 where not all is as it should be, or where", "files differ"}},
      OptionRow{"--ssh", "", "Output", {Verb::config}, {"how each host is reached instead, and where that is said"}},
      OptionRow{"-q,--quiet", "", "Output", showing, {"only errors, warnings and the end"}},
      OptionRow{"-v,--verbose", "", "Output", showing, {"every step of every host as well"}},
      OptionRow{"--output",
                "KIND",
                "Output",
                showing,
                {"plain (lines), json (an event a line), tty (live display)", "or auto (default: tty on a terminal)"}},
      OptionRow{"-o,--file",
                "FILE",
                "Report",
                {Verb::report},
                {"where the page is written; '-': standard output", "(default: report-RUN.html, here)"}},
      OptionRow{"-h,--help", "", "Other", {}, {"this text; with a verb, about that verb"}},
      OptionRow{"--version", "", "Other", {}, {"the version"}},
  };
  return rows;
}

}  // namespace kirikae::cmd
