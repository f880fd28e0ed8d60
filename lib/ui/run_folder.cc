#include "ui/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace kirikae::ui {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_runs = 50, most_refused = 10;
constexpr std::uint64_t most_bytes = 200'000'000;
constexpr std::size_t most_read = most_bytes;
constexpr std::string_view ending = ".jsonl";

Error failed(const std::string& doing, const std::string& path) {
  return {ErrorCode::local, fmt::format("'{}' can't be {}: {}", path, doing, std::strerror(errno))};
}

// `20261122-013000-4f2a91`
bool is_run_id(std::string_view text) {
  if (text.size() != 22 || text[8] != '-' || text[15] != '-') return false;
  return std::ranges::all_of(text, [](char c) { return c == '-' || std::isxdigit(static_cast<unsigned char>(c)) != 0; });
}

// Before it began: it has nothing but an end.
bool was_refused(const std::string& file) {
  constexpr std::string_view end = R"({"event":"run_finished")";
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string start(end.size(), '\0');
  return fd.valid() && ::read(fd.get(), start.data(), start.size()) == static_cast<ssize_t>(end.size()) && start == end;
}

}  // namespace

Result<RunFile> RunFolder::create(const std::string& id) const {
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);  // what is wrong with it, mkdir tells
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(failed("made", path_));
  const std::string file = path_ + '/' + id + std::string(ending);
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(failed("made", file));
  ::flock(fd.get(), LOCK_EX | LOCK_NB);  // nobody else has it; without locks (some network file systems) it seems to have died
  return RunFile{std::move(fd), file};
}

std::vector<KeptRun> RunFolder::list() const {
  std::vector<KeptRun> runs;
  std::error_code error;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code none;
    if (!name.ends_with(ending) || !entry->is_regular_file(none)) continue;
    const std::string id = name.substr(0, name.size() - ending.size());
    if (!is_run_id(id)) continue;
    const auto bytes = entry->file_size(none);
    runs.push_back({id, entry->path().string(), none ? 0 : bytes});
  }
  std::ranges::sort(runs, [](const KeptRun& a, const KeptRun& b) { return a.id > b.id; });
  return runs;
}

void RunFolder::prune(const std::string& oldest) const {
  std::size_t begun = 0, refused = 0;
  std::uint64_t bytes = 0;
  for (const KeptRun& run : list()) {
    bytes += run.bytes;
    const bool is_refused = was_refused(run.file);
    std::size_t& kept = is_refused ? refused : begun;
    const bool newest = begun + refused == 0;
    const bool stays = newest || (kept < (is_refused ? most_refused : most_runs) && run.id >= oldest && bytes <= most_bytes);
    if (stays || is_under_way(run.file)) {
      ++kept;
    } else {
      ::unlink(run.file.c_str());
    }
  }
}

bool is_under_way(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return fd.valid() && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::string> read_run(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(failed("read", file));
  std::string text;
  std::string buffer(1 << 16, '\0');
  while (text.size() < most_read) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(failed("read", file));
    if (got == 0) break;
    text.append(buffer, 0, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace kirikae::ui
