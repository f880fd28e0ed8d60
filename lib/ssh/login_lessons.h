// What the logins of a run have told those that come after them. Used by many threads at the same time.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ssh/passwords.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// What earlier logins of an account have told about it.
struct Lesson {
  bool wants_more = false;  // than a key
  // The keys were refused until the host hung up: the next login has no use for them, and all tries for the rest.
  bool keys_are_useless = false;
  std::vector<std::string> notes;
  std::vector<std::string> left_out;
};

class Lessons {
 public:
  // Keys that a host of this run has let somebody in with, as long as no other one has refused one of them.
  void accept(const std::string& blob) {
    const std::scoped_lock lock(mutex_);
    accepted_.insert(blob);
  }
  bool accepted(const std::string& blob) {
    const std::scoped_lock lock(mutex_);
    return !differ_ && accepted_.contains(blob);
  }
  void hosts_differ() {
    const std::scoped_lock lock(mutex_);
    differ_ = true;
  }
  Lesson about(const Target& target) {
    const std::scoped_lock lock(mutex_);
    return lessons_[account_key(target)];
  }
  void learn(const Target& target, Lesson lesson) {
    const std::scoped_lock lock(mutex_);
    lessons_[account_key(target)] = std::move(lesson);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Lesson> lessons_;
  std::set<std::string> accepted_;
  bool differ_ = false;
};

}  // namespace kirikae::ssh
