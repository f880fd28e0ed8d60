#include <algorithm>

#include "core/digest.h"
#include "fuzz/driver.h"
#include "release/release.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  return {
      "facts=1\nclock=1795311000\nsystem=Linux\nlive=20261122013000\n"
      "release=20261120013000 good\nrevision=a1b2c3\nby=ann@laptop\n"
      "manifest=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nrelease=20261121013000 bad\n"
      "release=20261122013000 good\nrelease=20261122023000 failed\nrelease=20261122033000 -\n"
      "mv=T\nhash=openssl\nsmall_hash=sha256sum\ngnu=yes\nzstd=yes\ngzip=yes\nsetsid=yes\nsudo=yes\nsync_fs=yes\nfree_kilobytes=1234567\nfree_inodes=999\nfacts="
      "end\n",
      "facts=1\nclock=1\ntarget=../elsewhere\nmissing=config/a%0Ab.yml\nproblem=no room\nfacts=end\n",
      "facts=1\nclock=1\ncurrent=directory\nrelease=20261120013000 ready\nby=x\nfacts=end\n",
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
  for (const auto& one : facts->releases) {
    must(release::is_release_id(one.id), "a release has a release's name");
    must(one.manifest.empty() || is_sha256(one.manifest), "a list's sum is one");
  }
  const auto previous = release::previous_release({*facts});
  if (previous) must(*previous < facts->live, "the release before the live one is older");
  for (const auto& id : release::to_prune(*facts, facts->live, previous.value_or(""), 2)) {
    must(id != facts->live && id != previous.value_or(""), "neither the live release nor the way back is pruned");
  }
}

}  // namespace kirikae::fuzz
