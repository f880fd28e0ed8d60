// Spool: the packed stream in an unnamed file; one thread appends, any number of readers follow at their own pace.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_source.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/fd.h"
#include "core/waker.h"

namespace kirikae::transfer {

// mkdir -p, 0700 for each folder that was missing. Error (local): it can't be made.
Result<void> make_cache_folder(const std::string& folder);

class Spool {
 public:
  // A 0600 file without a name in `folder`, which is made (0700) where it is missing; `room` bytes must be free there.
  // Errors (local): the folder can't be made or written to, too little room.
  static Result<std::shared_ptr<Spool>> open(const std::string& folder, std::uint64_t room);

  Spool(Fd file, std::string folder) : file_(std::move(file)), folder_(std::move(folder)) {}

  // A name that opens the file once more, as long as this lives: for what reads files by name.
  [[nodiscard]] std::string path() const;

  // The writer's thread only. Error (local): the file system is full, or fails. SIGXFSZ must be blocked or ignored.
  Result<void> append(std::string_view bytes);
  void finish();           // nothing is appended after this
  void fail(Error error);  // what readers and sha256() get from now on; the first call counts

  // Bytes at `offset`, for any thread; like ByteSource::read.
  Result<ByteSource::Piece> read_at(std::uint64_t offset, std::span<char> buffer, const std::shared_ptr<Waker>& waker);
  // 0 until finish().
  [[nodiscard]] std::uint64_t total() const;
  // Waits for finish() or fail().
  Result<std::string> sha256();
  // Whether one of them has been called; where not, `waker` is woken then.
  bool has_ended(const std::shared_ptr<Waker>& waker);

 private:
  void wake_readers();  // with mutex_ held
  void tell_end();      // likewise

  const Fd file_;
  const std::string folder_;
  Sha256 digest_;  // the writer's
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::uint64_t size_ = 0;
  bool finished_ = false;
  std::string sha256_;
  std::optional<Error> error_;
  std::vector<std::weak_ptr<Waker>> waiting_;
  std::vector<std::weak_ptr<Waker>> waiting_for_end_;
};

}  // namespace kirikae::transfer
