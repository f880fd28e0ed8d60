// The run lock of a set of hosts: all of them or none.
#pragma once

#include <string>
#include <vector>

#include "deploy/deploy.h"
#include "host/command.h"
#include "ssh/transport.h"

namespace kirikae::deploy {

inline constexpr std::size_t longest_facts = 8 << 20;  // bytes of an answer; thousands of releases take a tenth of it

struct LockWish {
  std::string token;  // of the run: hex digits
  std::string what;   // "deploy production"
  bool despite_freeze = false;
  bool has_option = false;  // the verb has --despite-freeze
};

// The token under which the run has host `index` of its request.
std::string token_of(const LockWish& wish, std::size_t index);

// What a host is asked about itself.
host::Command facts_of(const recipe::Recipe& recipe);

// Where it gives no answer.
Error unreadable_state(const ssh::Exit& ended, const std::string& complaint);

struct LockTry {
  std::optional<release::LockRefusal> refusal;  // none: it is ours, or it can't be made there
  std::string facts;                            // the answer, for release::parse_facts
};
// One round trip: the lock, and what the host says about itself under it. Errors: of the transport; remote.
Result<LockTry> try_lock(const Request& request, const LockWish& wish, std::size_t host, std::int64_t now, ssh::Transport& transport,
                         std::stop_token stop);

// What ends a freeze, for advice.
std::string unlock_command(const Request& request);

// A lock can't be made in the tree of the host.
std::string no_lock_text(const Request& request);

// Two names of one tree.
Error same_tree_error(const std::string& host, const std::string& same_as);

// Why the run can't have the host. Code locked; recipe where two names lead to the same tree.
Error refusal_error(const release::LockRefusal& refusal, const Request& request, const LockWish& wish, const std::string& host);

}  // namespace kirikae::deploy
