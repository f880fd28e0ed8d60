// The program: from the command line to an exit code. The only place that prints errors and maps them to exit codes.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>

#include "askpass.h"
#include "bridge.h"
#include "core/descriptor_limit.h"
#include "display.h"
#include "local.h"
#include "options.h"
#include "runner/conclude.h"
#include "signals.h"
#include "ui/ending.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

// Of a call that never came to a run.
event::Outcome worst_of(const Errors& errors) { return runner::outcome_before_writing(errors, false); }

int fail(const Errors& errors, ui::Ci ci) {
  ui::write_all(STDERR_FILENO, ui::errors_text(errors, ci));
  return event::exit_code(worst_of(errors));
}

Ended run_verb(const Call& call) {
  switch (call.options.verb) {
    case Verb::stages:
      return run_stages(call);
    case Verb::deploy:
      return run_deploy(call);
    case Verb::rollback:
      return run_rollback(call);
    case Verb::plan:
      return run_plan(call);
    case Verb::releases:
      return run_releases(call);
    case Verb::check:
      return run_check(call);
    case Verb::status:
      return run_status(call);
    case Verb::audit:
      return run_audit(call);
    case Verb::diff:
      return run_diff(call);
    case Verb::prune:
      return run_prune(call);
    case Verb::lock:
      return run_lock(call);
    case Verb::unlock:
      return run_unlock(call);
    case Verb::trust:
      return run_trust(call);
    case Verb::run:
      return run_run(call);
    case Verb::task:
      return run_task(call);
    case Verb::ssh:
      return run_ssh(call);
    case Verb::logs:
      return run_logs(call);
    case Verb::completion:
      return run_completion(call);
    case Verb::complete:
      return run_complete(call);
    case Verb::report:
      return run_report(call);
    case Verb::init:
      return run_init(call);
    case Verb::config:
      return run_config(call);
    case Verb::help:
      return run_help(call);
    case Verb::version:
      return run_version(call);
  }
  return std::unexpected(Errors{{ErrorCode::internal, "a verb without a function"}});
}

std::string_view name_of(Verb verb) {
  for (const VerbRow& row : verb_rows()) {
    if (row.verb == verb) return row.name;
  }
  return {};
}

// What nobody has caught: a bug, or this machine has nothing more to give.
std::string text_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return "out of memory: look at what else runs here, and for a limit (ulimit -v)";
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again) {
    return "can't start another thread here: look at what else runs, and for a limit (ulimit -u)";
  }
  return fmt::format("this is a bug of deploy: {}", error.what());
}

void say_uncaught(const std::string& what) {
  ui::restore_terminal();
  ui::write_all(STDERR_FILENO, fmt::format("error: {}\n  'deploy status STAGE' shows where the hosts stand\n", what));
}

// An exception that left a thread: no way back, but the terminal is put right and the exit code is the promised one.
[[noreturn]] void terminated() {
  std::string what = "this is a bug of deploy: std::terminate was called";
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
  } catch (const std::exception& error) {
    what = text_of(error);
  } catch (...) {
    what = "this is a bug of deploy: an unknown exception";
  }
  say_uncaught(what);
  ::_exit(event::exit_code(event::Outcome::bug));
}

// Or files of the run would get the numbers of standard streams that whoever started us has closed, and what is printed would go there.
// Such a stream still can't be used: its placeholder is open the wrong way round.
void keep_standard_streams_apart() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // the lowest number that is free is this one
  }
}

int run(int argc, char** argv) {
  raise_descriptor_limit();
  const auto options = parse_options(argc, argv);
  if (!options) {
    const Errors errors{options.error()};
    if (wants_json(argc, argv)) show_json_end({}, errors, worst_of(errors));
    return fail(errors, ci_system(false));
  }
  const ui::Ci ci = ci_system(options->output == Output::plain);
  const Signals signals;
  const Ended ended = run_verb({*options, signals.stop()});
  if (!ended) {
    tell_early_end(*options, name_of(options->verb), ended.error(), worst_of(ended.error()));
    return fail(ended.error(), ci);
  }
  ui::write_all(STDERR_FILENO, ui::problems_text(*ended, ci));
  return event::exit_code(*ended);
}

}  // namespace
}  // namespace kirikae::cmd

int main(int argc, char** argv) {
  kirikae::cmd::keep_standard_streams_apart();
  std::set_terminate(kirikae::cmd::terminated);
  // Who starts us may ignore it, and the system would then keep to itself how the programs end that we start.
  std::signal(SIGCHLD, SIG_DFL);
#ifdef M_ARENA_MAX
  // glibc gives threads heaps of their own, which keep what was freed. There is a thread for each host, and none is short of a lock: with
  // one heap a deploy to 200 hosts takes 92 MiB instead of 140, in the same time (docs/performance.md).
  ::mallopt(M_ARENA_MAX, 1);
#endif
  if (kirikae::cmd::called_by_ssh(argc)) return kirikae::cmd::answer_ssh(argv[1]);
  if (kirikae::cmd::called_by_rsync()) return kirikae::cmd::carry_for_rsync({argv, static_cast<std::size_t>(argc)});
  try {
    return kirikae::cmd::run(argc, argv);
  } catch (const std::exception& error) {
    using kirikae::Error, kirikae::ErrorCode, kirikae::event::Outcome;
    const std::string what = kirikae::cmd::text_of(error);
    if (kirikae::cmd::wants_json(argc, argv)) kirikae::cmd::show_json_end({}, {Error(ErrorCode::internal, what)}, Outcome::bug);
    kirikae::cmd::say_uncaught(what);
    return kirikae::event::exit_code(Outcome::bug);
  }
}
