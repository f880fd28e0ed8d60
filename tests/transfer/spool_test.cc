// Packing while hosts already read: many readers, little memory, no room, things that change, a stop.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/digest.h"
#include "support/catch.h"
#include "support/memory.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/packing.h"
#include "transfer/spool.h"
#include "transfer/tree.h"

using namespace kirikae;
using namespace kirikae::test;
using transfer::Encoding;
namespace fs = std::filesystem;
using std::chrono::steady_clock;

namespace {

// `megabytes` of bytes that don't compress.
void write_noise(const std::string& path, int megabytes) {
  Dice dice(1);
  std::ofstream file(path, std::ios::binary);
  for (int i = 0; i < megabytes; ++i) file << dice.bytes(std::size_t{1} << 20U);
}

}  // namespace

TEST_CASE("eight readers at different paces read the same bytes while they are packed") {
  const TempDir folder;
  fs::create_directory(folder / "source");
  write_noise(folder / "source/data", 24);
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::zstd, folder / "cache", {});
  REQUIRE(artifact);
  std::vector<std::string> sums(8);
  {
    std::vector<std::jthread> readers;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      readers.emplace_back([&, i] {
        const auto bytes = read_all(**artifact, 1000U + i * i * 9000U);
        sums[i] = bytes ? to_hex(sha256_bytes(*bytes)) : to_text(bytes.error());
      });
    }
  }
  const auto sha256 = (*artifact)->sha256();
  REQUIRE(sha256);
  CHECK(sums == std::vector<std::string>(8, *sha256));
}

TEST_CASE("a reader keeps the artifact, and the spool has no name and is private") {
  const TempDir folder;
  folder.write("source/a", "hello");
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "deep/cache", {});
  REQUIRE(artifact);
  REQUIRE((*artifact)->sha256());
  CHECK(fs::is_empty(folder / "deep/cache"));
  CHECK(fs::status(folder / "deep/cache").permissions() == fs::perms::owner_all);
  auto reader = (*artifact)->reader();
  artifact->reset();
  std::vector<char> buffer(4096);
  const auto got = reader->read(buffer, std::make_shared<Waker>());
  REQUIRE(got);
  CHECK(got->state == ByteSource::Piece::State::data);
  CHECK(std::string(buffer.data()) == "a");  // the first header begins with the name
}

TEST_CASE("pack what the environment names", "[.]") {  // run by the next test, in a process of its own
  const std::string folder = std::getenv("KIRIKAE_TEST_FOLDER");
  const auto encoding = std::string(std::getenv("KIRIKAE_TEST_ENCODING")) == "zstd" ? Encoding::zstd : Encoding::none;
  const auto artifact = transfer::pack(directory_source(folder + "/source"), encoding, folder + "/cache", {});
  REQUIRE(artifact);
  REQUIRE((*artifact)->sha256());
  CHECK((*artifact)->total() > (100U << 20U));
  std::ifstream status("/proc/self/status");
  long most = 0;  // KiB, since this program began
  for (std::string word; most == 0 && status >> word;) {
    if (word == "VmHWM:") status >> most;
  }
  REQUIRE(most > 0);
  INFO("needed " << most << " KiB");
  CHECK(most < memory_limit(40 * 1024));
}

TEST_CASE("packing 300 MB takes less than 40 MB of memory") {
  const TempDir folder;
  fs::create_directory(folder / "source");
  write_noise(folder / "source/noise", 100);
  folder.write("source/sparse", "");
  fs::resize_file(folder / "source/sparse", 200U << 20U);
  for (const char* encoding : {"zstd", "none"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("KIRIKAE_TEST_FOLDER", folder.path().c_str(), 1);
      ::setenv("KIRIKAE_TEST_ENCODING", encoding, 1);
      ::dup2(STDERR_FILENO, STDOUT_FILENO);
      ::execl("/proc/self/exe", "transfer_tests", "pack what the environment names", nullptr);
      ::_exit(127);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO(encoding);
    CHECK(status == 0);
  }
}

TEST_CASE("a cache folder that gets full is named, by the reader and by sha256 alike") {
  const TempDir folder;
  fs::create_directory(folder / "source");
  write_noise(folder / "source/data", 4);
  // As a file system that is full: no file may get longer.
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{std::size_t{1} << 20U, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::zstd, folder / "cache", {});
  const auto read = artifact ? read_all(**artifact) : Result<std::string>("");
  const auto sha256 = artifact ? (*artifact)->sha256() : Result<std::string>("");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE(artifact);
  REQUIRE_FALSE(read);
  REQUIRE_FALSE(sha256);
  CHECK(read.error().code == ErrorCode::local);
  CHECK(to_text(read.error()) == "cache folder '" + folder / "cache" +
                                     "' has no more room after 2 MB of the packed source: File too large\n  set "
                                     "XDG_CACHE_HOME to a folder that you can write to, with room");
  CHECK(to_text(sha256.error()) == to_text(read.error()));
}

TEST_CASE("a file system that is too small is refused before anything is packed") {
  const TempDir folder;
  fs::create_directory(folder / "source");
  write_noise(folder / "source/data", 8);
  fs::create_directory(folder / "cache");
  if (::geteuid() != 0 || ::mount("none", (folder / "cache").c_str(), "tmpfs", 0, "size=1m") != 0) {
    // Without a file system of our own: no disk has this much.
    const auto spool = transfer::Spool::open(folder / "cache", std::uint64_t{1} << 60U);
    REQUIRE_FALSE(spool);
    CHECK(spool.error().message.find("has too little room: packing the source needs 1152921504607 MB, ") !=
          std::string::npos);
    return;
  }
  const auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "cache", {});
  auto full = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "cache", {});
  REQUIRE(::umount((folder / "cache").c_str()) == 0);
  REQUIRE_FALSE(artifact);
  CHECK(artifact.error().message ==
        "cache folder '" + folder / "cache" + "' has too little room: packing the source needs 9 MB, 2 MB are free");
}

