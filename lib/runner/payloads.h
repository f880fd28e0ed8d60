// Payloads: the packed streams of a run, each for all hosts that build on the same files.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/error.h"
#include "plan/step.h"
#include "transfer/artifact.h"

namespace kirikae::runner {

class Payloads {
 public:
  virtual ~Payloads() = default;
  // What host `host` of the plan is sent. From its own thread, and between the rounds.
  virtual transfer::Artifact& of(std::size_t host) = 0;
  // Another one for that host, which has answered that paths `changed` are not what its release's list says. From its own thread.
  // Errors: as transfer::pack().
  virtual Result<plan::Unpack> again(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed) = 0;
};

}  // namespace kirikae::runner
