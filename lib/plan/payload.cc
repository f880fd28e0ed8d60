#include "plan/payload.h"

#include <algorithm>
#include <set>

namespace kirikae::plan {
namespace {

using Paths = std::set<std::string, std::less<>>;

std::shared_ptr<const release::Delta> make_delta(const SourceFiles& source, const std::string& digest, Paths unusable = {}) {
  static const release::Manifest nothing;
  const release::Manifest& base = digest.empty() ? nothing : *source.known.at(digest);
  for (const std::string& path : source.replaced) {
    unusable.insert(path);
    // What lies in it stands behind it, but not at once: a `-` sorts before the `/`.
    for (auto inner = base.lower_bound(path + '/'); inner != base.end() && inner->first.starts_with(path + '/'); ++inner) unusable.insert(inner->first);
  }
  return std::make_shared<const release::Delta>(release::delta_between(base, *source.manifest, unusable));
}

Unpack without_reused(Unpack unpack, std::shared_ptr<const release::Delta> delta) {
  unpack.bytes -= std::min(unpack.bytes, delta->reused_bytes);
  unpack.files -= std::min<std::uint64_t>(unpack.files, delta->reused.size());
  unpack.delta = std::move(delta);
  return unpack;
}

}  // namespace

const std::shared_ptr<const release::Delta>& PayloadChoice::delta_from(const std::string& digest) {
  auto& delta = deltas_[digest];
  if (!delta) delta = make_delta(source_, digest);
  return delta;
}

Unpack PayloadChoice::unpack_for(const release::Facts& facts, Unpack whole) {
  if (!source_.manifest) return whole;
  if (source_.rsync) {
    whole.rsync = host::Rsync{digest_, facts.live, source_.link, source_.full, source_.full};
    return whole;
  }
  host::Rebuild rebuild{source_.part, digest_, {}, {}, source_.link, source_.full};
  std::uint64_t saved = 0;
  const auto consider = [&](const release::ReleaseOnHost& candidate) {
    if (!source_.delta || !source_.known.contains(candidate.manifest)) return;
    const std::uint64_t bytes = delta_from(candidate.manifest)->reused_bytes;
    if (bytes <= saved) return;
    saved = bytes;
    rebuild.base = candidate.id;
    rebuild.base_manifest = candidate.manifest;
  };
  for (const auto& release : facts.releases) {
    if (release.id == facts.live) consider(release);
  }
  std::for_each(facts.releases.rbegin(), facts.releases.rend(), consider);
  const std::string base = rebuild.base_manifest;
  whole.rebuild = std::move(rebuild);
  return without_reused(std::move(whole), delta_from(base));
}

Unpack unpack_again(const SourceFiles& source, Unpack before, const std::vector<std::string>& changed) {
  if (before.rsync) {
    before.rsync->checksum = true;
    return before;
  }
  Paths unusable(changed.begin(), changed.end());
  if (unusable.contains("*")) before.rebuild->base = before.rebuild->base_manifest = std::string();
  for (const auto& move : before.delta->moved) {
    if (unusable.contains(move.to)) unusable.insert(move.from);
  }
  before.bytes += before.delta->reused_bytes;
  before.files += before.delta->reused.size();
  auto delta = make_delta(source, before.rebuild->base_manifest, std::move(unusable));
  return without_reused(std::move(before), std::move(delta));
}

}  // namespace kirikae::plan
