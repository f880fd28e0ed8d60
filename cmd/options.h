// Options: what the command line says, checked. options.cc is the only file that knows CLI11.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::cmd {

enum class Verb {
  stages, deploy, rollback, plan, releases, check, status, audit, diff, prune, lock, unlock, trust, run, task, ssh, logs,
  report, completion, complete, init, config, help, version,
};

enum class Output { automatic, plain, tty, json };

struct Options {
  Verb verb = Verb::stages;
  std::string stage;     // of the verbs that take one
  // init: the application; help: the topic; task: its name; ssh: the host; report: the run; completion: the shell. Empty where
  // none was given.
  std::string argument;

  std::string recipe;  // --recipe; empty: the nearest deploy.yml
  std::vector<std::string> hosts, roles, exclude;
  std::vector<std::string> sets;  // key=value
  std::string to;
  std::string revision, branch, tag;  // one of them at most
  std::chrono::seconds lock_wait{0};
  bool despite_freeze = false;
  std::string message;   // of lock
  bool force = false;    // of unlock
  bool replace = false;  // of trust
  std::string file;          // of report; "-": standard output
  bool dry_run = false;      // of rollback and prune; `deploy -n` is the verb plan
  std::optional<int> keep;   // of prune
  bool exit_code = false;    // of status and diff
  bool ssh = false;          // of config
  bool yes = false;
  std::vector<std::string> command;             // of run: the words after `--`; of complete: the line to be completed
  std::optional<std::chrono::seconds> timeout;  // of run
  bool group = false;                           // of run
  bool list = false;                            // of task and report
  std::optional<int> lines;                     // of audit and logs
  bool follow = false, no_follow = false;       // of logs
  bool quiet = false;
  bool verbose = false;
  Output output = Output::automatic;
};

// Every verb and option, for the parser, the help texts and the completeness of the manual.
struct VerbRow {
  Verb verb;
  std::string_view name;
  std::string_view usage;  // after the program's name
  std::string_view text;   // one line
};
struct OptionRow {
  std::string_view flags;  // "-n,--dry-run"
  std::string_view value;  // what people read for its value; empty: it takes none
  std::string_view group;
  std::vector<Verb> verbs;  // for which it means something; empty: all
  std::vector<std::string_view> text;
};
std::span<const VerbRow> verb_rows();
const VerbRow* find_verb(std::string_view name);  // null: there is none
std::string_view long_name(const OptionRow& row);  // without the dashes
std::span<const OptionRow> option_rows();

// A command line as it stands, also unfinished: what is a word, what a value. No error: what isn't understood is passed over.
struct LooseLine {
  std::vector<std::string> words;                                     // before `--`
  std::vector<std::pair<const OptionRow*, std::string>> values;       // in their order
  const OptionRow* open = nullptr;                                    // the last option still wants its value
  bool dashes = false;                                                // there was a `--`
};
LooseLine read_loosely(std::span<const std::string> arguments);
// The verb that the words name, before or behind a stage; null: none.
const VerbRow* verb_of(const std::vector<std::string>& words);
// Whether the verb takes a stage; and what it takes besides.
bool takes_stage(Verb verb);
bool takes_argument(Verb verb);

// Errors (usage): unknown options and verbs, with the nearest name; missing, doubled or misplaced options.
Result<Options> parse_options(int argc, const char* const* argv);

// `--output json` stands in a command line, which may be wrong otherwise.
bool wants_json(int argc, const char* const* argv);

// What --output takes.
std::vector<std::string> output_names();

// "'deploy', 'rollback', 'plan' …": for messages that list what there is.
std::vector<std::string> verb_names();

}  // namespace kirikae::cmd
