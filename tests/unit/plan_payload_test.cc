// Which release of a host a payload builds on.
#include "plan/payload.h"

#include "core/digest.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::plan;
using release::Manifest;

namespace {

const std::string first = "20261122010000", second = "20261122020000", third = "20261122030000";

Manifest files(const std::string& names, std::uint64_t size = 1000) {
  Manifest manifest;
  for (const char name : names) manifest[std::string(1, name)] = {0644, size, to_hex(sha256_bytes(std::string(1, name)))};
  return manifest;
}

struct Scene {
  SourceFiles source;
  release::Facts facts;
  Unpack whole{third, "zstd", 4000, 4};

  Scene() {
    source.manifest = std::make_shared<const Manifest>(files("abcd"));
    source.part = ".part";
  }
  void has(const std::string& id, const Manifest& manifest, bool is_known = true) {
    const std::string digest = release::digest_of(manifest);
    release::ReleaseOnHost release{id, release::State::good, {}, {}, digest};
    facts.releases.push_back(release);
    if (is_known) source.known[digest] = std::make_shared<const Manifest>(manifest);
  }
  [[nodiscard]] Unpack unpack() const {
    PayloadChoice choice(source);
    return choice.unpack_for(facts, whole);
  }
};

}  // namespace

TEST_CASE("a host without a release that is known gets everything, and its list") {
  Scene scene;
  scene.has(first, files("abcd"), false);
  const Unpack unpack = scene.unpack();
  REQUIRE(unpack.rebuild);
  CHECK(unpack.rebuild->base.empty());
  CHECK(unpack.rebuild->part == ".part");
  CHECK(unpack.rebuild->manifest == release::digest_of(*scene.source.manifest));
  CHECK(unpack.bytes == 4000);
  CHECK(unpack.delta->added == release::to_text(*scene.source.manifest));
}

TEST_CASE("a host builds on the release that saves the most, be it live or not") {
  Scene scene;
  scene.has(first, files("ab"));
  scene.has(second, files("abc"));
  scene.facts.live = first;
  const Unpack unpack = scene.unpack();
  CHECK(unpack.rebuild->base == second);
  CHECK(unpack.rebuild->base_manifest == scene.facts.releases[1].manifest);
  CHECK(unpack.bytes == 1000);
  CHECK(unpack.files == 1);
}

TEST_CASE("of releases that save the same, a host builds on the live one, else on the newest") {
  Scene scene;
  scene.has(first, files("abc"));
  scene.has(second, files("abc"));
  CHECK(scene.unpack().rebuild->base == second);
  scene.facts.live = first;
  CHECK(scene.unpack().rebuild->base == first);
}

TEST_CASE("hosts that build on the same files share what is sent; a tarball builds on nothing") {
  Scene scene;
  scene.has(first, files("ab"));
  PayloadChoice choice(scene.source);
  const Unpack one = choice.unpack_for(scene.facts, scene.whole);
  scene.facts.releases[0].id = second;
  const Unpack other = choice.unpack_for(scene.facts, scene.whole);
  CHECK(one.delta == other.delta);
  CHECK(other.rebuild->base == second);
  scene.source.delta = false;
  CHECK(scene.unpack().rebuild->base.empty());
}

