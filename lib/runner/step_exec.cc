#include "runner/step_exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include "core/fold.h"
#include "core/subprocess.h"
#include "runner/masked_lines.h"
#include "runner/rsync_send.h"

namespace kirikae::runner {
namespace {

using namespace std::chrono_literals;
using plan::Step;

constexpr std::size_t longest_word = 500;  // bytes of each
constexpr std::size_t kept_lines = 5;  // of a failed step's last words, for its error

constexpr std::string_view changed_key = "changed=";  // and `./PATH` or `*`
constexpr std::size_t most_changed = 1000;

constexpr std::chrono::seconds small_limit{120};

// No step of ours may take for ever. Tasks have the recipe's own timeout; an upload gets time for its size over a slow line.
// None: no limit.
std::optional<std::chrono::seconds> limit_of(const Step& step) {
  constexpr std::uint64_t slowest_bytes_per_second = 16 * 1024;
  if (const auto* task = std::get_if<plan::RunTask>(&step)) return task->timeout;
  if (const auto* unpack = std::get_if<plan::Unpack>(&step)) {
    // Of the limit, each host surely gets its share.
    const auto limited = unpack->limit_rate == 0 ? 0 : unpack->bytes / std::max<std::uint64_t>(unpack->limit_rate / unpack->hosts, 1);
    return 1h + std::chrono::seconds(unpack->bytes / slowest_bytes_per_second + limited);
  }
  if (std::holds_alternative<plan::Link>(step) || std::holds_alternative<plan::Prune>(step)) return 30min;
  if (std::holds_alternative<plan::Seal>(step)) return 10min;
  return small_limit;
}

constexpr std::chrono::seconds limit_after_failure{300};  // of a task that has none

// A switch that was begun is finished: it takes a moment, and half of it would be worse than either end.
bool may_be_stopped(const Step& step) {
  return !std::holds_alternative<plan::Publish>(step) && !std::holds_alternative<plan::Settle>(step);
}

// The stop that a row of steps sees: the run's, while the step that runs may be stopped.
class StopGate {
 public:
  explicit StopGate(const std::stop_token& stop, bool open) : open_(open), wish_(stop, [this] { ask(); }) {}
  // Whether the stop has been asked for before.
  bool set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    if (open_ && asked_) source_.request_stop();
    return asked_;
  }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  void ask() {
    const std::lock_guard lock(mutex_);
    asked_ = true;
    if (open_) source_.request_stop();
  }
  std::stop_source source_;
  std::mutex mutex_;
  bool open_;
  bool asked_ = false;
  std::stop_callback<std::function<void()>> wish_;  // last: it may call at once
};

// What a step says: a task's lines are shown as they come; of both, the last words are kept for an error.
class Listener {
 public:
  // `loss`: the line by which the host says that the lock was lost and the step therefore not begun; empty: there is none.
  Listener(const Emitter& emit, std::string host, std::string step, bool show, std::string loss = {})
      : emit_(emit), host_(std::move(host)), step_(std::move(step)), show_(show), loss_(std::move(loss)),
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
  [[nodiscard]] bool lock_lost() const { return lock_lost_; }
  // What an unpack says of the release it builds on (lib/host/rebuild.sh, rsync.sh).
  std::vector<std::string>& changed() { return changed_; }

 private:
  void take(event::Channel channel, std::string line) {
    if (channel == event::Channel::out && !loss_.empty() && line == loss_) {
      lock_lost_ = true;
      return;
    }
    if (!show_ && line.starts_with(changed_key) && changed_.size() <= most_changed) {
      const auto path = std::string_view(line).substr(changed_key.size());
      changed_.emplace_back(path.starts_with("./") ? path.substr(2) : path);
      return;
    }
    auto& last = channel == event::Channel::out ? last_out_ : last_err_;
    if (last.size() == kept_lines) last.pop_front();
    const auto whole = whole_characters(line, longest_word);
    last.push_back(line.substr(0, whole) + (whole < line.size() ? " …" : ""));
    if (show_) emit_(event::Output{host_, step_, channel, std::move(line)});
  }

