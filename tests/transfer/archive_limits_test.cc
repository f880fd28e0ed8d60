// Archives that claim, or unpack to, more than their size makes plausible.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <fstream>

#include "support/catch.h"
#include "support/temp_dir.h"
#include "transfer/archive_reader.h"
#include "transfer/archives.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
using transfer::Encoding;

namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xff);
  return text;
}

// A zip whose one file claims `size` bytes, by the 64-bit fields, and has none.
std::string zip_that_claims(std::uint64_t size, const std::string& name) {
  const std::string sizes = little_endian(0xffffffff, 4) + little_endian(0xffffffff, 4);
  const std::string extra = little_endian(1, 2) + little_endian(16, 2) + little_endian(size, 8) + little_endian(size, 8);
  const std::string head = little_endian(45, 2) + little_endian(0, 4) + little_endian(0, 8);  // flags, stored, time, sum
  const std::string local = "PK\3\4" + head + sizes + little_endian(name.size(), 2) + little_endian(20, 2) + name + extra;
  const std::string central = "PK\1\2" + little_endian(45, 2) + head + sizes + little_endian(name.size(), 2) + little_endian(20, 2) +
                              little_endian(0, 2 + 2 + 2 + 4 + 4) + name + extra;
  return local + central + "PK\5\6" + little_endian(0, 4) + little_endian(1, 2) + little_endian(1, 2) +
         little_endian(central.size(), 4) + little_endian(local.size(), 4) + little_endian(0, 2);
}

// A plain tar, its last entry a file that claims `size` bytes and has none.
std::string tar_that_claims(const TempDir& folder, std::uint64_t size, const std::string& name) {
  const auto path = make_archive(folder / "claims.tar", "tar", {{"harmless", "x"}, {name, ""}});
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto header = bytes.find(name + '\0');
  REQUIRE(header % 512 == 0);
  bytes.resize(header + 512);
  bytes[header + 124] = '\x80';  // a binary number follows
  for (int i = 1; i < 12; ++i) bytes[header + 124 + static_cast<std::size_t>(i)] = static_cast<char>(i < 4 ? 0 : (size >> (8 * (11 - i))) & 0xff);
  bytes.replace(header + 148, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = header; i < header + 512; ++i) sum += static_cast<unsigned char>(bytes[i]);
  bytes.replace(header + 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return folder.write("claims.tar", bytes);
}

// What examining and packing it both say.
std::string refusal(const TempDir& folder, const std::string& path) {
  const auto summary = transfer::examine(archive_source(path), {});
  REQUIRE_FALSE(summary);
  CHECK(summary.error().code == ErrorCode::recipe);
  const auto packed = pack_all(archive_source(path), Encoding::none, folder / "cache");
  REQUIRE_FALSE(packed);
  CHECK(to_text(packed.error()) == to_text(summary.error()));
  return to_text(summary.error());
}

std::string too_large(const std::string& path, const std::string& name, std::uint64_t claimed) {
  return fmt::format(
      "archive '{}': '{}' claims {} bytes: with it, {} bytes of archive would become more than {}\n  if that is meant, unpack it and deploy the "
      "directory",
      path, name, claimed, std::filesystem::file_size(path), gib);
}

}  // namespace

TEST_CASE("an entry that claims a size beyond reason is refused by name, before a byte of it is taken") {
  const TempDir folder;
  for (const std::uint64_t size : {gib, 8 * gib * gib - 2}) {
    INFO(size);
    const auto tar = tar_that_claims(folder, size, "liar");
    CHECK(refusal(folder, tar) == too_large(tar, "liar", size));
    const auto zip = folder.write("claims.zip", zip_that_claims(size + (size == gib ? 1 : 0), "odd/liar"));
    CHECK(refusal(folder, zip) == too_large(zip, "odd/liar", size + (size == gib ? 1 : 0)));
  }
  // What no 63 bits hold is an error of libarchive's, which may not say whose.
  const std::string beyond = refusal(folder, tar_that_claims(folder, ~std::uint64_t{0}, "liar"));
  INFO(beyond);
  CHECK((beyond.find(": 'liar': it can't be unpacked") != std::string::npos || beyond.find(": the entry behind 'harmless': it can't be unpacked") != std::string::npos));
}

TEST_CASE("a small archive that unpacks to more than a gigabyte is refused at the entry that goes beyond") {
  const TempDir folder;
  const std::string zeros(400'000'000, '\0');
  const auto path = make_archive(folder / "bomb.tar.zst", "tar.zst", {{"one", zeros}, {"two", zeros}, {"three", zeros}, {"four", "x"}});
  REQUIRE(std::filesystem::file_size(path) < 1'000'000);
  CHECK(refusal(folder, path) == too_large(path, "three", zeros.size()));
}

TEST_CASE("how much an archive may unpack to grows with its own size") {
  CHECK(transfer::most_unpacked_bytes(0) == gib);
  CHECK(transfer::most_unpacked_bytes(5'000'000) == gib);
  CHECK(transfer::most_unpacked_bytes(gib) == 200 * gib);
}

TEST_CASE("a zip whose list of entries alone would fill the memory is refused", "[slow]") {
  const TempDir folder;
  const auto path = folder / "list.zip";
  const std::string record = "PK\1\2" + std::string(24, '\0') + little_endian(1, 2) + std::string(16, '\0') + "a";
  const auto count = transfer::most_list_bytes / record.size() + 10'000;
  {
    std::ofstream out(path, std::ios::binary);
    std::string block;
    for (int i = 0; i < 1000; ++i) block += record;
    for (std::uint64_t i = 0; i <= count / 1000; ++i) out << block;
    out << "PK\5\6" << little_endian(0, 4) << little_endian(1, 2) << little_endian(1, 2)
        << little_endian((count / 1000 + 1) * block.size(), 4) << little_endian(0, 4) << little_endian(0, 2);
  }
  CHECK(refusal(folder, path) == "archive '" + path + "': its list of entries is larger than 256 MiB");
}

TEST_CASE("an archive of more entries than the limit is refused", "[slow]") {
  const TempDir folder;
  archive* out = archive_write_new();
  archive_write_set_format_gnutar(out);
  archive_write_add_filter_zstd(out);
  const auto path = folder / "many.tar.zst";
  REQUIRE(archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  for (int i = 0; i <= 2'000'000; ++i) {
    archive_entry_clear(entry);
    archive_entry_copy_pathname(entry, std::to_string(i).c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, 0);
    REQUIRE(archive_write_header(out, entry) == ARCHIVE_OK);
  }
  archive_entry_free(entry);
  archive_write_close(out);
  archive_write_free(out);
  const auto summary = transfer::examine(archive_source(path), {});
  REQUIRE_FALSE(summary);
  CHECK(to_text(summary.error()) == "archive '" + path + "': it has more than 2000000 entries");
}