TEST_CASE(
    "what the base hasn't comes from the host's other releases; hosts that need nothing of these share what is sent") {
  Scene scene;
  scene.source.manifest = std::make_shared<const Manifest>(files("abc", 100'000));
  scene.has(first, files("cx", 100'000));
  scene.has(second, files("ab", 100'000));
  CHECK(scene.unpack().delta->reused_bytes == 300'000);
  SECTION("but not what is replaced there") {
    scene.source.replaced = {"c"};
    CHECK(scene.unpack().delta->reused_bytes == 200'000);
  }
  SECTION("once it has answered that something isn't what it was, from the base alone") {
    const Unpack again = unpack_again(scene.source, scene.unpack(), {"c"});
    CHECK(again.delta->reused == release::Paths{"a", "b"});
  }
  SECTION("shared") {
    PayloadChoice choice(scene.source);
    const Unpack one = choice.unpack_for(scene.facts, scene.whole);
    scene.facts.releases.erase(scene.facts.releases.begin());
    const Unpack other = choice.unpack_for(scene.facts, scene.whole);
    CHECK(one.delta != other.delta);
    scene.facts.releases.insert(scene.facts.releases.begin(),
                                {first, release::State::good, {}, {}, release::digest_of(files("xy", 100'000))});
    scene.source.known[scene.facts.releases[0].manifest] = std::make_shared<const Manifest>(files("xy", 100'000));
    CHECK(choice.unpack_for(scene.facts, scene.whole).delta == other.delta);
  }
}

TEST_CASE("rsync is led to the live release, and looks at contents once times have deceived it, or at once for a full verification") {
  Scene scene;
  scene.has(first, files("ab"));
  scene.source.rsync = scene.source.link = true;
  CHECK(scene.unpack().rsync->base.empty());
  scene.facts.live = first;
  const Unpack unpack = scene.unpack();
  REQUIRE(unpack.rsync);
  CHECK_FALSE(unpack.rebuild);
  CHECK(unpack.rsync->base == first);
  CHECK(unpack.rsync->link);
  CHECK(unpack.rsync->manifest == release::digest_of(*scene.source.manifest));
  CHECK_FALSE(unpack.rsync->checksum);
  CHECK(unpack_again(scene.source, unpack, {"a"}).rsync->checksum);
  scene.facts.gone_target = "releases/" + first;  // there is nothing to build on
  CHECK(scene.unpack().rsync->base.empty());
  scene.source.full = true;
  CHECK(scene.unpack().rsync->full);
  CHECK(scene.unpack().rsync->checksum);
}

TEST_CASE("what is replaced in a release by a link or a template is sent each time, with all that lies in it") {
  Scene scene;
  const release::FileSpec spec{0644, 1000, std::string(64, 'a')};
  const Manifest all{{"log-x", spec}, {"log/a", spec}, {"log/b/c", spec}, {"logs", spec}, {"x.ini", spec}};
  scene.source.manifest = std::make_shared<const Manifest>(all);
  scene.source.replaced = {"log", "x.ini"};
  scene.has(first, all);
  CHECK(scene.unpack().delta->reused == std::set<std::string, std::less<>>{"log-x", "logs"});
}

TEST_CASE("a host with files that have changed gets those too, with all that they were moved to") {
  Scene scene;
  scene.source.link = scene.source.full = true;
  auto base = files("abx", 100'000);
  scene.source.manifest = std::make_shared<const Manifest>([] {
    auto next = files("abcd", 100'000);
    next["moved"] = files("x", 100'000).at("x");
    return next;
  }());
  scene.has(first, base);
  scene.whole.bytes = 500'000;
  scene.whole.files = 5;
  const Unpack before = scene.unpack();
  CHECK(before.bytes == 200'000);
  CHECK(before.rebuild->link);
  CHECK(before.rebuild->full);
  SECTION("some") {
    const Unpack again = unpack_again(scene.source, before, {"a"});
    CHECK(again.rebuild->base == first);
    CHECK(again.bytes == 300'000);
    CHECK(again.files == 3);
    CHECK_FALSE(again.delta->reused.contains("a"));
    CHECK(again.delta->reused.contains("moved"));
  }
  SECTION("what was moved") {
    const Unpack again = unpack_again(scene.source, before, {"moved"});
    CHECK(again.delta->moved.empty());
    CHECK(again.bytes == 300'000);
  }
  SECTION("what was moved, and then the same from elsewhere: both are remembered") {
    scene.facts.releases.clear();
    base["y"] = base.at("x");
    scene.has(first, base);
    Unpack again = unpack_again(scene.source, scene.unpack(), {"moved"});
    REQUIRE(again.delta->moved.size() == 1);
    CHECK(again.delta->moved[0].from == "y");
    again = unpack_again(scene.source, again, {"moved"});
    CHECK(again.delta->moved.empty());
    CHECK(again.bytes == 300'000);
    again = unpack_again(scene.source, again, {"a"});
    CHECK(again.bytes == 400'000);
  }
  SECTION("everything") {
    const Unpack again = unpack_again(scene.source, before, {"*"});
    CHECK(again.rebuild->base.empty());
    CHECK(again.rebuild->base_manifest.empty());
    CHECK(again.bytes == 500'000);
    CHECK(again.delta->reused.empty());
  }
}