  const Emitter& emit_;
  std::string host_, step_;
  bool show_;
  std::string loss_;
  bool lock_lost_ = false;
  std::vector<std::string> changed_;
  std::deque<std::string> last_out_, last_err_;
  MaskedLines out_, err_;  // last: they may call until they are gone
};

Error ended_badly(const std::string& name, const std::string& how, const std::string& words) {
  return {ErrorCode::remote, fmt::format("{} {}{}", name, how, words.empty() ? "" : ":\n  " + words)};
}

// It was sent as it is, whatever the host has, and came to something else.
Error changed_meanwhile(const std::string& name, const std::vector<std::string>& paths) {
  return {ErrorCode::local,
          fmt::format("{}: changed after it was listed: {}", name,
                      fmt::join(std::span(paths).first(std::min(paths.size(), kept_lines)), ", ")),
          transfer::wait_for_the_build};
}

// lib/host/lock.sh. A task may end with the same status by itself.
constexpr int lock_lost_status = 9;

Error lock_lost(const std::string& name, const std::string& words) {
  return {ErrorCode::locked, fmt::format("{} was not begun: {}", name, words.empty() ? "the lock is no longer ours" : words),
          "somebody has freed it, or this machine was silent for a minute: look at 'deploy status', then run it again"};
}

// Which of `run`'s facts a step changes: before it starts (it may have done its work although we never hear of it), and after.
void note_start(const Step& step, HostRun& run) {
  run.written = true;
  if (std::holds_alternative<plan::Prepare>(step)) run.prepared = true;
  if (std::holds_alternative<plan::Publish>(step)) run.switched = HostRun::Switched::unknown;
}

void note_end(const Step& step, const ssh::Exit& ended, HostRun& run) {
  const bool switches = std::holds_alternative<plan::Publish>(step) || std::holds_alternative<plan::Unpublish>(step);
  if (switches && ended.status == 4) run.foreign = true;  // `current` is not what it should be
  if (switches && ended.status == lock_lost_status) run.lock_lost = true;
  if (std::holds_alternative<plan::Publish>(step)) {
    // The host reads `current` back before it answers (lib/host/publish.sh): 1 and 4 mean that it is what it was.
    if (ended.ok()) run.switched = HostRun::Switched::yes;
    if (ended.status == 1 || ended.status == 4 || ended.status == lock_lost_status) run.switched = HostRun::Switched::no;
  }
  if (std::holds_alternative<plan::Settle>(step) && ended.ok()) run.settled = true;
}

// At most ten a second for each host: a fast line would drown the terminal.
class ProgressReporter {
 public:
  // Null: nobody knows how much it will be.
  ProgressReporter(const Emitter& emit, std::string host, const transfer::Artifact* artifact)
      : emit_(emit), host_(std::move(host)), artifact_(artifact) {}
  void operator()(std::uint64_t sent) {
    const double now = emit_.seconds();
    const std::uint64_t total = artifact_ == nullptr ? 0 : artifact_->total();
    if (now - last_ < 0.1 && sent != total) return;
    last_ = now;
    emit_(event::Progress{host_, sent, total});
  }

 private:
  const Emitter& emit_;
  std::string host_;
  const transfer::Artifact* artifact_;
  double last_ = -1;
};

// A row of steps on its way: which of them runs, and what is told about it.
class RowRun {
 public:
  RowRun(const StepContext& context, const plan::PlannedHost& host, const StepRow& row, HostRun& run)
      : context_(context), host_(host), row_(row), run_(run), switched_before_(run.switched),
        gate_(context.stop, may_be_stopped(*row.steps.front().step)), wait_{Deadline::never(), gate_.token()} {
    for (const auto& each : row.steps) note_start(*each.step, run);
    start();
  }

  std::optional<RowFailure> carry_out(ssh::Transport& transport) {
    const auto unpack = std::find_if(row_.steps.begin(), row_.steps.end(),
                                     [](const auto& each) { return std::holds_alternative<plan::Unpack>(*each.step); });
    Result<ssh::Exit> ended = [&] {
      plan::RunValues values = context_.values;
      values.secrets = context_.emit.secrets();
      const auto hear = [this](ssh::Stream stream, std::string_view bytes) { listener_->hear(stream == ssh::Stream::err, bytes); };
      if (unpack == row_.steps.end()) return transport.exec_row(commands_of_row(values), hear, wait_);
      const auto index = static_cast<std::size_t>(unpack - row_.steps.begin());
      if (context_.rsync != nullptr) return send_by_rsync(transport, std::move(values), index);
      const auto reader = context_.artifact->reader();
      return transport.send_row(commands_of_row(values), {index, *reader, reporter()}, hear, wait_);
    }();
    return end(ended, transport);
  }

