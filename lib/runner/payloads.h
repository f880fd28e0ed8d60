// Payloads: the packed streams of a run, each for all hosts that build on the same files.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "plan/step.h"
#include "transfer/artifact.h"
#include "transfer/limited.h"

namespace kirikae::runner {

// How rsync sends the source.
struct RsyncSource {
  std::string program;  // ours, which rsync calls instead of ssh
  std::string folder;   // the source
  std::string names;    // of all that is sent: `./PATH`, each ended by a NUL
  std::string list;     // release::to_text of its files
  std::string digest;   // of that list
  std::shared_ptr<transfer::RateLimit> limit;
};

class Payloads {
 public:
  virtual ~Payloads() = default;
  // What host `host` of the plan is sent. From its own thread, and between the rounds.
  virtual transfer::Artifact& of(std::size_t host) = 0;
  // Null: the hosts are sent packed streams. Otherwise of() is not called.
  [[nodiscard]] virtual const RsyncSource* rsync() const { return nullptr; }
  // Another one for that host, which has answered that paths `changed` are not what its release's list says. From its own thread.
  // Errors: as transfer::pack().
  virtual Result<plan::Unpack> again(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed) = 0;
};

}  // namespace kirikae::runner
