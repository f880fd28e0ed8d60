// Readers of one artifact that keep to a rate together.
#include "transfer/limited.h"

#include <poll.h>

#include <chrono>
#include <future>

#include "support/catch.h"
#include "support/dice.h"
#include "support/temp_dir.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using transfer::Encoding;

namespace {

std::shared_ptr<transfer::Artifact> packed_artifact(const TempDir& folder, std::size_t bytes) {
  Dice dice(1);
  folder.write("source/data", dice.bytes(bytes));
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "cache", {});
  REQUIRE(artifact);
  REQUIRE((*artifact)->sha256());
  return *artifact;
}

}  // namespace

TEST_CASE("readers under a limit get the whole stream, together no quicker than it says") {
  const TempDir folder;
  const auto artifact = packed_artifact(folder, 400'000);
  const auto whole = read_all(*artifact);
  REQUIRE(whole);
  constexpr std::uint64_t rate = 4'000'000;
  const auto from = std::chrono::steady_clock::now();
  const auto slow = transfer::limited(artifact, transfer::rate_limit(rate));
  CHECK(slow->total() == whole->size());
  std::vector<std::future<Result<std::string>>> readers;
  for (int i = 0; i < 3; ++i) readers.push_back(std::async(std::launch::async, [&] { return read_all(*slow); }));
  // One that gives up while it waits, and one that never reads: their shares are the others'.
  const auto idle = slow->reader();
  {
    const auto leaving = slow->reader();
    std::vector<char> buffer(64 * 1024);
    const auto waker = std::make_shared<Waker>();
    for (;;) {
      const auto piece = leaving->read(buffer, waker);
      REQUIRE(piece);
      REQUIRE(piece->state != ByteSource::Piece::State::end);
      if (piece->state == ByteSource::Piece::State::later) break;
    }
  }
  for (auto& reader : readers) {
    const auto got = reader.get();
    REQUIRE(got);
    CHECK(*got == *whole);
  }
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
  CHECK(seconds * rate + rate / 10. >= 3. * static_cast<double>(whole->size()));  // a slow machine only makes it longer
}

TEST_CASE("a reader that waits for its turn has its waker woken") {
  const TempDir folder;
  folder.write("source/data", std::string(1000, 'x'));
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "cache", {});
  REQUIRE(artifact);
  REQUIRE((*artifact)->sha256());
  const auto slow = transfer::limited(*artifact, transfer::rate_limit(2000));
  const auto reader = slow->reader();
  const auto waker = std::make_shared<Waker>();
  std::vector<char> buffer(64 * 1024);
  auto piece = reader->read(buffer, waker);
  REQUIRE(piece);
  CHECK(piece->state == ByteSource::Piece::State::later);
  pollfd wait{waker->fd(), POLLIN, 0};
  REQUIRE(::poll(&wait, 1, 30'000) == 1);
  piece = reader->read(buffer, waker);
  REQUIRE(piece);
  CHECK(piece->state == ByteSource::Piece::State::data);
  CHECK(piece->size < 1000);
}

TEST_CASE("without a limit nothing is put in between") {
  const TempDir folder;
  const auto artifact = packed_artifact(folder, 10);
  CHECK(transfer::limited(artifact, transfer::rate_limit(0)) == artifact);
}
