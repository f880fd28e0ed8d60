#include "ssh/jump_line.h"

#include <fmt/format.h>
#include <libssh2.h>
#include <poll.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/shell_quote.h"
#include "ssh/jump_round.h"
#include "ssh/libssh2_error.h"
#include "ssh/libssh2_patches.h"
#include "ssh/printable.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "ssh/stop_wakes.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

// A jump host may try for minutes to reach a host that is down. Who waits behind such ones for so long takes another line.
constexpr milliseconds patience{2000};
// So many channels are asked for at the same time; with each answer one more, since then the jump host keeps up. OpenSSH's says nothing to
// anybody while it looks up a name, which may take ten seconds where its name server is silent, and would soon count as lost. A libssh2
// without our patches opens one channel at a time in a session.
constexpr std::size_t first_most = libssh2_is_patched ? 4 : 1;
constexpr milliseconds look_again{500};

// libssh2 knows the reason only as words: "Channel open failure (connect failed)", and with our patches "(connect failed: Connection refused)".
std::string reason_of(std::string_view said) {
  const auto from = said.find('(');
  const auto to = said.rfind(')');
  if (from == std::string_view::npos || to == std::string_view::npos || to < from) return printable(said, 120);
  return printable(said.substr(from + 1, to - from - 1), 120);
}

Error refusal(const std::string& hop, Session& session, const Target& target) {
  char* said = nullptr;
  int length = 0;
  ::libssh2_session_last_error(session.raw(), &said, &length, 0);
  const std::string reason =
      reason_of(said != nullptr ? std::string_view(said, static_cast<std::size_t>(length)) : std::string_view());
  const bool forbidden = reason.starts_with("administratively prohibited") || reason.starts_with("unknown channel type");
  const std::string hint =
      forbidden ? "allow it in the jump host's sshd_config: AllowTcpForwarding, DisableForwarding, PermitOpen"
                : fmt::format(
                      "check that the host is up, and its address and port as the jump host sees them: {} nc -vz {} {}",
                      ssh_command(session.target()), shell_word(target.address), target.port);
  return Error(ErrorCode::connect,
               fmt::format("jump host '{}' can't reach {}: it says '{}'", hop, place_of(target), reason), hint)
      .on(target.name);
}

}  // namespace

std::string Way::loss() const {
  const std::scoped_lock lock(mutex_);
  return loss_;
}

void Way::lose(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  loss_ = why;
}

JumpLine::JumpLine(std::string name, LogIn log_in, milliseconds linger, bool one_by_one)
    : name_(std::move(name)), log_in_(std::move(log_in)), linger_(linger), one_by_one_(one_by_one), thread_([this] { run(); }) {}

JumpLine::~JumpLine() { stop(); }

bool JumpLine::held_up() const { return held_up_at_ && held_up_at_->passed(); }

bool JumpLine::takes_more() {
  const std::scoped_lock lock(mutex_);
  return state_ != State::ended && !held_up() && !deaf_;
}

Result<std::optional<Passage>> JumpLine::connect(const Target& target, milliseconds limit, const Wait& wait) {
  const auto started = Deadline::Clock::now();
  const auto request = std::make_shared<Request>(target, limit);
  std::unique_lock lock(mutex_);
  if (state_ == State::ended || held_up()) return std::nullopt;
  queue_.push_back(request);
  if (waker_) waker_->wake();
  while (request->stage != Stage::done && !wait.stop.stop_requested() && !wait.deadline.passed()) {
    if (request->stage == Stage::queued && held_up()) break;
    const auto left = std::min<Deadline::Clock::duration>(wait.deadline.left(), look_again);
    request->changed.wait_until(lock, wait.stop, Deadline::Clock::now() + left,
                                [&] { return request->stage == Stage::done; });
  }
  if (request->stage == Stage::done) return std::move(request->outcome);
  const bool elsewhere =
      request->stage == Stage::queued && held_up() && !wait.stop.stop_requested() && !wait.deadline.passed();
  auto error = gave_up(*request, wait, std::chrono::duration_cast<milliseconds>(Deadline::Clock::now() - started));
  request->given_up = true;
  std::erase(queue_, request);
  if (waker_) waker_->wake();  // perhaps it is of no use to anybody now
  // A login that nobody waits for any more: who comes next begins anew.
  if (state_ == State::logging_in && queue_.empty()) {
    state_ = State::ended;
    stop();
  }
  if (elsewhere) return std::nullopt;
  return std::unexpected(std::move(error));
}