TEST_CASE("a cache folder that can't be made is named") {
  const TempDir folder;
  folder.write("source/a", "x");
  folder.write("file", "x");
  const auto artifact = transfer::pack(directory_source(folder / "source"), Encoding::none, folder / "file/cache", {});
  REQUIRE_FALSE(artifact);
  CHECK(artifact.error().code == ErrorCode::local);
  CHECK(artifact.error().message.starts_with("cache folder '" + folder / "file/cache" + "' can't be made: "));
}

TEST_CASE("a file that vanishes, grows, shrinks or is replaced between listing and reading is named") {
  const TempDir folder;
  folder.write("source/a", "first");
  const auto path = folder.write("source/b", "12345");
  std::function<void()> meddle;
  std::string wanted;
  SECTION("vanishes") {
    meddle = [&] { fs::remove(path); };
    wanted = "'" + path + "' vanished while the source was being read";
  }
  SECTION("grows") {
    meddle = [&] { folder.write("source/b", "1234567"); };
    wanted = "'" + path + "' changed while it was being read";
  }
  SECTION("shrinks") {
    meddle = [&] { folder.write("source/b", "12"); };
    wanted = "'" + path + "' changed while it was being read";
  }
  SECTION("becomes a link") {
    meddle = [&] {
      fs::remove(path);
      fs::create_symlink("/etc/passwd", path);
    };
    wanted = "'" + path + "' changed while it was being read";
  }
  SECTION("becomes a fifo, which must not be waited for") {
    meddle = [&] {
      fs::remove(path);
      REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    };
    wanted = "'" + path + "' changed while it was being read";
  }
  const auto walked = transfer::walk_tree(
      {folder / "source", {}}, {}, [&](const transfer::Entry& entry, transfer::Content& content) -> Result<void> {
        if (entry.path == "b") meddle();  // it is listed, and not yet open
        TRY(content.open());
        std::vector<char> buffer(100);
        for (std::size_t got = 1; got > 0;) {
          TRY_ASSIGN(got, content.read(buffer));
        }
        return {};
      });
  REQUIRE_FALSE(walked);
  CHECK(walked.error().code == ErrorCode::local);
  CHECK(walked.error().message == wanted);
}

TEST_CASE("a file that grows while it is read is named") {
  const TempDir folder;
  const auto path = folder.write("source/log", std::string(1000, 'x'));
  const auto walked = transfer::walk_tree({folder / "source", {}}, {},
                                          [&](const transfer::Entry&, transfer::Content& content) -> Result<void> {
                                            TRY(content.open());
                                            std::vector<char> buffer(600);
                                            TRY(content.read(buffer));
                                            std::ofstream(path, std::ios::app) << "more";
                                            for (std::size_t got = 1; got > 0;) {
                                              TRY_ASSIGN(got, content.read(buffer));
                                            }
                                            return {};
                                          });
  REQUIRE_FALSE(walked);
  CHECK(walked.error().message == "'" + path + "' changed while it was being read");
}

TEST_CASE("a stop ends packing at once, for readers and for who waits for the sum") {
  const TempDir folder;
  folder.write("source/endless", "");
  fs::resize_file(folder / "source/endless", std::uintmax_t{1} << 33U);  // seconds of zeros
  for (const auto encoding : {Encoding::zstd, Encoding::gzip}) {
    std::stop_source stop;
    auto artifact = transfer::pack(directory_source(folder / "source"), encoding, folder / "cache", stop.get_token());
    REQUIRE(artifact);
    const auto woken = std::make_shared<Waker>();
    CHECK_FALSE((*artifact)->has_ended(woken));
    std::atomic<bool> reading = false;
    Result<std::string> read("");
    Result<std::string> sha256("");
    steady_clock::time_point stopped;
    {
      const std::jthread reader([&] {
        reading = true;
        read = read_all(**artifact);
      });
      const std::jthread waiter([&] { sha256 = (*artifact)->sha256(); });
      REQUIRE(eventually([&] { return reading.load(); }));
      stopped = steady_clock::now();
      stop.request_stop();
    }
    CHECK(steady_clock::now() - stopped < std::chrono::seconds(3));  // milliseconds, where nothing else runs
    pollfd polled{woken->fd(), POLLIN, 0};
    CHECK(::poll(&polled, 1, 0) == 1);
    CHECK((*artifact)->has_ended(woken));
    artifact->reset();                                               // joins the thread
    CHECK(steady_clock::now() - stopped < std::chrono::seconds(4));
    REQUIRE_FALSE(read);
    REQUIRE_FALSE(sha256);
    CHECK(read.error().code == ErrorCode::cancelled);
    CHECK(sha256.error().code == ErrorCode::cancelled);
  }
}

TEST_CASE("an artifact that nobody wants any more ends its thread") {
  const TempDir folder;
  folder.write("source/endless", "");
  fs::resize_file(folder / "source/endless", std::uintmax_t{1} << 33U);
  const auto began = steady_clock::now();
  {
    REQUIRE(transfer::pack(directory_source(folder / "source"), Encoding::zstd, folder / "cache", {}));
  }
  CHECK(steady_clock::now() - began < std::chrono::seconds(2));
}
