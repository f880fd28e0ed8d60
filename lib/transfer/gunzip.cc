#include "transfer/gunzip.h"

#include <utility>

#include <fmt/format.h>

namespace kirikae::transfer {

Error damaged_archive(std::string_view why) {
  return {ErrorCode::recipe, fmt::format("the archive is damaged: {}", why), "fetch or build it again"};
}

// 16: a gzip header, and its sums, are asked for.
Gunzip::Gunzip(Fill fill) : fill_(std::move(fill)), buffer_(128 * 1024), ready_(inflateInit2(&stream_, 15 + 16) == Z_OK) {}

Gunzip::~Gunzip() { inflateEnd(&stream_); }

Result<bool> Gunzip::refill() {
  TRY_ASSIGN(const std::size_t got, fill_(buffer_));
  stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
  stream_.avail_in = static_cast<uInt>(got);
  return got != 0;
}

Result<std::size_t> Gunzip::read(std::span<char> out) {
  if (!ready_) return std::unexpected(Error(ErrorCode::local, "zlib can't go on: out of memory"));
  stream_.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_.avail_out = static_cast<uInt>(out.size());
  while (stream_.avail_out == out.size()) {
    if (stream_.avail_in == 0) {
      TRY_ASSIGN(const bool more, refill());
      if (!more && between_) return 0;
      if (!more) return std::unexpected(damaged_archive("it is cut short"));
    }
    // Behind a member there may be zeros, as tapes have them, and other members.
    if (between_ && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
      continue;
    }
    if (std::exchange(between_, false)) inflateReset(&stream_);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    between_ = result == Z_STREAM_END;
    any_ = any_ || between_;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) continue;
    if (any_ && stream_.total_out == 0) return std::unexpected(damaged_archive("what stands behind the end of what gzip has packed is not gzip's"));
    return std::unexpected(damaged_archive(stream_.msg != nullptr ? stream_.msg : zError(result)));
  }
  return out.size() - stream_.avail_out;
}

}  // namespace kirikae::transfer
