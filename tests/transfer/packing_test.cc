// From a tree to the stream, and back to the same tree by the programs that hosts have.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/random_tree.h"
#include "support/temp_dir.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
using transfer::Encoding;
namespace fs = std::filesystem;

namespace {

constexpr Encoding encodings[] = {Encoding::zstd, Encoding::gzip, Encoding::none};

}  // namespace

TEST_CASE("random trees come out of GNU tar and busybox tar as they went in") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    const TempDir folder;
    const std::string source = folder / "source";
    Dice dice(seed);
    grow_tree(dice, source);
    if (fs::is_empty(source)) continue;
    for (const auto encoding : encodings) {
      const auto packed = pack_all(directory_source(source), encoding, folder / "cache");
      REQUIRE(packed);
      CHECK(packed->sha256 == to_hex(sha256_bytes(packed->bytes)));
      for (const std::string program : {"tar", "busybox"}) {
        INFO(transfer::name_of(encoding) << ", " << program);
        const auto into = folder / (program + std::string(transfer::name_of(encoding)));
        unpack(packed->bytes, encoding, program, into);
        CHECK(difference(source, into, program == "tar" ? Times::all : Times::of_files) == "");
      }
      const auto again = pack_all(directory_source(source), encoding, folder / "cache");
      REQUIRE(again);
      CHECK(again->sha256 == packed->sha256);
    }
  }
}

TEST_CASE("directories that are read-only here can be written to by their owner there") {
  const TempDir folder;
  const auto source = folder / "source";
  folder.write("source/sealed/inner/file", "x", 0444);
  fs::create_symlink("../file", source + "/sealed/inner/link");
  REQUIRE(::chmod((source + "/sealed/inner").c_str(), 0555) == 0);
  REQUIRE(::chmod((source + "/sealed").c_str(), 0505) == 0);
  const auto packed = pack_all(directory_source(source), Encoding::none, folder / "cache");
  REQUIRE(packed);
  REQUIRE(::chmod((source + "/sealed/inner").c_str(), 0755) == 0);
  REQUIRE(::chmod((source + "/sealed").c_str(), 0705) == 0);
  for (const std::string program : {"tar", "busybox"}) {
    unpack(packed->bytes, Encoding::none, program, folder / program);
    CHECK(difference(source, folder / program, Times::of_files) == "");
  }
}

TEST_CASE("owner, group, setuid, setgid and sticky stay at home") {
  const TempDir folder;
  folder.write("source/program", "x");
  fs::create_directory(folder / "source/shared");
  REQUIRE(::chmod((folder / "source/program").c_str(), 06755) == 0);
  REQUIRE(::chmod((folder / "source/shared").c_str(), 01777) == 0);
  const auto packed = pack_all(directory_source(folder / "source"), Encoding::none, folder / "cache");
  REQUIRE(packed);
  folder.write("packed", packed->bytes);
  const auto listing = run_program({"tar", "-tvf", folder / "packed"}).output;
  CHECK(listing.find("-rwxr-xr-x 0/0 ") != std::string::npos);
  CHECK(listing.find("drwxrwxrwx 0/0 ") != std::string::npos);
}

TEST_CASE("a file of more than 8 GiB has its whole size in the stream's header", "[slow]") {
  const TempDir folder;
  folder.write("source/big", "");
  fs::resize_file(folder / "source/big", (std::uintmax_t{1} << 33) + 4096);
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::zstd, folder / "cache", {});
  REQUIRE(artifact);
  REQUIRE((*artifact)->sha256());  // zeros pack so well that there is long nothing to read
  const auto bytes = read_all(**artifact);
  REQUIRE(bytes);
  folder.write("packed", *bytes);
  for (const std::string tar : {"tar", "busybox tar"}) {
    const auto end = run_program({"sh", "-c", "zstd -dc < \"$1\" | " + tar + " -tvf -", "sh", folder / "packed"});
    CHECK(end.status == 0);
    CHECK(end.output.find(" 8589938688 ") != std::string::npos);
  }
}

TEST_CASE("excluded things are not packed, and directories that they leave empty are") {
  const TempDir folder;
  folder.write("source/app/main.js", "x");
  folder.write("source/app/main.js.map", "x");
  folder.write("source/logs/old.map", "x");
  folder.write("source/.git/config", "x");
  const auto packed =
      pack_all(directory_source(folder / "source", {"*.map", ".git/"}), Encoding::gzip, folder / "cache");
  REQUIRE(packed);
  unpack(packed->bytes, Encoding::gzip, "tar", folder / "out");
  std::vector<std::string> paths;
  for (const auto& [path, what] : snapshot(folder / "out")) paths.push_back(path);
  CHECK(paths == std::vector<std::string>{"app", "app/main.js", "logs"});
}

TEST_CASE("what can't be deployed is refused by its name") {
  const TempDir folder;
  folder.write("source/fine", "x");
  const auto error = [&](std::vector<std::string> excludes = {}) {
    const auto summary = transfer::examine(directory_source(folder / "source", std::move(excludes)), {});
    return summary ? std::string("none") : to_text(summary.error());
  };
  const auto where = "'" + folder / "source/";
  SECTION("a fifo") {
    REQUIRE(::mkfifo((folder / "source/pipe").c_str(), 0600) == 0);
    CHECK(error() == where + "pipe' is a fifo, which can't be deployed\n  remove it, or add it to `exclude`");
    CHECK(error({"pipe"}) == "none");
  }
  SECTION("a socket, its name made fit for a line") {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    fmt::format_to(address.sun_path, "{}", folder / "source/a\n.sock");
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    CHECK(error() == where + "a\\n.sock' is a socket, which can't be deployed\n  remove it, or add it to `exclude`");
  }
  SECTION("nothing at all") {
    CHECK(error({"*"}) == "source directory '" + folder / "source" +
                              "' has nothing to deploy\n  build it first, or correct `exclude` in the recipe");
  }
  SECTION("a file that can't be read") {
    folder.write("source/secret/key", "x", 0);
    if (::geteuid() != 0) {  // root reads everything
      CHECK(error() ==
            where + "secret/key' can't be read: Permission denied\n  add it to `exclude`, or make it readable");
    }
    CHECK(error({"secret/"}) == "none");
  }
}

TEST_CASE("a source that is not there, or no directory, is an error of the recipe") {
  const TempDir folder;
  folder.write("file", "x");
  const auto missing = transfer::examine(directory_source(folder / "dist"), {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::recipe);
  CHECK(to_text(missing.error()) ==
        "source directory '" + folder / "dist" +
            "' does not exist\n  build it first, or correct `source: directory` in the recipe");
  const auto file = transfer::examine(directory_source(folder / "file"), {});
  REQUIRE_FALSE(file);
  CHECK(to_text(file.error()) ==
        "source directory '" + folder / "file" + "' is no directory\n  for a packed one use `source: archive`");
}

TEST_CASE("a source is counted without being packed") {
  const TempDir folder;
  folder.write("source/a", "12345");
  folder.write("source/b/c", "123");
  fs::create_directory(folder / "source/empty");
  fs::create_symlink("a", folder / "source/link");
  const auto summary = transfer::examine(directory_source(folder / "source"), {});
  REQUIRE(summary);
  CHECK(summary->files == 3);
  CHECK(summary->bytes == 8);
  CHECK(summary->revision.empty());
}