 private:
  Result<ssh::Exit> send_by_rsync(ssh::Transport& transport, plan::RunValues values, std::size_t index) {
    const std::uint64_t before = run_.bytes;
    TRY_ASSIGN(auto rsync, RsyncSend::start(*context_.rsync, std::get<plan::Unpack>(*row_.steps[index].step), wait_));
    values.rsync = rsync.words();
    values.list_size = context_.rsync->list.size();
    const auto other = [this](std::string_view bytes) { listener_->hear(false, bytes); };
    const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
      if (stream == ssh::Stream::err) return listener_->hear(true, bytes);
      rsync.hear(bytes, other);
    };
    const auto data = rsync.data();
    TRY_ASSIGN(const ssh::Exit ended, transport.send_row(commands_of_row(values), {index, *data, reporter()}, hear, wait_));
    const auto here = rsync.end(ended.status);
    listener_->hear(true, here.words);
    if (ended.ok() && here.well) context_.emit(event::Progress{host_.host.name, run_.bytes - before, run_.bytes - before});  // only now is it known
    // A file that rsync has not found here is missing there. What the host couldn't read isn't our rsync's failure, though it says so, too.
    const auto& changed = listener_->changed();
    const bool unread_there = std::ranges::find(changed, "*") != changed.end();
    const bool failed_here = !here.well && (ended.ok() || (ended.status == host::base_changed && !unread_there));
    if (!failed_here) return ended;
    listener_->end();
    return std::unexpected(Error(ErrorCode::local, "it failed:\n  " + listener_->last_words(),
                                 here.vanished ? transfer::wait_for_the_build : ""));
  }

  std::function<void(std::uint64_t)> reporter() {
    return [this, before = run_.bytes, report = ProgressReporter(context_.emit, host_.host.name, context_.artifact)](std::uint64_t bytes) mutable {
      run_.bytes = before + bytes;
      report(bytes);
    };
  }

  ssh::Row commands_of_row(const plan::RunValues& values) {
    ssh::Row row;
    const auto& token = host_.facts.lock_token;
    for (const auto& each : row_.steps) {
      auto command = plan::command_for(*each.step, context_.plan.layout, host_.facts, values);
      if (!token.empty()) command.text = host::guard(context_.plan.layout, token) + command.text;
      row.commands.push_back(std::move(command));
    }
    const bool task = std::holds_alternative<plan::RunTask>(*row_.steps.front().step);
    if (row_.last && !token.empty() && !task) row.commands.push_back(host::unlock(context_.plan.layout, token));
    row.begun = [this](std::size_t index) {
      finish(std::nullopt);
      at_ = index;
      if (at_ < row_.steps.size()) {
        start();
      } else {
        wait_.deadline = Deadline::in(small_limit);
      }
    };
    return row;
  }

  void start() {
    const auto& [phase, step] = row_.steps[at_];
    const std::string name = plan::name_of(*step);
    start_ = context_.emit.seconds();
    context_.emit(event::StepStarted{host_.host.name, phase, name});
    const auto& token = host_.facts.lock_token;
    listener_.emplace(context_.emit, host_.host.name, name, std::holds_alternative<plan::RunTask>(*step),
                      token.empty() ? std::string() : "lost=" + token);
    const auto limit = limit_of(*step);
    wait_.deadline = limit ? Deadline::in(*limit) : Deadline::never();
    stop_came_before_ = gate_.set(may_be_stopped(*step));
  }

  // The step that runs has ended.
  void finish(const std::optional<Error>& error) {
    listener_->end();
    if (!error) note_end(*row_.steps[at_].step, {}, run_);
    tell_end(error);
    if (!error) row_.ended(at_);
  }

  void tell_end(const std::optional<Error>& error) {
    const auto& [phase, step] = row_.steps[at_];
    const double seconds = context_.emit.seconds() - start_;
    run_.seconds += seconds;
    context_.emit(event::StepFinished{host_.host.name, phase, plan::name_of(*step), seconds, error});
  }

