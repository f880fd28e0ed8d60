// What two large files have in common, found by the sums of their chunks.
#include "release/chunks.h"

#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::release;

namespace {

// A chunk of so many KiB.
Chunk chunk(std::uint64_t sum, std::uint32_t size = 16) { return {size * 1024, sum}; }

ChunkIndex index_of(const std::string& path, const Chunks& chunks) {
  ChunkIndex index;
  index.add(path, std::make_shared<const Chunks>(chunks));
  return index;
}

// "0+16=sent" in KiB, one word a piece.
std::string words(const Patch& patch) {
  std::string text;
  for (const Piece& piece : patch.pieces) {
    text += std::to_string(piece.offset / 1024) + '+' + std::to_string(piece.size / 1024) +
            (piece.from.empty() ? "=sent " : "=" + piece.from + ' ');
  }
  return text;
}

const std::string sum1(64, '1'), sum2(64, 'a');

}  // namespace

TEST_CASE("a list of chunks is read as it was written") {
  const Chunks one{{1, 0}, {0x8000, 0xfedcba9876543210}}, two{{2048, 7}};
  const std::string text = chunks_line(sum1, one) + chunks_line(sum2, two);
  CHECK(text == sum1 + "\t1:0000000000000000 8000:fedcba9876543210\n" + sum2 + "\t800:0000000000000007\n");
  const auto lists = parse_chunks(text);
  REQUIRE(lists);
  CHECK(lists->size() == 2);
  CHECK(*lists->at(sum1) == one);
  CHECK(*lists->at(sum2) == two);
  CHECK(parse_chunks("")->empty());
}

TEST_CASE("what is no list of chunks is an error") {
  const auto* const text = GENERATE(
      "SUM", "SUM\n", "SUM\t\n", "SUM\t800\n", "SUM\t800:7\n", "SUM\t0:0000000000000007\n",
      "SUM\t-1:0000000000000007\n", "SUM\t100000000:0000000000000007\n", "SUM\t800:000000000000000x\n",
      "SUM\t800:0000000000000007", "x\t800:0000000000000007\n", "SUM\t800:0000000000000007  800:0000000000000007\n",
      "../../../../../../../../../../../../../../../../../../../../motd\t800:0000000000000007\n",
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\t800:0000000000000007\n");
  std::string whole = text;
  if (whole.starts_with("SUM")) whole.replace(0, 3, sum1);
  INFO(whole);
  const auto lists = parse_chunks(whole);
  REQUIRE_FALSE(lists);
  CHECK(lists.error().code == ErrorCode::lost);
}

TEST_CASE("what is the same is fetched, in as few pieces as may be, and the rest is sent") {
  const auto index = index_of("jar", {chunk(1), chunk(2), chunk(3), chunk(4), chunk(5)});
  const Patch patch = index.patch_for({chunk(1), chunk(2), chunk(9), chunk(8), chunk(4), chunk(5), chunk(7), chunk(1)});
  CHECK(words(patch) == "0+32=jar 0+32=sent 48+32=jar 32+16=sent 0+16=jar ");
  CHECK(patch.sent == 48 * 1024);
}

TEST_CASE("a chunk is that of the same sum and size, and goes on in the file that the one before was found in") {
  ChunkIndex index = index_of("old", {chunk(1), chunk(2)});
  index.add("other", std::make_shared<const Chunks>(Chunks{chunk(6), chunk(1), chunk(3)}));
  CHECK(words(index.patch_for({chunk(6), chunk(1), chunk(3)})) == "0+48=other ");
  CHECK(words(index.patch_for({chunk(1), chunk(3)})) == "0+16=old 32+16=other ");
  CHECK(index.patch_for({chunk(1, 17), chunk(3, 17)}).pieces.empty());
}

TEST_CASE("a piece that is too small to be worth its process is sent; with none left there is no patch") {
  const auto index = index_of("jar", {chunk(1, 8), chunk(2, 7), chunk(3)});
  const Patch patch = index.patch_for({chunk(1, 8), chunk(2, 7), chunk(9, 2), chunk(3)});
  CHECK(words(patch) == "0+17=sent 15+16=jar ");
  CHECK(patch.sent == 17 * 1024);
  CHECK(index.patch_for({chunk(1, 8), chunk(2, 7), chunk(9)}).pieces.empty());
  CHECK(index_of("empty", {}).patch_for({}).pieces.empty());
}
