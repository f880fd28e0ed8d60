#include "deploy/ask.h"

#include <fmt/format.h>

namespace kirikae::deploy {
namespace {

constexpr std::size_t longest_complaint = 2000;

Result<std::string> ask(const host::Command& command, ssh::Transport& transport, std::size_t longest, ssh::Wait wait) {
  std::string answer, complaint;
  bool too_long = false;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
    const bool out = stream == ssh::Stream::out;
    std::string& text = out ? answer : complaint;
    const std::size_t room = (out ? longest : longest_complaint) - text.size();
    too_long = too_long || (out && bytes.size() > room);
    text += bytes.substr(0, room);
  };
  TRY_ASSIGN(const ssh::Exit ended, transport.exec(command, hear, std::move(wait)));
  while (complaint.ends_with('\n')) complaint.pop_back();
  if (!ended.ok()) {
    return std::unexpected(Error(ErrorCode::remote, fmt::format("{} ended with status {}{}{}", command.name, ended.status,
                                                                complaint.empty() ? "" : ": ", complaint)));
  }
  if (too_long) {
    return std::unexpected(Error(ErrorCode::remote, fmt::format("{}: its answer is longer than {} bytes", command.name, longest)));
  }
  return answer;
}

}  // namespace

void ask_all(OpenedHosts& opened, const Run& run, const Surroundings& with, runner::TaskGroup& group,
             const std::function<host::Command(const plan::HostFacts&)>& command, std::chrono::seconds patience, std::size_t longest,
             const TakeAnswer& take) {
  std::vector<std::size_t> hosts;
  for (std::size_t i = 0; i < opened.hosts.size(); ++i) {
    if (!opened.errors[i]) hosts.push_back(i);
  }
  group.run(hosts, [&](std::size_t i, runner::Station& station) {
    const std::string& name = opened.hosts[i].host.name;
    const auto fail = [&](Error error) { opened.errors[i] = std::move(error).on(name); };
    if (station.lost) return fail(*station.lost);
    const host::Command question = command(opened.hosts[i]);
    run.emit()(event::HostState{name, question.name});
    auto answer = ask(question, *station.transport, longest, {Deadline::in(patience), with.stop});
    if (!answer) return fail(std::move(answer).error());
    if (auto taken = take(i, *std::move(answer)); !taken) fail(std::move(taken).error());
  });
}

}  // namespace kirikae::deploy
