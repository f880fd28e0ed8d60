// Runs that are taken back.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "run_world.h"
#include "support/process.h"

namespace kirikae::test {

using Names = std::vector<std::string>;

struct UndoWorld : RunWorld {
  explicit UndoWorld(int count) : RunWorld(count) { hook(recipe::HookPoint::after_publish, "restart"); }

  // What a host was told from its n-th command `first` on.
  [[nodiscard]] Names told_from(std::size_t host, const std::string& first, int nth = 1) const {
    const Names names = hosts[host]->names();
    auto at = names.begin();
    for (; at != names.end(); ++at) {
      if (*at == first && --nth == 0) break;
    }
    return {at, names.end()};
  }
  [[nodiscard]] std::string text_of(std::size_t host, const std::string& command, int nth) const {
    for (const auto& call : hosts[host]->calls()) {
      if (call.name == command && --nth == 0) return call.text;
    }
    return {};
  }
  // `host` begins `command` when the others have, and then `what` happens.
  void last_at(std::size_t host, const std::string& command, const std::function<void()>& what = [] {}) {
    hosts[host]->before_each([this, command, what](const FakeCall& call) {
      if (call.name != command) return;
      for (std::size_t i = 0; i < hosts.size(); ++i) eventually([&] { return was_told(i, command); });
      what();
    });
  }
};

// How many hosts failed on the way back, as those who watch are told.
inline int failed_in_undo(const RunWorld& world) {
  for (const auto& finished : world.events.all<event::PhaseFinished>()) {
    if (finished.phase == event::Phase::undo) return finished.failed_hosts;
  }
  return -1;
}

inline std::string warnings(const RunWorld& world) {
  std::string text;
  for (const auto& warning : world.events.all<event::Warning>()) text += warning.host + ": " + warning.text + '\n';
  return text;
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace kirikae::test
