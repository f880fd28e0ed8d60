// TarWriter: writes entries as a tar stream, compressed, into a spool. The same entries give the same bytes.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "core/error.h"
#include "transfer/artifact.h"
#include "transfer/entry.h"
#include "transfer/spool.h"

namespace kirikae::transfer {

// GNU format: what GNU, busybox and BSD tar unpack alike, with long names, bytes that are no UTF-8, and sizes over 8 GiB. Owner
// and group are 0 and nameless, times are whole seconds from 1970 to 2242.
class TarWriter {
 public:
  // `ran_dry`: as for Compressor; of an adaptive packing.
  static Result<TarWriter> open(Spool& spool, Packing packing, std::function<bool()> ran_dry = {});
  TarWriter(TarWriter&&) noexcept;
  TarWriter& operator=(TarWriter&&) noexcept;
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter();  // without finish(): nothing more reaches the spool

  // Errors: those of `content` and of Spool::append; cancelled.
  Result<void> add(const Entry& entry, Content& content, const std::stop_token& stop);
  // Ends the stream; the spool is not finished by it.
  Result<void> finish();

 private:
  struct State;
  explicit TarWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kirikae::transfer
