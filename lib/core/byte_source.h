// ByteSource: bytes that one thread reads at its own pace, perhaps still being made by another.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/error.h"
#include "core/waker.h"

namespace kirikae {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  struct Piece {
    enum class State { data, later, end } state = State::end;
    std::size_t size = 0;  // of data
  };
  // Up to buffer.size() bytes; never blocks for long. `later`: none now, `waker` is woken when that changes.
  // Error: what makes the bytes has failed; the same error at every further call.
  virtual Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) = 0;
};

}  // namespace kirikae
