// Codec: one packed stream, whose parts are compressed or stored as they are; `zstd -d` and `gzip -d` unpack both alike.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "core/error.h"

namespace kirikae::transfer {

class Codec {
 public:
  using Sink = std::function<Result<void>(std::string_view)>;

  virtual ~Codec() = default;
  // What it makes of a block (at most 1 MiB) is in the sink when it returns, but for what few bits may have to wait. Errors: the sink's.
  // How many bytes it has made of it.
  virtual Result<std::size_t> compress(std::string_view block) = 0;
  virtual Result<void> store(std::string_view block) = 0;
  // Ends the stream.
  virtual Result<void> finish() = 0;
};

// Error (local): no memory.
Result<std::unique_ptr<Codec>> zstd_codec(Codec::Sink sink);
Result<std::unique_ptr<Codec>> gzip_codec(Codec::Sink sink);

// How small bytes can be made, judged quickly by samples of them.
class Sampler {
 public:
  static Result<Sampler> make();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  ~Sampler();

  // The size of samples, and what they are packed.
  struct Sizes {
    std::size_t plain = 0;
    std::size_t packed = 0;
  };
  Sizes look_at(std::string_view block);

 private:
  struct State;
  explicit Sampler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kirikae::transfer
