#include "transfer/packing.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "core/digest.h"
#include "support/process.h"

namespace kirikae::test {
namespace fs = std::filesystem;

recipe::Source directory_source(const std::string& path, std::vector<std::string> excludes) {
  recipe::Source source;
  source.directory = recipe::DirectorySource{path, std::move(excludes)};
  return source;
}

recipe::Source archive_source(const std::string& path, const std::string& sha256, int strip) {
  recipe::Source source;
  source.archive = recipe::ArchiveSource{path, sha256, strip};
  return source;
}

Result<std::string> read_all(transfer::Artifact& artifact, std::size_t piece) {
  const auto reader = artifact.reader();
  const auto waker = std::make_shared<Waker>();
  std::vector<char> buffer(piece);
  std::string bytes;
  for (;;) {
    TRY_ASSIGN(const auto got, reader->read(buffer, waker));
    switch (got.state) {
      case ByteSource::Piece::State::data:
        bytes.append(buffer.data(), got.size);
        break;
      case ByteSource::Piece::State::end:
        return bytes;
      case ByteSource::Piece::State::later: {
        pollfd wait{waker->fd(), POLLIN, 0};
        if (::poll(&wait, 1, 30'000) != 1) throw std::runtime_error("a reader was not woken within 30 s");
        waker->clear();
      }
    }
  }
}

Result<Packed> pack_all(const recipe::Source& source, transfer::Encoding encoding, const std::string& cache) {
  TRY_ASSIGN(const auto artifact, transfer::pack(source, encoding, cache, {}));
  TRY_ASSIGN(auto bytes, read_all(*artifact));
  TRY_ASSIGN(auto sha256, artifact->sha256());
  if (artifact->total() != bytes.size()) throw std::runtime_error("total() is not what the reader got");
  return Packed{std::move(bytes), std::move(sha256)};
}

void unpack(const std::string& packed, transfer::Encoding encoding, const std::string& program,
            const std::string& into) {
  fs::create_directories(into);
  const std::string file = into + ".packed";
  std::ofstream(file, std::ios::binary) << packed;
  const std::string decode = encoding == transfer::Encoding::zstd   ? "zstd -dc"
                             : encoding == transfer::Encoding::gzip ? "gzip -dc"
                                                                    : "cat";
  const std::string tar = (program == "busybox" ? "busybox tar" : "tar") + std::string(" -x -o -p -f -");
  std::vector<std::string> argv{"sh", "-c", "exec 2>&1; umask 0; cd \"$2\" && " + decode + " < \"$1\" | " + tar,
                                "sh", file, into};
  if (::geteuid() == 0) {
    const auto shared = fs::perms::all;
    for (auto above = fs::path(into); above.string().find("kirikae-test") != std::string::npos;
         above = above.parent_path()) {
      fs::permissions(above, shared);
    }
    argv.insert(argv.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  const auto end = run_program(argv);
  if (end.status != 0) throw std::runtime_error("unpacking by " + tar + " failed: " + end.output);
}

std::map<std::string, std::string> snapshot(const std::string& folder, Times times) {
  std::map<std::string, std::string> tree;
  for (const auto& found : fs::recursive_directory_iterator(folder)) {
    struct stat info = {};
    const std::string path = found.path().string();
    if (::lstat(path.c_str(), &info) != 0) throw std::runtime_error("lstat " + path);
    std::string text;
    if (S_ISLNK(info.st_mode)) {
      text = "link to " + fs::read_symlink(found.path()).string();
    } else if (S_ISDIR(info.st_mode)) {
      text = fmt::format("directory {:o}", info.st_mode & 07777U);
    } else {
      std::ostringstream content;
      content << std::ifstream(path, std::ios::binary).rdbuf();
      text = fmt::format("file {:o} of {}", info.st_mode & 07777U, to_hex(sha256_bytes(content.str())));
    }
    if (times == Times::all || S_ISREG(info.st_mode)) text += fmt::format(" at {}", info.st_mtim.tv_sec);
    tree[path.substr(folder.size() + 1)] = text;
  }
  return tree;
}

std::string difference(const std::string& wanted, const std::string& got, Times times) {
  const auto should = snapshot(wanted, times);
  const auto is = snapshot(got, times);
  std::string text;
  for (const auto& [path, what] : should) {
    const auto other = is.find(path);
    if (other == is.end() || other->second != what) {
      text += fmt::format("{}: {}, not {}\n", path, other == is.end() ? "missing" : other->second, what);
    }
  }
  for (const auto& [path, what] : is) {
    if (!should.contains(path)) text += fmt::format("{}: {}, not there\n", path, what);
  }
  return text;
}

}  // namespace kirikae::test
