// What each host is sent: the files that its releases don't have; and from which release it takes the rest. Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/step.h"
#include "release/manifest.h"
#include "release/release.h"

namespace kirikae::plan {

// The source's files, and those of the releases that hosts have.
struct SourceFiles {
  std::shared_ptr<const release::Manifest> manifest{};  // null: it was not listed, and everything is sent
  std::map<std::string, std::shared_ptr<const release::Manifest>> known{};  // by digest
  release::ChunkLists chunks{};                                             // of large files of all these
  std::string part{};  // the payload's folder for what is said to the host: a name that the source doesn't have
  std::vector<std::string> replaced{};  // paths in a release that aren't as they came: shared ones, templates
  bool delta = true;   // false: everything is sent all the same
  bool link = false;   // what a host has is linked, not copied
  bool full = false;   // and its sums are compared
  bool rsync = false;  // rsync sends it, and finds out itself what a host has
};

class PayloadChoice {
 public:
  explicit PayloadChoice(const SourceFiles& source)
      : source_(source), digest_(source.manifest ? release::digest_of(*source.manifest) : std::string()) {}
  // `whole`, which sends everything, for a host: with the release that saves the most bytes, of several the live one or else the newest. Hosts that build on
  // the same files share one Unpack::delta. What that release hasn't may come from the host's others.
  Unpack unpack_for(const release::Facts& facts, Unpack whole);

 private:
  using SharedDelta = std::shared_ptr<const release::Delta>;
  const SharedDelta& delta_from(const std::string& digest);
  const SharedDelta& delta_with_others(const release::Facts& facts, const std::string& base, const std::string& digest);

  const SourceFiles& source_;
  const std::string digest_;                        // of its list, the same for all hosts
  std::map<std::string, SharedDelta> deltas_;       // by the base's digest; empty: none
  std::map<std::string, SharedDelta> with_others_;  // by that of the base and what else is known
};

// `before` again, for a host that has answered `changed`: paths that are not what its release's list says, or `*`; what it has answered before
// counts as well. By rsync, which then looks at contents.
Unpack unpack_again(const SourceFiles& source, Unpack before, const std::vector<std::string>& changed);

}  // namespace kirikae::plan
