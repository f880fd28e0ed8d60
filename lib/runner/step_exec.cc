#include "runner/step_exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "core/subprocess.h"
#include "runner/masked_lines.h"

namespace kirikae::runner {
namespace {

using namespace std::chrono_literals;
using plan::Step;

constexpr std::size_t kept_lines = 5;  // of a failed step's last words, for its error

// No step of ours may take for ever. Tasks have the recipe's own timeout; an upload gets time for its size over a slow line.
Deadline deadline_of(const Step& step) {
  constexpr std::uint64_t slowest_bytes_per_second = 16 * 1024;
  if (const auto* task = std::get_if<plan::RunTask>(&step)) {
    return task->timeout ? Deadline::in(*task->timeout) : Deadline::never();
  }
  if (const auto* unpack = std::get_if<plan::Unpack>(&step)) {
    return Deadline::in(1h + std::chrono::seconds(unpack->bytes / slowest_bytes_per_second));
  }
  if (std::holds_alternative<plan::Link>(step) || std::holds_alternative<plan::Prune>(step)) return Deadline::in(30min);
  if (std::holds_alternative<plan::Seal>(step)) return Deadline::in(10min);
  return Deadline::in(2min);
}

// What a step says: a task's lines are shown as they come; of both, the last words are kept for an error.
class Listener {
 public:
  Listener(const Emitter& emit, std::string host, std::string step, bool show)
      : emit_(emit), host_(std::move(host)), step_(std::move(step)), show_(show),
        out_(emit, [this](std::string line) { take(event::Channel::out, std::move(line)); }),
        err_(emit, [this](std::string line) { take(event::Channel::err, std::move(line)); }) {}

  void hear(bool is_error, std::string_view bytes) { (is_error ? err_ : out_).add(bytes); }
  void end() {
    out_.flush();
    err_.flush();
  }
  // Standard error if there was any, else standard output.
  [[nodiscard]] std::string last_words() const {
    return fmt::format("{}", fmt::join(last_err_.empty() ? last_out_ : last_err_, "\n  "));
  }

 private:
  void take(event::Channel channel, std::string line) {
    auto& last = channel == event::Channel::out ? last_out_ : last_err_;
    if (last.size() == kept_lines) last.pop_front();
    last.push_back(line);
    if (show_) emit_(event::Output{host_, step_, channel, std::move(line)});
  }

  const Emitter& emit_;
  std::string host_, step_;
  bool show_;
  std::deque<std::string> last_out_, last_err_;
  MaskedLines out_, err_;  // last: they may call until they are gone
};

Error ended_badly(const std::string& name, int status, const std::string& signal, const std::string& words) {
  const std::string how = signal.empty() ? fmt::format("ended with status {}", status) : "was ended by signal " + signal;
  return {ErrorCode::remote, fmt::format("{} {}{}", name, how, words.empty() ? "" : ":\n  " + words)};
}

// Which of `run`'s facts a step changes: before it starts (it may have done its work although we never hear of it), and after.
void note_start(const Step& step, HostRun& run) {
  run.written = true;
  if (std::holds_alternative<plan::Prepare>(step)) run.prepared = true;
  if (std::holds_alternative<plan::Publish>(step)) run.switched = HostRun::Switched::unknown;
}

void note_end(const Step& step, const Result<ssh::Exit>& ended, HostRun& run) {
  if (!ended) return;
  // 4: `current` is not what it should be; 9: the lock is somebody else's.
  const bool switches = std::holds_alternative<plan::Publish>(step) || std::holds_alternative<plan::Unpublish>(step);
  if (switches && (ended->status == 4 || ended->status == 9)) run.foreign = true;
  if (std::holds_alternative<plan::Publish>(step)) {
    // The host reads `current` back before it answers (lib/host/publish.sh): 1 and 4 mean that it is what it was.
    if (ended->ok()) run.switched = HostRun::Switched::yes;
    // 9: the lock was not ours any more (lib/host/lock.sh).
    if (ended->status == 1 || ended->status == 4 || ended->status == 9) run.switched = HostRun::Switched::no;
  }
  if (std::holds_alternative<plan::Settle>(step) && ended->ok()) run.settled = true;
}

// At most ten a second for each host: a fast line would drown the terminal.
class ProgressReporter {
 public:
  ProgressReporter(const Emitter& emit, std::string host, transfer::Artifact& artifact)
      : emit_(emit), host_(std::move(host)), artifact_(artifact) {}
  void operator()(std::uint64_t sent) {
    const double now = emit_.seconds();
    if (now - last_ < 0.1 && sent != artifact_.total()) return;
    last_ = now;
    emit_(event::Progress{host_, sent, artifact_.total()});
  }

