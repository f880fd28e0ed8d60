#include "plan/step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/overloaded.h"

namespace kirikae::plan {
namespace {

host::ReleaseInfo with_revision(host::ReleaseInfo info, const RunValues& values) {
  info.revision = values.revision;
  return info;
}

}  // namespace

std::string name_of(const Step& step) {
  return std::visit(Overloaded{
                        [](const Prepare&) -> std::string { return "prepare"; },
                        [](const Unpack& s) -> std::string { return s.rsync ? "rsync" : "unpack"; },
                        [](const Link&) -> std::string { return "link"; },
                        [](const PlaceTemplate& s) -> std::string { return "template " + s.file.spec.to; },
                        [](const RunTask& task) -> std::string { return "task " + task.task; },
                        [](const Seal&) -> std::string { return "seal"; },
                        [](const Publish&) -> std::string { return "publish"; },
                        [](const Unpublish&) -> std::string { return "unpublish"; },
                        [](const Settle&) -> std::string { return "settle"; },
                        [](const Prune&) -> std::string { return "prune"; },
                    },
                    step);
}

std::string removal_text(const Prune& prune) {
  auto words = prune.ids;
  if (prune.rest) words.emplace_back("what an earlier prune has left");
  return fmt::format("{}", fmt::join(words, ", "));
}

host::Command command_for(const Step& step, const release::Layout& layout, const release::Facts& facts, const RunValues& values) {
  return std::visit(
      Overloaded{
          [&](const Prepare& s) { return host::prepare(layout, s.info, s.application); },
          [&](const Unpack& s) {
            if (s.rsync) return host::rsync(layout, s.id, facts, *s.rsync, values.list_size, values.rsync);
            return s.rebuild ? host::receive(layout, s.id, s.encoding, facts, *s.rebuild, s.bytes)
                             : host::receive(layout, s.id, s.encoding, facts, s.bytes);
          },
          [&](const Link& s) {
            return host::joined("link", {host::verify(layout, s.info.id, values.sha256),
                                         host::link(layout, with_revision(s.info, values), s.directories, s.files, s.copied)});
          },
          [&](const PlaceTemplate& s) {
            auto environment = s.environment;
            environment.try_emplace("REVISION", values.revision);
            const auto text = render(s.file, template_names(std::move(environment), s.roles, *s.stage, values.secrets));
            const auto& spec = s.file.spec;
            // All that can be wrong was looked for before the run began.
            if (!text) return host::failure("template " + spec.to, to_text(text.error()));
            return host::place_template(layout, s.id, spec.to, spec.shared, spec.mode.value_or(0), *text);
          },
          [&](const RunTask& s) {
            auto environment = s.environment;
            environment.try_emplace("REVISION", values.revision);  // a task of the way back has its own
            const bool as_other = !s.become.empty();
            if (!as_other && s.pty) return host::task_at_terminal(s.task, s.run, s.folder, environment, values.secrets);
            if (!as_other) return host::task(s.task, s.run, s.folder, environment, values.secrets);
            host::Become become{s.become};
            if (!s.become_password.empty() && values.secrets != nullptr) {
              become.password = values.secrets->kept().at(s.become_password).reveal();
            }
            return (s.pty ? host::task_at_terminal_as : host::task_as)(become, s.task, s.run, s.folder, environment, values.secrets);
          },
          [&](const Seal& s) { return host::seal(layout, with_revision(s.info, values), facts); },
          [&](const Publish& s) { return host::publish(layout, s.id, facts, s.expected_live, s.left, s.condemned); },
          [&](const Unpublish& s) { return host::unpublish(layout, facts, s.expected_live, s.target); },
          [&](const Settle& s) {
            std::vector<host::Command> commands;
            for (const auto& [id, state] : s.marks) commands.push_back(host::mark(layout, id, state, facts));
            LogEntry entry = s.entry;
            entry.revision = values.revision;
            commands.push_back(host::log(layout, json_line(entry), revisions_line(entry)));
            // Last: until then the next rollback does it again.
            if (s.ends_rollback) commands.push_back(host::end_rollback(layout));
            return host::joined("settle", commands);
          },
          [&](const Prune& s) { return host::prune(layout, s.ids); },
      },
      step);
}

}  // namespace kirikae::plan
