// Clients that take a host's lock, and who holds it.
#pragma once

#include <algorithm>
#include <memory>

#include "host/control.h"
#include "support/process.h"

namespace kirikae::test {

inline host::LockInfo info(const std::string& token) {
  return {token, "web1", "ada@desk", "2026-11-23 10:00:00 UTC", "deploy production", "https://ci.example/7"};
}

// One client's session with the host.
struct Client {
  Client(const Shell& shell, const Disk& a_disk, std::string a_token)
      : disk(a_disk), token(std::move(a_token)), control(std::make_unique<Control>(shell, a_disk)) {}

  Ended lock(bool despite_freeze = false, const std::string& before = {}) const {
    hold(token);
    return control->run(before + host::lock(disk.layout(), info(token), despite_freeze).text, true);
  }
  void hold(const std::string& of) const {
    const std::string text = host::hold(disk.layout(), of);
    control->say("hold " + std::to_string(std::count(text.begin(), text.end(), '\n')) + "\n" + text);
  }
  Ended guarded() const { return control->run(host::guard(disk.layout(), token) + "echo written\n"); }
  [[nodiscard]] bool has_it() const { return disk.read(".kirikae/lock").find("token " + token + "\n") != std::string::npos; }

  const Disk& disk;
  std::string token;
  std::unique_ptr<Control> control;
};

inline pid_t holder_of(const Disk& disk) {
  const std::string text = disk.read(".kirikae/lock");
  const auto at = text.find("\npid ");
  return at == std::string::npos ? -1 : static_cast<pid_t>(std::stol(text.substr(at + 5)));
}

inline bool freed(const Disk& disk) {
  return eventually([&] { return !disk.exists(".kirikae/lock"); });
}

}  // namespace kirikae::test
