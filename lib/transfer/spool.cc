#include "transfer/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "transfer/cache_file.h"
#include "transfer/entry.h"

namespace kirikae::transfer {
namespace {

std::string reason(int number) { return std::generic_category().message(number); }

constexpr const char* cache_hint = "set XDG_CACHE_HOME to a folder that you can write to, with room";

Error folder_error(const std::string& folder, std::string_view what, int number) {
  return {ErrorCode::local, fmt::format("cache folder {} {}: {}", shown(folder), what, reason(number)), cache_hint};
}

Result<Fd> unnamed_file(const std::string& folder) {
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600));
  if (file.valid()) return file;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return std::unexpected(folder_error(folder, "can't be written to", errno));
  }
  std::string name = folder + "/spool-XXXXXX";  // this file system always gives a name
  Fd named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named.valid()) return std::unexpected(folder_error(folder, "can't be written to", errno));
  ::unlink(name.c_str());
  return named;
}

std::string megabytes(std::uint64_t bytes) { return fmt::format("{} MB", (bytes + 999'999) / 1'000'000); }

}  // namespace

Result<void> make_cache_folder(const std::string& folder) {
  if (!make_private_folder(folder)) return std::unexpected(folder_error(folder, "can't be made", errno));
  return {};
}

Result<std::shared_ptr<Spool>> Spool::open(const std::string& folder, std::uint64_t room) {
  TRY(make_cache_folder(folder));
  TRY_ASSIGN(Fd file, unnamed_file(folder));
  struct statvfs space = {};
  if (::fstatvfs(file.get(), &space) == 0 && space.f_blocks > 0) {
    const auto free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    if (free < room) {
      return std::unexpected(
          Error(ErrorCode::local,
                fmt::format("cache folder {} has too little room: packing the source needs {}, {} are free",
                            shown(folder), megabytes(room), megabytes(free)),
                cache_hint));
    }
  }
  return std::make_shared<Spool>(std::move(file), folder);
}

std::string Spool::path() const { return fmt::format("/dev/fd/{}", file_.get()); }

Result<void> Spool::append(std::string_view bytes) {
  digest_.update(bytes);
  auto at = size_;  // only this thread changes it
  for (auto rest = bytes; !rest.empty();) {
    const auto written = ::pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
      return std::unexpected(
          Error(ErrorCode::local,
                fmt::format("cache folder {} {} after {} of the packed source: {}", shown(folder_),
                            full ? "has no more room" : "can't be written to", megabytes(at), reason(errno)),
                cache_hint));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  const std::lock_guard lock(mutex_);
  size_ = at;
  wake_readers();
  return {};
}

void Spool::finish() {
  auto hex = digest_.hex();
  const std::lock_guard lock(mutex_);
  sha256_ = std::move(hex);
  finished_ = true;
  tell_end();
}

void Spool::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (error_ || finished_) return;
  error_ = std::move(error);
  tell_end();
}

void Spool::tell_end() {
  wake_readers();
  ended_.notify_all();
  for (const auto& waiting : waiting_for_end_) {
    if (const auto waker = waiting.lock()) waker->wake();
  }
  waiting_for_end_.clear();
}

bool Spool::has_ended(const std::shared_ptr<Waker>& waker) {
  const std::lock_guard lock(mutex_);
  if (finished_ || error_) return true;
  waiting_for_end_.push_back(waker);
  return false;
}

void Spool::wake_readers() {
  for (const auto& waiting : waiting_) {
    if (const auto waker = waiting.lock()) waker->wake();
  }
  waiting_.clear();
}

Result<ByteSource::Piece> Spool::read_at(std::uint64_t offset, std::span<char> buffer,
                                         const std::shared_ptr<Waker>& waker) {
  using State = ByteSource::Piece::State;
  std::uint64_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    if (error_) return std::unexpected(*error_);
    if (offset >= size_) {
      if (finished_) return ByteSource::Piece{State::end, 0};
      const auto same = [&](const std::weak_ptr<Waker>& other) { return other.lock() == waker; };
      if (waker && std::ranges::none_of(waiting_, same)) waiting_.push_back(waker);
      return ByteSource::Piece{State::later, 0};
    }
    size = std::min<std::uint64_t>(buffer.size(), size_ - offset);
  }
  // Below size_ nothing changes any more: no lock is needed for the bytes.
  ssize_t got = 0;
  do {
    got = ::pread(file_.get(), buffer.data(), size, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got > 0 || size == 0) return ByteSource::Piece{State::data, static_cast<std::size_t>(got)};
  return std::unexpected(folder_error(folder_, "can't be read", got < 0 ? errno : EIO));
}

std::uint64_t Spool::total() const {
  const std::lock_guard lock(mutex_);
  return finished_ ? size_ : 0;
}

Result<std::string> Spool::sha256() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return finished_ || error_.has_value(); });
  if (error_) return std::unexpected(*error_);
  return sha256_;
}

}  // namespace kirikae::transfer