Error JumpLine::not_reached(const Target& target, milliseconds after) const {
  const double seconds = std::chrono::duration<double>(after).count();
  return Error(ErrorCode::timeout, fmt::format("jump host '{}' did not reach {} in {:.0f} s", name_, place_of(target), seconds),
               fmt::format("check that the host is up, that the jump host may reach its port {}, and that it knows the name", target.port))
      .on(target.name);
}

Error JumpLine::gave_up(const Request& request, const Wait& wait, milliseconds after) const {
  const std::string place = place_of(request.target);
  if (wait.stop.stop_requested())
    return Error(ErrorCode::cancelled, "connecting to " + place + " was stopped").on(request.target.name);
  const double seconds = std::chrono::duration<double>(after).count();
  if (request.stage == Stage::opening) return not_reached(request.target, after);
  if (state_ == State::logging_in) {
    return Error(ErrorCode::timeout,
                 fmt::format("can't connect to {}: logging in on jump host '{}' took over {:.0f} s", place, name_,
                             seconds),
                 "check that the jump host is up and not overloaded")
        .on(request.target.name);
  }
  return Error(ErrorCode::timeout,
               fmt::format("jump host '{}' did not come to {} in {:.0f} s: others go before", name_, place, seconds))
      .on(request.target.name);
}

JumpLine::Requested JumpLine::next_request() {
  const std::scoped_lock lock(mutex_);
  if (queue_.empty()) return nullptr;
  auto request = std::move(queue_.front());
  queue_.pop_front();
  request->stage = Stage::opening;
  request->asked_at = Deadline::Clock::now();
  return request;
}

// From now on, unless there is an answer.
void JumpLine::hold_up() {
  const std::scoped_lock lock(mutex_);
  if (!held_up_at_) held_up_at_ = Deadline::in(patience);
}

void JumpLine::settle(const Requested& request, Result<std::optional<Passage>> outcome) {
  const std::scoped_lock lock(mutex_);
  held_up_at_.reset();
  request->stage = Stage::done;
  // Where nobody wants it any more, the near end is closed, and so is the tunnel.
  if (!request->given_up) request->outcome = std::move(outcome);
  request->changed.notify_all();
}

// What it comes to later is nobody's.
void JumpLine::give_up(const Requested& request, Result<std::optional<Passage>> outcome) {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(request->given_up, true)) return;
  request->stage = Stage::done;
  request->outcome = std::move(outcome);
  request->changed.notify_all();
}

// Hosts that the jump host doesn't come to in time. OpenSSH's answers nobody while it looks up a name, so it is asked for a sign of life. Without
// one, nobody knows which of several hosts it is about, and each goes by a line of its own.
void JumpLine::expire(Round& round) {
  std::vector<Requested> asked;
  for (const auto& one : round.opening) asked.push_back(one.request);
  if (round.next) asked.push_back(round.next);
  for (const Requested& request : asked) {
    const auto age = std::chrono::duration_cast<milliseconds>(Deadline::Clock::now() - request->asked_at);
    const auto silence = std::min(age, round.session.silence());
    int next = 0;
    if (silence > patience) ::libssh2_keepalive_send(round.session.raw(), &next);
    if (asked.size() > 1 && silence > std::min(2 * patience, request->limit)) {
      deaf_ = true;
      give_up(request, std::nullopt);
    } else if (age > request->limit) {
      give_up(request, std::unexpected(not_reached(request->target, age)));
    }
  }
}

// `failure`: of the login. Without one those who still queue are sent to another line.
void JumpLine::end(const std::optional<Error>& failure) {
  const std::scoped_lock lock(mutex_);
  state_ = State::ended;
  waker_.reset();
  for (const auto& request : std::exchange(queue_, {})) {
    request->stage = Stage::done;
    if (failure) {
      request->outcome =
          std::unexpected(Error(*failure).with_context("jump host '" + name_ + "'").on(request->target.name));
    }
    request->changed.notify_all();
  }
}

bool JumpLine::end_if_unused(bool useless) {
  const std::scoped_lock lock(mutex_);
  if (!useless || !queue_.empty()) return false;
  state_ = State::ended;
  return true;
}

