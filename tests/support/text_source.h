// A text as what a step is sent.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/byte_source.h"

namespace kirikae::test {

class Text final : public ByteSource {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}
  Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>&) override {
    const auto size = text_.copy(buffer.data(), buffer.size());
    text_.erase(0, size);
    return Piece{size == 0 ? Piece::State::end : Piece::State::data, size};
  }

 private:
  std::string text_;
};

}  // namespace kirikae::test
