#include <string>
#include <vector>

#include "release/release.h"
#include "support/catch.h"

namespace kirikae::release {

namespace {
std::string answer(const std::string& lines) { return "facts=1\nclock=1795311000\n" + lines + "facts=end\n"; }
}  // namespace

TEST_CASE("A host's answer is read whole, and unknown keys are ignored") {
  const auto facts = parse_facts(
      answer("system=Linux\napplication=shop\nlive=20261122013000\nrelease=20261122013000 good\nrevision=a1b2=c3 x\nby=ann@laptop\n"
             "release=20261121013000 -\nrelease=20261120013000 bad\nrevision=\n"
             "missing=config/a b.yml\nmissing=100%25%0A.txt\nproblem='/srv' is not writable\nfrom_the_future=yes\n"
             "free_kilobytes=18446744073709551615\nfree_inodes=77\nroot_kilobytes=78\nroot_inodes=79\nzstd=yes\ngzip=yes\nsetsid=yes\nsudo=yes\nhash=openssl\nsmall_hash=sha256sum\ngnu=yes\nsync_"
             "fs=yes\nmv=T\n"));
  REQUIRE(facts);
  CHECK(facts->clock == 1795311000);
  CHECK(facts->system == "Linux");
  CHECK(facts->application == "shop");
  CHECK(facts->live == "20261122013000");
  REQUIRE(facts->releases.size() == 3);
  CHECK(facts->releases[0].id == "20261120013000");
  CHECK(facts->releases[0].state == State::bad);
  CHECK(facts->releases[1].id == "20261121013000");
  CHECK_FALSE(facts->releases[1].state);
  CHECK(facts->releases[2].revision == "a1b2=c3 x");
  CHECK(facts->releases[2].deployed_by == "ann@laptop");
  CHECK(facts->missing_files == std::vector<std::string>{"config/a b.yml", "100%\n.txt"});
  CHECK(facts->problems == std::vector<std::string>{"'/srv' is not writable"});
  CHECK(facts->free_kilobytes == 18446744073709551615U);
  CHECK(facts->free_inodes == 77);
  CHECK(facts->root_kilobytes == 78);
  CHECK(facts->root_inodes == 79);
  CHECK((facts->zstd && facts->gzip && facts->setsid && facts->sudo && facts->sync_file_system));
  CHECK(facts->hash == "openssl");
  CHECK(facts->small_hash == "sha256sum");
  CHECK(facts->gnu);
  CHECK(facts->mv == "T");
  CHECK_FALSE(facts->current_is_directory);
}

TEST_CASE("What `current` is: nothing, a directory, or a link to elsewhere") {
  CHECK(parse_facts(answer(""))->live.empty());
  CHECK(parse_facts(answer("current=directory\n"))->current_is_directory);
  CHECK(parse_facts(answer("target=/opt/other\n"))->current_target == "/opt/other");
  CHECK(parse_facts(answer("target=/opt/other\ncurrent=nowhere\n"))->current_dangles);
  const auto gone = parse_facts(answer("live=20261122010000\ngone=releases/20261122010000\n"));
  CHECK(release::standing_release(*gone).empty());
  CHECK(release::link_before(*gone) == "releases/20261122010000");
  CHECK(release::standing_release(*parse_facts(answer("live=20261122010000\n"))) == "20261122010000");
}

TEST_CASE("A revision that the host cut inside of a character loses the torn part") {
  const struct {
    std::string value, kept;
  } cases[] = {{"caf\xC3\xA9", "caf\xC3\xA9"}, {"caf\xC3", "caf"}, {"x\xF0\x9F\x98\x80", "x\xF0\x9F\x98\x80"},
               {"x\xF0\x9F\x98", "x"},         {"x\xE2\x82", "x"}, {"\x80\x80", "\x80\x80"}};
  for (const auto& one : cases) {
    CHECK(parse_facts(answer("release=20261122013000 good\nrevision=" + one.value + "\n"))->releases.at(0).revision ==
          one.kept);
  }
}

TEST_CASE("An answer that is not ours is a lost host") {
  const struct {
    std::string text, why;
  } cases[] = {
      {"", "it is not complete"},
      {"command not found\n", "a line is no 'key=value'"},
      {"live=20261122013000\n", "it doesn't begin as ours"},
      {"facts=1\nclock=1\n", "it is not complete"},
      {"facts=1\nclock=1\nfacts=en", "its last line is cut off"},
      {"facts=1\nfacts=end\n", "it has no clock"},
      {"facts=1\nfacts=1\nclock=1\nfacts=end\n", "it begins or ends twice"},
      {"facts=end\n", "it begins or ends twice"},
      {answer("") + "more=1\n", "a line is no 'key=value'"},
      {answer("release=../../etc good\n"), "a release has no release id"},
      {answer("release=20261122013000\n"), "release '20261122013000' has an unknown state"},
      {answer("release=20261122013000 glorious\n"), "release '20261122013000' has an unknown state"},
      {answer("release=20261122013000 good\nrelease=20261122013000 bad\n"), "a release is there twice"},
      {answer("live=current\n"), "the live release has no release id"},
      {answer("revision=abc\n"), "'revision' belongs to no release"},
      {answer("free_kilobytes=-1\n"), "'free_kilobytes' has no number"},
      {answer("free_inodes=1 2\n"), "'free_inodes' has no number"},
      {answer("free_inodes=99999999999999999999\n"), "'free_inodes' has no number"},
      {answer("missing=a%0\n"), "a file's name is not encoded as we do it"},
      {answer("missing=a%00\n"), "a file's name is not encoded as we do it"},
      {answer("missing=a%zz\n"), "a file's name is not encoded as we do it"},
      {answer("problem=\x1b[2J\n"), "it has control characters"},
      {answer(std::string("problem=a\0b\n", 12)), "it has control characters"},
      {answer("=empty\n"), "a line is no 'key=value'"},
      {answer("problem=" + std::string(5000, 'x') + "\n"), "a line is too long"},
  };
  for (const auto& one : cases) {
    INFO(one.text);
    const auto facts = parse_facts(one.text);
    REQUIRE_FALSE(facts);
    CHECK(facts.error().code == ErrorCode::lost);
    CHECK(facts.error().message == "the host's answer about its state makes no sense: " + one.why);
  }
}

}  // namespace kirikae::release
