// Where large files are cut.
#include "transfer/chunker.h"

#include <algorithm>
#include <set>

#include "core/digest.h"
#include "support/catch.h"
#include "support/noise.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/chunk_cache.h"
#include "transfer/listing.h"
#include "transfer/packing.h"

namespace kirikae::test {
namespace {

using release::Chunk;
using release::Chunks;
using transfer::Chunker;

// Handed over in pieces of this size.
Chunks cut(std::string_view bytes, std::size_t piece = std::size_t{1} << 16U) {
  Chunker chunker;
  for (std::size_t at = 0; at < bytes.size(); at += piece) chunker.update(bytes.substr(at, piece));
  return chunker.finish();
}

std::size_t new_ones(const Chunks& before, const Chunks& after) {
  std::set<std::uint64_t> known;
  for (const Chunk& chunk : before) known.insert(chunk.sum);
  return static_cast<std::size_t>(
      std::count_if(after.begin(), after.end(), [&](const Chunk& chunk) { return !known.contains(chunk.sum); }));
}

}  // namespace

TEST_CASE("a stream is cut by its content alone, whatever pieces it comes in") {
  const std::string bytes = noise(300'000, 1);
  const Chunks chunks = cut(bytes);
  for (const std::size_t piece : {1UL, 63UL, 1000UL, 300'000UL}) CHECK(cut(bytes, piece) == chunks);
  std::size_t at = 0;
  for (const Chunk& chunk : chunks) {
    CHECK(chunk.size <= 32 * 1024);
    QuickSum sum;
    sum.update(std::string_view(bytes).substr(at, chunk.size));
    CHECK(chunk.sum == sum.take().low);
    at += chunk.size;
    CHECK((chunk.size >= 2 * 1024 || at == bytes.size()));
  }
  CHECK(at == bytes.size());
  CHECK((chunks.size() > 20 && chunks.size() < 60));
  CHECK(cut("").empty());
  CHECK(cut("x").size() == 1);
}

TEST_CASE("the cuts are those of earlier versions, since hosts keep what was found") {
  std::string sizes;
  for (const Chunk& chunk : cut(noise(60'000, 7))) sizes += std::to_string(chunk.size) + ' ';
  CHECK(sizes == "3548 10635 8419 7901 10403 9086 8560 1448 ");
  const Chunks zeros = cut(std::string(100'000, '\0'));
  REQUIRE(zeros.size() == 4);
  CHECK(zeros.front().size == 32 * 1024);
}

TEST_CASE("a change moves only the cuts near it") {
  const std::string before = noise(2'000'000, 3);
  const Chunks chunks = cut(before);
  std::string after = before;
  SECTION("other bytes") { after.replace(1'000'000, 4, "four"); }
  SECTION("more bytes") { after.insert(1'000'000, "some more"); }
  SECTION("fewer bytes") { after.erase(1'000'000, 5000); }
  SECTION("at the start") { after.insert(0, "heading"); }
  CHECK(new_ones(chunks, cut(after)) >= 1);
  CHECK(new_ones(chunks, cut(after)) <= 4);
}

TEST_CASE("a source's large files are cut, and that is kept as their sums are") {
  TempDir folder;
  const std::string bytes = noise(release::least_chunked, 5);
  folder.write("tree/large", bytes);
  folder.write("tree/less", bytes.substr(1));
  const auto list = [&] { return transfer::list_source(directory_source(folder / "tree"), folder / "cache", {}); };
  auto listing = list();
  REQUIRE(listing);
  REQUIRE(listing->chunks.size() == 1);
  const std::string sum = to_hex(sha256_bytes(bytes));
  CHECK(*listing->chunks.at(sum) == cut(bytes));
  const transfer::ChunkCache cache(folder / "cache");
  REQUIRE(cache.find(sum));
  CHECK(*cache.find(sum) == cut(bytes));
  // A file that was written to just now isn't known the next time.
  const auto sums = std::filesystem::directory_iterator(folder.path() / "cache/sums")->path();
  REQUIRE(eventually([&] { return list() && folder.read("cache/sums/" + sums.filename().string()).find(sum) != std::string::npos; }));
  SECTION("it is known") {}
  SECTION("it is torn") {
    folder.write("cache/chunks/" + sum, "torn");
    CHECK_FALSE(cache.find(sum));
  }
  SECTION("it is gone") { std::filesystem::remove_all(folder.path() / "cache/chunks"); }
  listing = list();
  REQUIRE(listing);
  CHECK(*listing->chunks.at(sum) == cut(bytes));
  CHECK(cache.find(sum));
}

}  // namespace kirikae::test
