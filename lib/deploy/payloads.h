// What a deploy sends: which files the hosts have already, and the packed streams of the others.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "deploy/deploy.h"
#include "deploy/hosts.h"
#include "deploy/rsync.h"
#include "deploy/source.h"
#include "plan/plan.h"
#include "runner/payloads.h"
#include "transfer/artifact.h"
#include "transfer/limited.h"
#include "transfer/listing.h"

namespace kirikae::deploy {

// The source's list, and those of the hosts' releases: from the cache, where earlier runs have kept them, and the live releases' from the
// hosts themselves. A list that can't be had is left out, and so are releases without one.
plan::SourceFiles source_files(const recipe::Recipe& recipe, const transfer::Listing& source, const OpenedHosts& opened,
                               const Surroundings& with, runner::TaskGroup& group);

class PackedPayloads : public runner::Payloads {
 public:
  // All of them outlive it.
  PackedPayloads(const ListedSource& source, const recipe::Recipe& recipe, const plan::SourceFiles& files, const Surroundings& with)
      : source_(source.taken.source), quick_(source.listing.quick), rest_(source.listing.rest), late_folders_(source.listing.late_folders), files_(files),
        with_(with), limit_(transfer::rate_limit(recipe.limit_rate)),
        rsync_(rsync_source(recipe, source.listing, with.program, limit_)) {}
  // Unless rsync sends it, begins to pack what the plan's hosts are sent: once for all that build on the same files.
  Result<void> pack(const plan::Plan& plan);

  transfer::Artifact& of(std::size_t host) override;
  [[nodiscard]] const runner::RsyncSource* rsync() const override { return rsync_ ? &*rsync_ : nullptr; }
  Result<plan::Unpack> again(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed) override;

 private:
  Result<std::shared_ptr<transfer::Artifact>> pack(const plan::Unpack& unpack) const;

  const recipe::Source& source_;
  const std::shared_ptr<const transfer::QuickSums> quick_;
  const std::shared_ptr<const transfer::Unlisted> rest_;
  const transfer::FolderModes late_folders_;
  const plan::SourceFiles& files_;
  const Surroundings& with_;
  const std::shared_ptr<transfer::RateLimit> limit_;
  const std::optional<runner::RsyncSource> rsync_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<transfer::Artifact>> by_host_;
};

}  // namespace kirikae::deploy