 private:
  const Emitter& emit_;
  std::string host_;
  transfer::Artifact& artifact_;
  double last_ = -1;
};

Result<ssh::Exit> run_on_host(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport, const Step& step,
                              Listener& listener, HostRun& run) {
  plan::RunValues values = context.values;
  values.secrets = context.emit.secrets();
  auto command = plan::command_for(step, context.plan.layout, host.facts, values);
  if (!host.facts.lock_token.empty()) command.text = host::guard(context.plan.layout, host.facts.lock_token) + command.text;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) { listener.hear(stream == ssh::Stream::err, bytes); };
  if (std::holds_alternative<plan::Unpack>(step)) {
    const ssh::Wait wait{deadline_of(step), context.stop};
    ProgressReporter report(context.emit, host.host.name, *context.artifact);
    const auto on_sent = [&](std::uint64_t sent) {
      run.bytes = sent;
      report(sent);
    };
    const auto reader = context.artifact->reader();
    return transport.send(command, *reader, on_sent, hear, wait);
  }
  // A switch that was begun is finished: it takes a moment, and half of it would be worse than either end.
  const bool finish = std::holds_alternative<plan::Publish>(step) || std::holds_alternative<plan::Settle>(step);
  return transport.exec(command, hear, {deadline_of(step), finish ? std::stop_token{} : context.stop});
}

}  // namespace

Result<void> exec_step(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport, event::Phase phase,
                       const Step& step, HostRun& run) {
  const std::string name = plan::name_of(step);
  const double start = context.emit.seconds();
  context.emit(event::StepStarted{host.host.name, phase, name});
  note_start(step, run);
  Listener listener(context.emit, host.host.name, name, std::holds_alternative<plan::RunTask>(step));
  auto ended = run_on_host(context, host, transport, step, listener, run);
  listener.end();
  note_end(step, ended, run);
  Result<void> result;
  if (!ended) {
    result = std::unexpected(std::move(ended).error().with_context(name).on(host.host.name));
  } else if (!ended->ok()) {
    result = std::unexpected(ended_badly(name, ended->status, ended->signal, listener.last_words()).on(host.host.name));
  }
  const double seconds = context.emit.seconds() - start;
  run.seconds += seconds;
  context.emit(event::StepFinished{host.host.name, phase, name, seconds, result ? std::nullopt : std::optional(result.error())});
  return result;
}

Result<void> exec_local(const plan::LocalTask& task, event::Phase phase, const plan::RunValues& values, const Emitter& emit,
                        std::stop_token stop) {
  const std::string name = "task " + task.task;
  const double start = emit.seconds();
  emit(event::StepStarted{"", phase, name});
  Listener listener(emit, "", name, true);
  SubprocessCall call;
  call.folder = task.folder;
  call.environment = task.environment;
  call.environment.try_emplace("REVISION", values.revision);
  if (const SecretSet* secrets = emit.secrets()) {
    for (const auto& [key, secret] : secrets->values()) call.environment[key] = secret.reveal();
  }
  run_in_shell(call, task.run);
  call.deadline = task.timeout ? Deadline::in(*task.timeout) : Deadline::never();
  call.stop = std::move(stop);
  call.on_output = [&](bool is_error, std::string_view bytes) { listener.hear(is_error, bytes); };
  auto ended = run_subprocess(call);
  listener.end();
  Result<void> result;
  if (!ended) {
    result = std::unexpected(std::move(ended).error().with_context(name + " (on this machine)"));
  } else if (ended->status != 0) {
    const std::string signal = ended->signal == 0 ? "" : std::to_string(ended->signal);
    result = std::unexpected(ended_badly(name + " (on this machine)", ended->status, signal, listener.last_words()));
  }
  emit(event::StepFinished{"", phase, name, emit.seconds() - start, result ? std::nullopt : std::optional(result.error())});
  return result;
}

}  // namespace kirikae::runner