  bool needs_another_payload(const Step& step, const Result<ssh::Exit>& ended) {
    const auto* unpack = std::get_if<plan::Unpack>(&step);
    if (unpack == nullptr || !ended || !ended->signal.empty() || ended->status != host::base_changed || listener_->changed().empty()) return false;
    return unpack->rsync ? !unpack->rsync->checksum : unpack->rebuild && !unpack->rebuild->base.empty();
  }

  std::optional<RowFailure> end(Result<ssh::Exit>& ended, ssh::Transport& transport) {
    // Only the lock was left, which goes with the connection, too.
    if (at_ == row_.steps.size()) {
      if (ended && ended->ok()) transport.let_go();
      return std::nullopt;
    }
    if (ended && ended->ok()) {
      finish(std::nullopt);
      return std::nullopt;
    }
    const Step& step = *row_.steps[at_].step;
    const std::string name = plan::name_of(step);
    listener_->end();
    if (needs_another_payload(step, ended)) {
      tell_end(std::nullopt);
      return RowFailure{at_, {}, stop_came_before_, std::move(listener_->changed())};
    }
    Error error;
    if (ended) {
      // What stands behind the step that failed was not begun.
      const auto not_begun = row_.steps.subspan(at_ + 1);
      if (std::any_of(not_begun.begin(), not_begun.end(),
                      [](const auto& each) { return std::holds_alternative<plan::Publish>(*each.step); })) {
        run_.switched = switched_before_;
      }
      note_end(step, *ended, run_);
      const std::string words = listener_->last_words();
      const bool fenced = listener_->lock_lost() && ended->status == lock_lost_status;
      error = (fenced                          ? lock_lost(name, words)
               : listener_->changed().empty() ? ended_badly(name, ended->text(), words)
                                               : changed_meanwhile(name, listener_->changed()))
                  .on(host_.host.name);
    } else {
      error = std::move(ended).error().with_context(name).on(host_.host.name);
    }
    finish(error);
    return RowFailure{at_, std::move(error), stop_came_before_};
  }

  const StepContext& context_;
  const plan::PlannedHost& host_;
  const StepRow& row_;
  HostRun& run_;
  const HostRun::Switched switched_before_;
  StopGate gate_;
  ssh::Wait wait_;  // looked at anew whenever a step has begun
  bool stop_came_before_ = false;
  std::size_t at_ = 0;
  double start_ = 0;
  std::optional<Listener> listener_;
};

}  // namespace

std::optional<RowFailure> exec_row(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport,
                                   const StepRow& row, HostRun& run) {
  return RowRun(context, host, row, run).carry_out(transport);
}

Result<void> exec_step(const StepContext& context, const plan::PlannedHost& host, ssh::Transport& transport, event::Phase phase,
                       const Step& step, HostRun& run) {
  const plan::StretchStep only{phase, &step};
  auto failed = exec_row(context, host, transport, {{&only, 1}}, run);
  if (failed) return std::unexpected(std::move(failed->error));
  return {};
}

plan::Step limited(plan::Step step) {
  if (auto* task = std::get_if<plan::RunTask>(&step); task != nullptr && !task->timeout) task->timeout = limit_after_failure;
  return step;
}

plan::LocalTask limited(plan::LocalTask task) {
  if (!task.timeout) task.timeout = limit_after_failure;
  return task;
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
  call.guarded = true;  // the hosts' locks end with us: it may not be at work beside the next run
  call.on_output = [&](bool is_error, std::string_view bytes) { listener.hear(is_error, bytes); };
  auto ended = run_subprocess(call);
  listener.end();
  Result<void> result;
  if (!ended) {
    Error error = std::move(ended).error();
    if (error.code == ErrorCode::timeout && task.timeout) error.message = fmt::format("it took longer than {} s; it was ended here", task.timeout->count());
    result = std::unexpected(std::move(error).with_context(name + " (on this machine)"));
  } else if (ended->status != 0) {
    const std::string how = ended->signal == 0 ? fmt::format("ended with status {}", ended->status) : fmt::format("was ended by signal {}", ended->signal);
    result = std::unexpected(ended_badly(name + " (on this machine)", how, listener.last_words()));
  }
  emit(event::StepFinished{"", phase, name, emit.seconds() - start, result ? std::nullopt : std::optional(result.error())});
  return result;
}

}  // namespace kirikae::runner
