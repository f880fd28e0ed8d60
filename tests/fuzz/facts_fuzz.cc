#include <algorithm>

#include "fuzz/driver.h"
#include "release/release.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  return {
      "facts=1\nclock=1795311000\nsystem=Linux\nlive=20261122013000\nrelease=20261121013000 bad\n"
      "release=20261122013000 good\nrevision=a1b2c3\nby=ann@laptop\nmissing=config/a%25b.yml\nfree_kilobytes=1234567\n"
      "free_inodes=999\nzstd=yes\ngzip=yes\nsetsid=yes\nhash=openssl\nsync_fs=yes\nmv=T\nfacts=end\n",
      "facts=1\nclock=1\ntarget=../elsewhere\nrelease=20261122013000 -\nproblem=no room\nfacts=end\n",
      "facts=1\nclock=1\ncurrent=directory\nrelease=20261122013000 preparing\nrevision=\xC3\xA9\xF0\x9F\nfacts=end\n",
  };
}

void try_input(std::string_view input) {
  const auto facts = release::parse_facts(input);
  if (!facts) {
    must(facts.error().code == ErrorCode::lost && !facts.error().message.empty(), "a bad answer counts as a lost host");
    return;
  }
  must(facts->live.empty() || release::is_release_id(facts->live), "what is live is a release");
  must(std::ranges::is_sorted(facts->releases, {}, &release::ReleaseOnHost::id), "releases ascend");
  for (const auto& one : facts->releases) must(release::is_release_id(one.id), "a release has a release's name");
  const auto previous = release::previous_release({*facts});
  if (previous) must(*previous < facts->live, "the release before the live one is older");
  for (const auto& id : release::to_prune(*facts, facts->live, previous.value_or(""), 2)) {
    must(id != facts->live && id != previous.value_or(""), "neither the live release nor the way back is pruned");
  }
}

}  // namespace kirikae::fuzz
