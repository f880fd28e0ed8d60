// Which parts of a stream are compressed, and that all unpackers of hosts give them back.
#include "transfer/compressor.h"

#include <fmt/format.h>

#include "support/catch.h"
#include "support/dice.h"
#include "support/process.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;
using transfer::Compressor;
using transfer::Encoding;
using transfer::Packing;

namespace {

constexpr std::size_t block = Compressor::block_size;

bool never_dry() { return false; }
bool always_dry() { return true; }

// `pieces`, each in one write.
std::string packed_pieces(Packing packing, const std::vector<std::string>& pieces, bool (*ran_dry)() = never_dry) {
  std::string out;
  auto compressor = Compressor::make(
      packing,
      [&](std::string_view bytes) -> Result<void> {
        out += bytes;
        return {};
      },
      ran_dry);
  REQUIRE(compressor);
  for (const auto& piece : pieces) REQUIRE(compressor->write(piece));
  REQUIRE(compressor->finish());
  return out;
}

std::string text(Dice& dice, std::size_t size) {
  std::string lines;
  while (lines.size() < size) lines += fmt::format("line {} of a text that shrinks well\n", dice.below(1'000'000));
  lines.resize(size);
  return lines;
}

// Noise where samples are taken, else one letter: only who looks at all of it finds that it can be compressed.
std::string hollow(Dice& dice, char letter) {
  constexpr std::size_t sample = 16 * 1024;
  std::string bytes(block, letter);
  for (std::size_t i = 0; i < 4; ++i) bytes.replace((block - sample) / 3 * i, sample, dice.bytes(sample));
  return bytes;
}

bool has(const std::string& packed, const std::string& piece) {
  return packed.find(piece.substr(300'000, 1000)) != std::string::npos;
}

std::vector<std::string> unpackers(Encoding encoding) {
  if (encoding == Encoding::none) return {"cat"};
  if (encoding == Encoding::zstd) return {"zstd -dcq"};
  std::vector<std::string> all{"gzip -dc", "busybox gunzip -c", "busybox zcat"};
  if (installed("toybox") && run_program({"sh", "-c", "toybox | grep -qw zcat"}).status == 0)
    all.emplace_back("toybox zcat");
  return all;
}

void check_unpacks(const std::string& bytes, Encoding encoding, const std::string& wanted) {
  const TempDir folder;
  folder.write("packed", bytes);
  for (const auto& unpacker : unpackers(encoding)) {
    CAPTURE(unpacker);
    const auto end = run_program({"sh", "-c", unpacker + " <\"$1\"", "sh", folder / "packed"});
    CHECK(end.status == 0);
    CHECK((end.output == wanted));
  }
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string all;
  for (const auto& piece : pieces) all += piece;
  return all;
}

}  // namespace

TEST_CASE("whatever mix is packed comes out of all unpackers as it went in") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    Dice dice(seed);
    std::vector<std::string> pieces;
    const std::size_t count = seed == 1 ? 0 : 2 + dice.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = dice.one_in(3) ? dice.below(100) : dice.below(3 * block);
      pieces.push_back(dice.one_in(2) ? dice.bytes(size) : text(dice, size));
    }
    for (const Encoding encoding : {Encoding::zstd, Encoding::gzip, Encoding::none}) {
      for (const bool adaptive : {false, true}) {
        INFO("seed " << seed << ", " << transfer::name_of(encoding) << (adaptive ? ", adaptive" : ""));
        check_unpacks(packed_pieces({encoding, adaptive}, pieces), encoding, joined(pieces));
        if (adaptive) check_unpacks(packed_pieces({encoding, adaptive}, pieces, always_dry), encoding, joined(pieces));
      }
    }
  }
}

TEST_CASE("behind bytes that can't be made smaller the compressor rests, but for samples, until there are others") {
  Dice dice(7);
  const std::string before = text(dice, block), first = hollow(dice, 'f'), noise = dice.bytes(2 * block),
                    second = hollow(dice, 's'), after = text(dice, block);
  for (const Encoding encoding : {Encoding::zstd, Encoding::gzip}) {
    INFO(transfer::name_of(encoding));
    const std::vector<std::string> pieces{before, first, noise, second, after};
    const auto out = packed_pieces({encoding, true}, pieces);
    CHECK_FALSE(has(out, before));
    CHECK_FALSE(has(out, first));  // nothing has been found dense yet: it is compressed unseen
    CHECK(has(out, noise.substr(block)));
    CHECK(has(out, second));
    CHECK_FALSE(has(out, after));
    check_unpacks(out, encoding, joined(pieces));
    CHECK_FALSE(has(packed_pieces({encoding, false}, pieces), second));
  }
}

TEST_CASE(
    "where readers run dry some blocks go as they are, but not of a small stream, nor by an encoding that was asked "
    "for") {
  for (const Encoding encoding : {Encoding::zstd, Encoding::gzip}) {
    Dice dice(8);
    std::vector<std::string> pieces;
    for (int i = 0; i < 36; ++i) pieces.push_back(text(dice, block));
    const auto stored = [&](const std::string& out) {
      std::string which;
      for (const auto& piece : pieces) which += has(out, piece) ? '.' : 'c';
      return which;
    };
    INFO(transfer::name_of(encoding));
    CHECK(stored(packed_pieces({encoding, true}, pieces, always_dry)) == std::string(32, 'c') + ".c..");
    CHECK(stored(packed_pieces({encoding, true}, pieces, never_dry)) == std::string(36, 'c'));
    CHECK(stored(packed_pieces({encoding, false}, pieces, always_dry)) == std::string(36, 'c'));
  }
}

TEST_CASE("an error of what takes the packed bytes is the compressor's") {
  for (const Encoding encoding : {Encoding::zstd, Encoding::gzip, Encoding::none}) {
    INFO(transfer::name_of(encoding));
    auto compressor = Compressor::make(
        {encoding, true},
        [](std::string_view) -> Result<void> { return std::unexpected(Error(ErrorCode::local, "full")); }, never_dry);
    REQUIRE(compressor);
    const auto written = compressor->write(std::string(100, 'x'));
    const auto ended = compressor->finish();
    const auto& failed = encoding == Encoding::none ? written : ended;
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message == "full");
  }
}
