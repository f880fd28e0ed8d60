#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "core/fd.h"
#include "load.h"
#include "local.h"
#include "recipe/load.h"
#include "ui/ending.h"
#include "ui/report.h"
#include "ui/run_folder.h"
#include "ui/sanitize.h"
#include "ui/table.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

// All projects of this machine keep their runs in one folder.
struct Wanted {
  std::string name;                    // empty (the latest), a file, an id or its beginning, a stage
  std::set<std::string> applications;  // of the recipe that is here; empty: whatever they are
};

Error no_run(const Wanted& wanted, const ui::RunFolder& folder) {
  const std::string of = wanted.applications.empty() ? "" : fmt::format(" of '{}'", fmt::join(wanted.applications, "' or '"));
  if (wanted.name.empty()) {
    return {ErrorCode::usage, fmt::format("no run{} is kept in '{}'", of, folder.path()),
            fmt::format("every deploy and rollback is, from now on{}", of.empty() ? "" : "; 'deploy report --list' shows what else is kept")};
  }
  return {ErrorCode::usage, fmt::format("no run '{}' is kept, and none{} on a stage of that name", wanted.name, of),
          "'deploy report --list' shows all runs"};
}

struct Chosen {
  std::string id, file;
};

// What its first event tells. Without a `run`: nothing of it came to the disk.
ui::RunRecord beginning_of(const ui::KeptRun& run) {
  const auto text = ui::read_run(run.file);
  return text ? ui::read_record(std::string_view(*text).substr(0, text->find('\n'))) : ui::RunRecord();
}

Result<Chosen> choose(const Wanted& wanted, const ui::RunFolder& folder) {
  const std::string& name = wanted.name;
  if (name.find('/') != std::string::npos || name.ends_with(".jsonl")) {
    return Chosen{std::filesystem::path(name).stem().string(), name};
  }
  const auto runs = folder.list();
  for (const ui::KeptRun& run : runs) {
    if (!name.empty() && run.id.starts_with(name)) return Chosen{run.id, run.file};
  }
  for (const ui::KeptRun& run : runs) {
    const ui::RunRecord record = beginning_of(run);
    if (record.run.empty() || (!name.empty() && record.stage != name)) continue;
    // One without an application was refused when nobody could tell it.
    if (wanted.applications.empty() || record.application.empty() || wanted.applications.contains(record.application)) return Chosen{run.id, run.file};
  }
  return std::unexpected(no_run(wanted, folder));
}

ui::Unended state_of(const std::string& file) {
  return ui::is_under_way(file) ? ui::Unended::under_way : ui::Unended::died;
}

std::optional<Error> list_runs(const ui::RunFolder& folder) {
  const std::vector<ui::Column> heads = {{"run"}, {"verb"}, {"application"}, {"stage"}, {"release"}, {"hosts", true}, {"time", true}, {"outcome"}};
  std::vector<std::vector<std::string>> rows;
  for (const ui::KeptRun& run : folder.list()) {
    const auto text = ui::read_run(run.file);
    if (!text) continue;  // somebody else's prune was faster
    const auto state = state_of(run.file);
    const ui::RunRecord record = ui::read_record(*text);
    if (record.run.empty()) continue;  // nothing of it came to the disk
    rows.push_back({run.id, ui::sanitize_line(record.verb), ui::sanitize_line(record.application), ui::sanitize_line(record.stage),
                    ui::sanitize_line(record.release), std::to_string(record.hosts.size()), ui::seconds_text(record.seconds),
                    ui::sanitize_line(ui::outcome_text(record, state))});
  }
  if (rows.empty()) return no_run({}, folder);
  return show_text(ui::table_text(heads, rows, 0));
}

std::optional<Error> write_page(const std::string& name, const std::string& page) {
  const auto failed = [&] { return Error(ErrorCode::local, fmt::format("'{}' can't be written: {}", name, std::strerror(errno))); };
  const Fd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid() || !ui::write_all(file.get(), page)) return failed();
  return {};
}

// What `--list`, of all runs, has no use for.
std::optional<Error> beside_list(const Options& options) {
  const char* what = !options.argument.empty() ? "run" : !options.file.empty() ? "'-o'" : !options.recipe.empty() ? "'--recipe'" : nullptr;
  if (what == nullptr) return {};
  return Error(ErrorCode::usage, fmt::format("'--list' takes no {}", what), "leave one of the two out");
}

// A recipe that is named has to be there; one that is found need not be right: its failed run may be what is wanted.
Result<Wanted> wanted_by(const Options& options) {
  Wanted wanted{options.argument, {}};
  const auto file = open_recipe(options);
  if (!file) return options.recipe.empty() ? Result<Wanted>(wanted) : std::unexpected(file.error());
  const auto names = application_names(*file);
  const auto stages = recipe::stage_names(file->text, file->path);
  const auto known = names.find(options.argument);
  if (known != names.end()) {
    wanted.applications.insert(known->second);
  } else if (!stages || names.size() == stages->size()) {  // else it isn't known what some are called
    for (const auto& [stage, name] : names) wanted.applications.insert(name);
  }
  return wanted;
}

}  // namespace

Ended run_report(const Call& call) {
  const auto path = runs_folder();
  if (!path) return std::unexpected(Errors{path.error()});
  const ui::RunFolder folder(*path);
  if (call.options.list) {
    if (const auto beside = beside_list(call.options)) return std::unexpected(Errors{*beside});
    if (const auto failed = list_runs(folder)) return std::unexpected(Errors{*failed});
    return event::Report{};
  }
  const auto wanted = wanted_by(call.options);
  if (!wanted) return std::unexpected(Errors{wanted.error()});
  const auto chosen = choose(*wanted, folder);
  if (!chosen) return std::unexpected(Errors{chosen.error()});
  const auto state = state_of(chosen->file);  // before it is read, so that no end is missed
  const auto text = ui::read_run(chosen->file);
  if (!text) return std::unexpected(Errors{text.error()});
  const ui::RunRecord record = ui::read_record(*text);
  if (record.run.empty()) {
    return std::unexpected(Errors{{ErrorCode::usage, fmt::format("'{}' holds no events of a run", chosen->file)}});
  }
  const std::string page = ui::report_html(record, state);
  if (call.options.file == "-") {
    if (const auto failed = show_raw(page)) return std::unexpected(Errors{*failed});
    return event::Report{};
  }
  const std::string name = call.options.file.empty() ? fmt::format("report-{}.html", chosen->id) : call.options.file;
  if (const auto failed = write_page(name, page)) return std::unexpected(Errors{*failed});
  if (const auto failed = show_text(name + '\n')) return std::unexpected(Errors{*failed});
  return event::Report{};
}

}  // namespace kirikae::cmd
