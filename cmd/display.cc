#include "display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "load.h"
#include "local.h"
#include "ui/ask.h"
#include "ui/json.h"
#include "ui/lines.h"
#include "ui/plain.h"
#include "ui/recorder.h"
#include "ui/run_folder.h"
#include "ui/terminal.h"
#include "ui/tty.h"

namespace kirikae::cmd {
namespace {

constexpr std::chrono::milliseconds patience(1000);  // with a terminal that takes nothing

ui::Level level_of(const Options& options) {
  if (options.quiet) return ui::Level::quiet;
  return options.verbose ? ui::Level::verbose : ui::Level::normal;
}

bool live(const Options& options) {
  if (options.output == Output::plain || options.output == Output::json || !ui::can_redraw(STDOUT_FILENO)) return false;
  return options.output == Output::tty || !options.quiet;
}

std::atomic<int> output_error = 0;  // errno
std::stop_source reader_gone;

std::function<void(std::string_view)> writer(int fd) {
  return [fd](std::string_view text) {
    if (ui::write_all(fd, text) || fd != STDOUT_FILENO) return;
    output_error = errno;
    if (output_error == EPIPE) reader_gone.request_stop();
  };
}

double unix_now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::unique_ptr<ui::Renderer> make_renderer(const Options& options, bool reading, const ui::JsonStamp& stamp) {
  if (options.output == Output::json) return std::make_unique<ui::Json>(writer(STDOUT_FILENO), stamp, reading);
  ui::PlainLook look;
  look.level = level_of(options);
  look.reading = reading;
  look.palette = ui::Palette(ui::may_colour(STDOUT_FILENO) && options.output != Output::plain);
  if (options.verb == Verb::run || options.verb == Verb::logs) {
    const ui::LinesLook lines{
        look.level, look.palette, ui::Palette(ui::may_colour(STDERR_FILENO) && options.output != Output::plain), options.group,
        ui::CiGroups(ci_system(options.output == Output::plain), [] { return static_cast<std::int64_t>(unix_now()); })};
    return std::make_unique<ui::Lines>(ui::Streams{writer(STDOUT_FILENO), writer(STDERR_FILENO)}, lines);
  }
  if (!live(options)) {
    look.groups = ui::CiGroups(ci_system(options.output == Output::plain),
                               [] { return static_cast<std::int64_t>(unix_now()); });
    return std::make_unique<ui::Plain>(
        ui::Streams{writer(reading ? STDERR_FILENO : STDOUT_FILENO), writer(STDERR_FILENO)}, look);
  }
  const auto errors = ui::is_terminal(STDERR_FILENO) ? nullptr : writer(STDERR_FILENO);
  return std::make_unique<ui::Tty>(
      writer(STDOUT_FILENO), errors,
      ui::TtyLook{look, [] { return ui::size_of(STDOUT_FILENO); }, std::chrono::steady_clock::now,
                  [] { return ui::in_foreground(STDOUT_FILENO); }});
}

// The verbs that do more than read.
bool is_kept(const Options& options) {
  constexpr std::array changing = {Verb::deploy, Verb::rollback, Verb::prune, Verb::task};
  return !options.dry_run && std::ranges::find(changing, options.verb) != changing.end();
}

Result<ui::RunFile> new_record(const std::string& run) {
  constexpr double month = 30.0 * 24 * 60 * 60;
  TRY_ASSIGN(std::string path, runs_folder());
  const ui::RunFolder folder(std::move(path));
  TRY_ASSIGN(ui::RunFile file, folder.create(run));
  folder.prune(ui::new_run_id(unix_now() - month));
  return file;
}

// A warning where that can't be.
std::unique_ptr<ui::Renderer> kept(std::unique_ptr<ui::Renderer> shown, const ui::JsonStamp& stamp, bool reading) {
  auto file = new_record(stamp.run);
  if (!file) {
    shown->show({0, event::Warning{"", "this run is not kept for 'deploy report': " + to_text(file.error())}});
    return shown;
  }
  return std::make_unique<ui::Recorder>(*std::move(file), stamp, std::move(shown), reading);
}

std::unique_ptr<ui::Renderer> make_display(const Options& options, bool reading) {
  const ui::JsonStamp stamp{ui::new_run_id(unix_now()), unix_now};
  auto shown = make_renderer(options, reading, stamp);
  return is_kept(options) ? kept(std::move(shown), stamp, reading) : std::move(shown);
}

// Runs that hold no lock may wait for who reads them, as long as nobody stops them.
std::chrono::milliseconds patience_for(Verb verb) {
  return verb == Verb::run || verb == Verb::logs ? std::chrono::milliseconds(std::chrono::hours(24)) : std::chrono::seconds(5);
}

}  // namespace

Display::Display(const Options& options, bool reading, std::stop_token stop)
    : stop_(stop), renderer_(make_display(options, reading)), queue_(*renderer_, patience_for(options.verb)), told_(std::move(stop), [this, verb = options.verb] {
        queue_.lose_patience();
        if (verb == Verb::logs) return;  // that is how following ends
        queue_.emit(
            {seconds(),
             event::Warning{"", "stopping: what is under way is ended in good order; a second signal stops at once"}});
      }) {
  using Hold = ui::Queue::Hold;
  if (!live(options)) return;
  drawer_.emplace([this] { stopped_.emplace(queue_, Hold::release, patience); }, [this] { stopped_.reset(); },
                  [this] { stopped_.emplace(queue_, Hold::freeze, patience); });
}

double Display::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Display::answer(std::string text, std::string json) {
  queue_.emit({seconds(), event::Answer{std::move(text), std::move(json)}});
}

void Display::warn(const std::string& host, const std::string& text) { queue_.emit({seconds(), event::Warning{host, text}}); }

std::function<Secret(const std::string&)> Display::asker() {
  if (!ui::can_ask()) return {};
  return [this](const std::string& question) {
    const auto held = pause();
    return ui::ask_secret(question, stop_);
  };
}

namespace {

// As far as the recipe tells it.
std::string application_of(const Options& options) {
  const auto file = reopen_recipe(options);
  if (!file) return {};
  const auto names = application_names(*file, options.sets);
  const auto found = names.find(options.stage);
  return found == names.end() ? std::string() : found->second;
}

event::Event early_end(std::string_view verb, const std::string& application, const std::string& stage, const std::vector<Error>& errors,
                       event::Outcome outcome) {
  event::Report report;
  report.verb = verb;
  report.application = application;
  report.stage = stage;
  report.outcome = outcome;
  report.errors = errors;
  return {0, event::RunFinished{std::move(report)}};
}

}  // namespace

void show_json_end(std::string_view verb, const std::vector<Error>& errors, event::Outcome outcome) {
  ui::Json(writer(STDOUT_FILENO), {ui::new_run_id(unix_now()), unix_now}).show(early_end(verb, {}, {}, errors, outcome));
}

void tell_early_end(const Options& options, std::string_view verb, const std::vector<Error>& errors, event::Outcome outcome) {
  const bool json = options.output == Output::json;
  const bool lists = options.verb == Verb::task && (options.list || options.argument.empty());
  const bool keep = is_kept(options) && !lists && !options.stage.empty() && !is_no_stage(options);
  if (!json && !keep) return;
  const event::Event end = early_end(verb, options.stage.empty() ? std::string() : application_of(options), options.stage, errors, outcome);
  const ui::JsonStamp stamp{ui::new_run_id(unix_now()), unix_now};
  if (json) ui::Json(writer(STDOUT_FILENO), stamp).show(end);
  if (!keep) return;
  const auto file = new_record(stamp.run);
  if (file) ui::Json([&](std::string_view line) { ui::write_all(file->fd.get(), line); }, stamp).show(end);
}

std::stop_token reader_left() { return reader_gone.get_token(); }

std::optional<Error> output_failure() {
  if (output_error == 0 || output_error == EPIPE) return {};
  return Error(ErrorCode::local, fmt::format("standard output can't be written: {}", std::strerror(output_error)));
}

}  // namespace kirikae::cmd
