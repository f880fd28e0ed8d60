#include "plan/payload.h"

#include <algorithm>
#include <set>

namespace kirikae::plan {
namespace {

using release::Manifest;
using release::Paths;
using Others = std::vector<std::pair<std::string, const Manifest*>>;

// Adds what is replaced in the release that has this manifest, as `before` and the path.
void add_replaced(Paths& unusable, const SourceFiles& source, const Manifest& manifest, const std::string& before) {
  for (const std::string& path : source.replaced) {
    unusable.insert(before + path);
    // What lies in it stands behind it, but not at once: a `-` sorts before the `/`.
    for (auto inner = manifest.lower_bound(path + '/'); inner != manifest.end() && inner->first.starts_with(path + '/');
         ++inner) {
      unusable.insert(before + inner->first);
    }
  }
}

std::shared_ptr<const release::Delta> make_delta(const SourceFiles& source, const std::string& digest,
                                                 Others others = {}, Paths unusable = {}) {
  static const Manifest nothing;
  release::Held held{digest.empty() ? nothing : *source.known.at(digest), std::move(unusable), std::move(others),
                     &source.chunks};
  add_replaced(held.unusable, source, held.base, {});
  for (const auto& [id, manifest] : held.others) add_replaced(held.unusable, source, *manifest, "../" + id + '/');
  return std::make_shared<const release::Delta>(release::delta_between(held, *source.manifest));
}

Unpack without_reused(Unpack unpack, std::shared_ptr<const release::Delta> delta) {
  unpack.bytes -= std::min(unpack.bytes, delta->reused_bytes);
  unpack.files -= std::min<std::uint64_t>(unpack.files, delta->reused.size());
  unpack.delta = std::move(delta);
  return unpack;
}

}  // namespace

const PayloadChoice::SharedDelta& PayloadChoice::delta_from(const std::string& digest) {
  auto& delta = deltas_[digest];
  if (!delta) delta = make_delta(source_, digest);
  return delta;
}

// Hosts of which nothing but the base is of use share the base's delta, whatever else they have.
const PayloadChoice::SharedDelta& PayloadChoice::delta_with_others(const release::Facts& facts, const std::string& base,
                                                                   const std::string& digest) {
  const SharedDelta& alone = delta_from(digest);
  if (alone->reused.size() == source_.manifest->size()) return alone;
  Others others;
  std::string key = digest;
  for (auto release = facts.releases.rbegin(); release != facts.releases.rend(); ++release) {
    const auto known = source_.known.find(release->manifest);
    if (release->id == base || known == source_.known.end()) continue;
    others.emplace_back(release->id, known->second.get());
    key += '\n' + release->id + ' ' + release->manifest;
  }
  if (others.empty()) return alone;
  SharedDelta& delta = with_others_[key];
  if (!delta) delta = make_delta(source_, digest, std::move(others));
  if (delta->reused.size() == alone->reused.size()) delta = alone;
  return delta;
}

Unpack PayloadChoice::unpack_for(const release::Facts& facts, Unpack whole) {
  if (!source_.manifest) return whole;
  if (source_.rsync) {
    whole.rsync = host::Rsync{digest_, release::standing_release(facts), source_.link, source_.full, source_.full};
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
  const SharedDelta delta =
      rebuild.base.empty() ? delta_from({}) : delta_with_others(facts, rebuild.base, rebuild.base_manifest);
  whole.rebuild = std::move(rebuild);
  return without_reused(std::move(whole), delta);
}

Unpack unpack_again(const SourceFiles& source, Unpack before, const std::vector<std::string>& changed) {
  if (before.rsync) {
    before.rsync->checksum = true;
    return before;
  }
  Paths& unusable = before.unusable;
  const Paths now(changed.begin(), changed.end());
  unusable.insert(now.begin(), now.end());
  if (unusable.contains("*")) before.rebuild->base = before.rebuild->base_manifest = std::string();
  for (const auto& move : before.delta->moved) {
    if (now.contains(move.to)) unusable.insert(move.from);
  }
  before.bytes += before.delta->reused_bytes;
  before.files += before.delta->reused.size();
  auto delta = make_delta(source, before.rebuild->base_manifest, {}, unusable);
  return without_reused(std::move(before), std::move(delta));
}

}  // namespace kirikae::plan
