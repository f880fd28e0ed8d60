#include "release/lookup.h"

#include <algorithm>

namespace kirikae::release {

const ReleaseOnHost* find_release(const Facts& host, std::string_view id) {
  const auto at =
      std::find_if(host.releases.begin(), host.releases.end(), [&](const auto& release) { return release.id == id; });
  return at == host.releases.end() ? nullptr : &*at;
}

std::vector<std::string> unfinished_releases(const Facts& host) {
  std::vector<std::string> ids;
  if (host.lock) return ids;
  for (const auto& release : host.releases) {
    const bool sealed = release.state == State::ready && release.id > host.live;
    if (release.id != host.live && (release.state == State::preparing || sealed)) ids.push_back(release.id);
  }
  return ids;
}

}  // namespace kirikae::release
