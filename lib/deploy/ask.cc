#include "deploy/ask.h"

#include <fmt/format.h>

#include <atomic>

#include "core/fold.h"

namespace kirikae::deploy {
namespace {

constexpr std::size_t longest_complaint = 2000;
constexpr std::size_t most_at_once = std::size_t{256} << 20;  // bytes of answers that are not yet taken, of all hosts

// A part of what all answers may take together, given back at its end.
class Room {
 public:
  explicit Room(std::atomic<std::size_t>& used) : used_(used) {}
  ~Room() { used_ -= mine_; }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  Room(Room&&) = delete;
  Room& operator=(Room&&) = delete;

  // False: there is none.
  bool take(std::size_t bytes) {
    mine_ += bytes;
    return (used_ += bytes) <= most_at_once;
  }

 private:
  std::atomic<std::size_t>& used_;
  std::size_t mine_ = 0;
};

Result<std::string> ask(const host::Command& command, ssh::Transport& transport, std::size_t longest, Room& room_of_all, ssh::Wait wait) {
  std::string answer, complaint;
  bool too_long = false, no_room = false;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
    const bool out = stream == ssh::Stream::out;
    std::string& text = out ? answer : complaint;
    const std::size_t room = (out ? longest : longest_complaint) - text.size();
    too_long = too_long || (out && bytes.size() > room);
    bytes = bytes.substr(0, room);
    no_room = no_room || !room_of_all.take(bytes.size());
    if (!no_room) text += bytes;
  };
  TRY_ASSIGN(const ssh::Exit ended, transport.exec(command, hear, std::move(wait)));
  while (complaint.ends_with('\n')) complaint.pop_back();
  if (!ended.ok()) {
    return std::unexpected(Error(ErrorCode::remote, fmt::format("{} ended with status {}{}{}", command.name, ended.status,
                                                                complaint.empty() ? "" : ": ", complaint)));
  }
  if (too_long) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("{}: its answer is longer than {}", command.name, size_text(longest))));
  }
  if (no_room) {
    return std::unexpected(Error(ErrorCode::local,
                                 fmt::format("{}: the answers of all hosts together are longer than {}", command.name, size_text(most_at_once)),
                                 "ask fewer hosts at a time, with --hosts"));
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
  std::atomic<std::size_t> used = 0;
  group.run(hosts, [&](std::size_t i, runner::Station& station) {
    Room room(used);
    const std::string& name = opened.hosts[i].host.name;
    const auto fail = [&](Error error) { opened.errors[i] = std::move(error).on(name); };
    if (station.lost) return fail(*station.lost);
    const host::Command question = command(opened.hosts[i]);
    run.emit()(event::HostState{name, question.name});
    auto answer = ask(question, *station.transport, longest, room, {Deadline::in(patience), with.stop});
    if (!answer) return fail(std::move(answer).error());
    if (auto taken = take(i, *std::move(answer)); !taken) fail(std::move(taken).error());
  });
}

}  // namespace kirikae::deploy
