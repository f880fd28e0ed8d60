#include "verb_help.h"

namespace kirikae::cmd {

std::string_view verb_description(Verb verb) {
  switch (verb) {
    case Verb::deploy:
      return "Packs the source once, sends it to all hosts of the stage, links shared folders\n"
             "and files, runs the build hooks; when every host is ready, switches 'current'\n"
             "on all of them, runs the after_publish hooks and removes old releases.\n"
             "If anything fails before the switch, no host is switched; if the switch or an\n"
             "after_publish hook fails on any host, all go back to what they ran.\n";
    case Verb::rollback:
      return "Switches all hosts to the newest good release older than the live one, the same\n"
             "on all of them, and marks the release that they leave as bad. Twice in a row\n"
             "goes two releases back. Nothing is changed if a host lacks the release. If the\n"
             "switch or an after_publish hook fails on any host, all go back to what they ran.\n";
    case Verb::plan:
      return "Reads the hosts and prints, for each, what a deploy would change: releases,\n"
             "links, hooks, what would be removed. Changes nothing. The same as 'deploy -n';\n"
             "for the plan of a rollback, 'deploy rollback STAGE -n'.\n";
    case Verb::releases:
      return "Lists the releases that the hosts have, newest first, with their states\n"
             "(preparing, ready, good, bad, failed), who made them, and which is live.\n";
    case Verb::check:
      return "Connects to every host and lists, for all of them at once, what would keep a\n"
             "deploy from going through: connections and host keys, rights, room on the disk,\n"
             "missing shared files and tools, wrong clocks, and templates that can't be\n"
             "rendered. Warns of what dead runs have left, of locks and freezes, and shows the\n"
             "environment that commands get. Changes nothing. Every deploy does the same\n"
             "before it begins, the source first.\n";
    case Verb::status:
      return "Shows which release each host runs, since when and by whom, hosts that are alike\n"
             "in one line; and what is not as it should be: hosts that differ, a 'current'\n"
             "that leads elsewhere, releases that are not good or unfinished, locks of dead\n"
             "runs, freezes.\n";
    case Verb::audit:
      return "Shows who did what on the hosts, when, and how it ended: deploys, rollbacks,\n"
             "tasks, locks and prunes, the newest last. Entries that several hosts have alike\n"
             "are one line.\n";
    case Verb::diff:
      return "Compares the source with the live release of every host, file by file, and lists\n"
             "what a deploy would add (+), remove (-) and change (~) by content, mode or kind;\n"
             "hosts that are alike are compared once. Shared and copied paths and REVISION are\n"
             "left out. Changes nothing.\n";
    case Verb::prune:
      return "Removes what the next deploy would remove, without a deploy: releases beyond\n"
             "keep_releases, failed ones, and what runs that died have left. Never the live\n"
             "one, nor what a rollback would go to. Locks the hosts; a freeze stops it.\n";
    case Verb::lock:
      return "Freezes the hosts of a stage: deploys are refused there, with your name and your\n"
             "reason, until somebody says 'deploy unlock'. A rollback goes on with\n"
             "--despite-freeze. What is under way is not stopped.\n"
             "(Every deploy and rollback locks its hosts by itself, for as long as it runs.)\n";
    case Verb::unlock:
      return "Says who has frozen the hosts, and ends that. With --force, the lock of a run\n"
             "that is still at work goes, too: what it has at work is ended, and it changes\n"
             "nothing more and fails.\n"
             "Whose it is is shown first, and you are asked (--yes answers).\n"
             "A run that has died needs none of this: its lock ends with it, within a minute\n"
             "where its network vanished.\n";
    case Verb::trust:
      return "Asks every host for its key, without a login, and shows which keys are known,\n"
             "new or CHANGED, with their fingerprints. Once you agree (--yes answers), the new\n"
             "ones are added to the known_hosts file of the recipe, or to yours. Keys that\n"
             "have changed are refused; with --replace they take the place of the old ones.\n"
             "Jump hosts on the way are looked at first, and logged in on.\n";
    case Verb::run:
      return "Runs a command on all hosts of the stage at the same time, in 'current' (or in\n"
             "the home folder where there is none), with the environment that tasks have, by\n"
             "/bin/sh -e and without standard input. One word behind '--' is shell text;\n"
             "several are a program and its arguments, which arrive there as they are. Exit\n"
             "code: the worst that came of a host; 255 where it was not reached or lost, 124\n"
             "at the timeout. Locks nothing: for what must not meet a deploy, use a task.\n";
    case Verb::task:
      return "Runs one task of the recipe by itself, in the live release of its hosts, with\n"
             "the environment that it has in a deploy (DEPLOY_ACTION is 'task'), its roles,\n"
             "'once', 'local', 'dir' and 'timeout'. Its hosts are locked meanwhile, and a\n"
             "freeze stops it. Without a name, or with --list, lists the tasks.\n";
    case Verb::ssh:
      return "Opens a login shell on a host, in 'current' where there is one, by the ssh of\n"
             "this machine, as the user and with the keys and known hosts of the recipe. HOST\n"
             "is a name as --hosts takes it; without it, the primary host, or you are asked.\n";
    case Verb::logs:
      return "Shows the log files that the recipe names under 'logs', each line with its host\n"
             "in front, and with its file where there are several. On a terminal (or with\n"
             "--follow) goes on until Ctrl-C, also when files are rotated or not there yet.\n";
    case Verb::completion:
      return "Prints a script that makes your shell complete verbs, options, stages, hosts,\n"
             "roles, tasks and kept runs. Nothing is connected to.\n";
    case Verb::report:
      return "Writes a page (HTML, nothing else needed) about a run of this machine: a\n"
             "timeline of its hosts, the slowest of them, what failed with its output. RUN is\n"
             "a run's name or its beginning, a stage (its latest run) or a file that\n"
             "'--output json' has written; the latest run is the default. Latest runs are\n"
             "those of the recipe's application, where there is a recipe. Runs are kept for\n"
             "30 days, 50 at most, and 10 of those that failed before they began.\n";
    case Verb::config:
      return "Prints the recipe of one stage as it is understood: defaults filled in, the\n"
             "stage's overrides merged, values interpolated. Connects to nothing.\n";
    case Verb::init:
      return "Writes deploy.yml into the current folder: a short recipe with comments, to be\n"
             "filled in. A deploy.yml that is there is left alone. APPLICATION is the\n"
             "application's name (default: the name of the folder).\n";
    case Verb::help:
      return "Explains a verb; 'deploy help recipe' explains every key of deploy.yml.\n";
    case Verb::stages:
    case Verb::version:
    case Verb::complete:
      break;
  }
  return "";
}

std::string_view verb_examples(Verb verb) {
  switch (verb) {
    case Verb::deploy:
      return "  deploy production\n"
             "  deploy production --hosts 'app*' --exclude app07.example.com\n"
             "  deploy production --yes --output plain --revision \"$CI_COMMIT_SHA\"\n";
    case Verb::rollback:
      return "  deploy rollback production\n"
             "  deploy rollback production --to 20261122013000\n"
             "  deploy rollback production -n          # what it would do\n";
    case Verb::plan:
      return "  deploy plan production\n"
             "  deploy plan production --roles db --set keep_releases=2\n";
    case Verb::releases:
      return "  deploy releases production\n";
    case Verb::check:
      return "  deploy check production\n"
             "  deploy check production --hosts 'app*'\n";
    case Verb::status:
      return "  deploy status production\n"
             "  deploy status production --exit-code --quiet\n";
    case Verb::audit:
      return "  deploy audit production\n"
             "  deploy audit production --lines 200 --hosts app01.example.com\n";
    case Verb::diff:
      return "  deploy diff production\n"
             "  deploy diff production --hosts app01.example.com --exit-code\n";
    case Verb::prune:
      return "  deploy prune production -n             # what would go\n"
             "  deploy prune production --keep 2\n";
    case Verb::lock:
      return "  deploy lock production -m 'database is being moved'\n";
    case Verb::unlock:
      return "  deploy unlock production\n"
             "  deploy unlock production --force --hosts app07.example.com\n";
    case Verb::trust:
      return "  deploy trust production\n"
             "  deploy trust production --replace --hosts app07.example.com\n";
    case Verb::run:
      return "  deploy run production -- uptime\n"
             "  deploy run production --roles app -- 'du -sh log/ | cut -f1'\n"
             "  deploy run production --group --timeout 30s -- cat REVISION\n";
    case Verb::task:
      return "  deploy task production                 # which there are\n"
             "  deploy task production migrate --lock-wait 5m\n";
    case Verb::ssh:
      return "  deploy ssh production\n"
             "  deploy ssh production app07.example.com\n";
    case Verb::logs:
      return "  deploy logs production\n"
             "  deploy logs production --roles app -n 100 --no-follow\n";
    case Verb::completion:
      return "  deploy completion bash >~/.local/share/bash-completion/completions/deploy\n"
             "  deploy completion zsh >~/.zfunc/_deploy\n"
             "  deploy completion fish >~/.config/fish/completions/deploy.fish\n";
    case Verb::report:
      return "  deploy report\n"
             "  deploy report --list\n"
             "  deploy report production -o /tmp/last.html\n";
    case Verb::config:
      return "  deploy config staging\n"
             "  deploy config staging --set user=ada\n";
    case Verb::init:
      return "  deploy init\n"
             "  deploy init shop\n";
    case Verb::help:
      return "  deploy help rollback\n"
             "  deploy help recipe\n";
    case Verb::stages:
    case Verb::version:
    case Verb::complete:
      break;
  }
  return "";
}

std::string_view examples_text() {
  return "  deploy init shop                       # a first recipe\n"
         "  deploy plan production                 # what would change\n"
         "  deploy production                      # a release, on all hosts or none\n"
         "  deploy rollback production             # back to the one before\n"
         "  deploy releases production             # what is there\n"
         "  deploy help rollback                   # more about a verb\n"
         "  deploy help recipe                     # every key of deploy.yml\n";
}

std::string_view exit_codes_text() {
  return "  0 done                     5 no connection, login or trusted host key\n"
         "  1 failed, none switched    6 partial: a person is needed\n"
         "  2 usage or recipe          70 a bug         130 interrupted\n"
         "  3 failed after a switch, and all hosts are back at what they ran\n"
         "  4 locked or frozen by somebody else\n";
}

}  // namespace kirikae::cmd
