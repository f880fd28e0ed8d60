#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/fd.h"
#include "local.h"
#include "ui/ending.h"
#include "ui/report.h"
#include "ui/run_folder.h"
#include "ui/sanitize.h"
#include "ui/table.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

Error no_run(const std::string& wanted, const ui::RunFolder& folder) {
  if (wanted.empty()) {
    return {ErrorCode::usage, fmt::format("no run is kept in '{}'", folder.path()), "every deploy and rollback is, from now on"};
  }
  return {ErrorCode::usage, fmt::format("no run '{}' is kept, and no stage of that name has one", wanted),
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

// `wanted`: empty (the latest), a file, an id or its beginning, a stage.
Result<Chosen> choose(const std::string& wanted, const ui::RunFolder& folder) {
  if (wanted.find('/') != std::string::npos || wanted.ends_with(".jsonl")) {
    return Chosen{std::filesystem::path(wanted).stem().string(), wanted};
  }
  const auto runs = folder.list();
  for (const ui::KeptRun& run : runs) {
    if (run.id.starts_with(wanted) && (!wanted.empty() || !beginning_of(run).run.empty())) return Chosen{run.id, run.file};
  }
  for (const ui::KeptRun& run : runs) {
    if (!wanted.empty() && beginning_of(run).stage == wanted) return Chosen{run.id, run.file};
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

}  // namespace

Ended run_report(const Call& call) {
  const auto path = runs_folder();
  if (!path) return std::unexpected(Errors{path.error()});
  const ui::RunFolder folder(*path);
  if (call.options.list) {
    if (const auto failed = list_runs(folder)) return std::unexpected(Errors{*failed});
    return event::Report{};
  }
  const auto chosen = choose(call.options.argument, folder);
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
