#include "deploy/lock.h"

#include <fmt/format.h>

#include "core/shell_quote.h"
#include "plan/audit.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;

// lib/host/lock.sh
constexpr int held_status = 3;
constexpr int frozen_status = 7;
constexpr int same_run_status = 8;

}  // namespace

std::string token_of(const LockWish& wish, std::size_t index) { return fmt::format("{}.{:x}", wish.token, index); }

host::Command facts_of(const recipe::Recipe& recipe) {
  host::Wanted wanted{recipe::files_to_bring(recipe), recipe.shared.directories, {}, recipe.transfer != recipe::Transfer::rsync};
  for (const auto& each : recipe.templates) {
    if (each.shared) wanted.written.push_back(each.to);
  }
  return host::facts(release::Layout(recipe.deploy_to), wanted);
}

Result<LockTry> try_lock(const Request& request, const LockWish& wish, std::size_t index, std::int64_t now, ssh::Transport& transport,
                         std::stop_token stop) {
  const release::Layout layout(request.recipe.deploy_to);
  const std::string token = token_of(wish, index);
  const host::LockInfo info{token, request.hosts[index].name, request.operator_name, plan::time_text(now), wish.what, request.job_url};
  host::Command command = facts_of(request.recipe);
  command.text = host::lock(layout, info, wish.despite_freeze).text + command.text;
  std::string answer, complaint;
  const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
    std::string& text = stream == ssh::Stream::out ? answer : complaint;
    if (text.size() < longest_facts) text += bytes;
  };
  transport.hold(host::hold(layout, token));
  TRY_ASSIGN(const ssh::Exit ended, transport.exec(command, hear, {Deadline::in(60s), std::move(stop)}));
  if (ended.ok()) return LockTry{std::nullopt, std::move(answer)};
  if (ended.status == held_status || ended.status == frozen_status || ended.status == same_run_status) {
    TRY_ASSIGN(auto refusal, release::parse_lock_refusal(answer));
    return LockTry{std::move(refusal), {}};
  }
  return std::unexpected(unreadable_state(ended, complaint));
}

Error unreadable_state(const ssh::Exit& ended, const std::string& complaint) {
  if (!complaint.empty()) return {ErrorCode::remote, "reading the host's state failed: " + complaint};
  return {ErrorCode::remote, fmt::format("reading the host's state {}, and nothing was said", ended.text()),
          "look at what the account's login shell and its rc files do for a command: ssh HOST true"};
}

std::string no_lock_text(const Request& request) {
  return fmt::format("no lock can be made in '{}': its file system is full or has no hard links, or it is not writable; where it is full, "
                     "remove a few files by hand: that is enough for '{} prune {}'",
                     release::Layout(request.recipe.deploy_to).own(), request.command, shell_word(request.recipe.stage));
}

std::string unlock_command(const Request& request) { return fmt::format("{} unlock {}", request.command, shell_word(request.recipe.stage)); }

Error same_tree_error(const std::string& host, const std::string& same_as) {
  return Error(ErrorCode::recipe, fmt::format("'{}' and '{}' are the same folder of the same host", host, same_as),
               "name it only once in the stage's hosts")
      .on(host);
}

Error refusal_error(const release::LockRefusal& refusal, const Request& request, const LockWish& wish, const std::string& host) {
  if (!refusal.same_as.empty()) return same_tree_error(host, refusal.same_as);
  if (refusal.frozen) {
    return Error(ErrorCode::locked, "frozen by " + release::to_text(*refusal.frozen),
                 fmt::format("'{}' ends that{}", unlock_command(request), wish.has_option ? "; --despite-freeze goes on all the same" : ""))
        .on(host);
  }
  const bool waited = request.lock_wait > 0s;
  return Error(ErrorCode::locked, "locked by " + release::to_text(refusal.lock.value_or(release::LockHolder{})),
               fmt::format("{}it ends with its run, a minute after a run that vanished", waited ? "" : "wait for it with --lock-wait 10m; "))
      .on(host);
}

}  // namespace kirikae::deploy
