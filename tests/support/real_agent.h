// RealAgent: the system's ssh-agent, with keys, that lives as long as the object.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace kirikae::test {

class RealAgent {
 public:
  RealAgent(const TempDir& folder, const std::vector<std::string>& keys);
  ~RealAgent();
  RealAgent(const RealAgent&) = delete;
  RealAgent& operator=(const RealAgent&) = delete;

  [[nodiscard]] const std::string& socket() const { return socket_; }
  void add(const std::string& key) const;

 private:
  void stop() const;

  std::string socket_;
  pid_t pid_ = -1;
};

}  // namespace kirikae::test