void JumpLine::run() {
  if (auto session = log_in_({Deadline::never(), stop_.get_token()}); !session) {
    end(session.error());
  } else {
    {
      const std::scoped_lock lock(mutex_);
      if (state_ == State::logging_in) state_ = State::serving;
      waker_ = (*session)->waker();
    }
    serve(**session);
  }
  over_ = true;
}

// Asks for a channel for the next one who waits. True: somebody else may have a turn.
bool JumpLine::ask(Round& round) {
  if (!round.next && round.opening.size() < round.most) round.next = next_request();
  if (round.opening.size() + (round.next ? 1 : 0) >= round.most) hold_up();
  if (!round.next) return false;
  const int code = round.ask();
  if (code == LIBSSH2_ERROR_EAGAIN) return false;
  if (code == 0) return true;
  if (is_lost(code)) {
    round.session.fail(code);
    return false;
  }
  const Requested request = std::exchange(round.next, nullptr);
  settle(request, std::unexpected(refusal(name_, round.session, request->target)));
  return true;
}

// True: there is more to do at once.
bool JumpLine::take_opened(Round& round) {
  bool any = false;
  for (std::size_t i = 0; i < round.opening.size() && !round.session.lost();) {
    const auto [request, channel] = round.opening[i];
    const int code = channel_opened(channel);
    if (code == LIBSSH2_ERROR_EAGAIN) {
      ++i;
      continue;
    }
    if (is_lost(code)) {
      round.session.fail(code);
      break;
    }
    round.opening.erase(round.opening.begin() + static_cast<std::ptrdiff_t>(i));
    if (libssh2_is_patched) ++round.most;
    any = true;
    if (code != 0) {
      settle(request, std::unexpected(refusal(name_, round.session, request->target)));
      round.session.retire(channel);
    } else if (auto passage = round.carry(request->target, channel)) {
      settle(request, *std::move(passage));
    } else {
      settle(request, std::unexpected(std::move(passage).error()));
    }
  }
  return any;
}

// Whether nobody waits any more for what is being opened, and nothing else goes through.
bool JumpLine::in_vain(const Round& round) {
  if (!round.carried.empty()) return false;
  const std::scoped_lock lock(mutex_);
  return (!round.next || round.next->given_up) && std::ranges::all_of(round.opening, [](const auto& one) { return one.request->given_up; });
}

void JumpLine::serve(Session& session) {
  const StopWakes wakes(stop_.get_token(), *session.waker());
  Round round(session, one_by_one_ ? 1 : first_most);
  auto unused_at = Deadline::in(linger_);
  while (!session.lost() && !stop_.stop_requested()) {
    round.look();
    bool more = ask(round);
    more = take_opened(round) || more;
    expire(round);
    more = round.step() || more;
    if (session.lost()) break;
    const bool opens = round.next || !round.opening.empty();
    const bool used = opens || !round.carried.empty();
    if (used) unused_at = Deadline::in(linger_);
    if (end_if_unused((opens && in_vain(round)) || unused_at.passed())) break;
    const auto until = more ? Deadline::in({}) : opens ? Deadline::in(look_again) : used ? Deadline::never() : unused_at;
    if (opens || round.pulled || more || session.is_retiring()) {
      session.wait(until, round.events.get());
    } else {
      // Without a channel nothing takes bytes off the network, and a poll that looks there would not sleep.
      pollfd polled[] = {{session.waker()->fd(), POLLIN, 0}, {round.events.get(), POLLIN, 0}};
      ::poll(polled, 2, until.poll_milliseconds());
      if (polled[0].revents != 0) session.waker()->clear();
    }
  }
  const std::string why = session.lost() ? fmt::format("the jump host '{}' was lost: {}", name_, session.loss())
                                         : fmt::format("the connection to the jump host '{}' was closed", name_);
  for (const auto& one : round.carried) one.way->lose(why);
  std::vector<Requested> asked;
  for (const auto& one : round.opening) asked.push_back(one.request);
  if (round.next) asked.push_back(round.next);
  // The first one hears of it; the others, of whom their hosts know nothing yet, go by another line, as those do who still queue.
  for (const auto& request : asked) {
    if (request != asked.front()) {
      settle(request, std::nullopt);
      continue;
    }
    settle(request, std::unexpected(Error(ErrorCode::lost, fmt::format("can't connect to {}: {}", place_of(request->target), why),
                                          "check the jump host and run the same command again")
                                        .on(request->target.name)));
  }
  end(std::nullopt);
}

}  // namespace kirikae::ssh
