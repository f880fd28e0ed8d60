#include "transfer/codec.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace kirikae::transfer {
namespace {

// In the caller's thread: zstd's own threads add 40 to 85 MB of memory at this level, for a stream that is faster than SSH already.
constexpr int zstd_level = 3;
// Twice as fast as 6, for 4 % more bytes.
constexpr int gzip_level = 4;

Error failed(std::string_view library, std::string_view why) {
  return {ErrorCode::local, fmt::format("{} can't go on: {}", library, why)};
}

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, ContextDeleter>;

// A run of compressed blocks is one frame; each stored one is a frame of its own, written by hand (RFC 8878, 3.1.1), since the library
// would look for repetitions first.
class ZstdCodec : public Codec {
 public:
  ZstdCodec(Context context, Sink sink)
      : context_(std::move(context)),
        sink_(std::move(sink)),
        buffer_(std::max(ZSTD_CStreamOutSize(), raw_block + 16)) {}

  Result<std::size_t> compress(std::string_view block) override {
    open_ = true;
    return feed(block, ZSTD_e_continue);
  }
  Result<void> store(std::string_view block) override {
    if (open_) TRY(end_frame());
    // Magic number; one segment, whose size has four bytes.
    const std::string_view start("\x28\xb5\x2f\xfd\xa0", 5);
    std::size_t at = start.copy(buffer_.data(), start.size());
    at += put(at, block.size(), 4);
    while (!block.empty()) {
      const auto part = block.substr(0, raw_block);
      block.remove_prefix(part.size());
      at += put(at, part.size() << 3U | (block.empty() ? 1U : 0U), 3);  // a raw block; whether it is the last
      at += part.copy(buffer_.data() + at, part.size());
      TRY(sink_({buffer_.data(), std::exchange(at, 0)}));
    }
    return {};
  }
  // After a stored block this is an empty frame.
  Result<void> finish() override { return end_frame(); }

 private:
  static constexpr std::size_t raw_block = 128 * 1024;  // the format's most

  std::size_t put(std::size_t at, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) buffer_[at + i] = static_cast<char>(number >> (8 * i));
    return bytes;
  }
  Result<void> end_frame() {
    open_ = false;
    TRY(feed({}, ZSTD_e_end));
    return {};
  }
  Result<std::size_t> feed(std::string_view bytes, ZSTD_EndDirective how) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t made = 0;
    for (;;) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      const auto left = ZSTD_compressStream2(context_.get(), &out, &in, how);
      if (ZSTD_isError(left) != 0) return std::unexpected(failed("zstd", ZSTD_getErrorName(left)));
      if (out.pos > 0) TRY(sink_({buffer_.data(), out.pos}));
      made += out.pos;
      if (how == ZSTD_e_continue ? in.pos == in.size && out.pos < out.size : left == 0) return made;
    }
  }

  Context context_;
  Sink sink_;
  std::vector<char> buffer_;
  bool open_ = false;  // a frame that was begun
};

// One member, since not every gunzip looks for a second one.
class GzipCodec : public Codec {
 public:
  explicit GzipCodec(Sink sink) : sink_(std::move(sink)), buffer_(64 * 1024) {}
  GzipCodec(const GzipCodec&) = delete;
  GzipCodec& operator=(const GzipCodec&) = delete;
  GzipCodec(GzipCodec&&) = delete;
  GzipCodec& operator=(GzipCodec&&) = delete;
  ~GzipCodec() override { deflateEnd(&stream_); }

  // The header that the library writes names no file and no time, which would make each run's bytes differ.
  Result<void> start() {
    if (deflateInit2(&stream_, level_, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      return std::unexpected(failed("zlib", "out of memory"));
    return {};
  }
  Result<std::size_t> compress(std::string_view block) override {
    TRY(set_level(gzip_level));
    return feed(block, Z_BLOCK);
  }
  Result<void> store(std::string_view block) override {
    TRY(set_level(0));
    TRY(feed(block, Z_BLOCK));
    return {};
  }
  Result<void> finish() override {
    TRY(feed({}, Z_FINISH));
    return {};
  }

 private:
  Result<void> set_level(int level) {
    if (std::exchange(level_, level) == level) return {};
    give_room();
    // All that went in before has been flushed, so there is nothing to write but the end of a block.
    if (deflateParams(&stream_, level, Z_DEFAULT_STRATEGY) != Z_OK)
      return std::unexpected(failed("zlib", "it can't change its level"));
    TRY(empty());
    return {};
  }
  Result<std::size_t> feed(std::string_view bytes, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // it is only read
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::size_t made = 0;
    do {
      give_room();
      const int result = deflate(&stream_, flush);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return std::unexpected(failed("zlib", zError(result)));
      TRY_ASSIGN(const std::size_t size, empty());
      made += size;
    } while (stream_.avail_out == 0);
    return made;
  }
  void give_room() {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_out = static_cast<uInt>(buffer_.size());
  }
  Result<std::size_t> empty() {
    const auto size = buffer_.size() - stream_.avail_out;
    if (size > 0) TRY(sink_({buffer_.data(), size}));
    return size;
  }

  z_stream stream_{};
  int level_ = gzip_level;
  Sink sink_;
  std::vector<char> buffer_;
};

}  // namespace

Result<std::unique_ptr<Codec>> zstd_codec(Codec::Sink sink) {
  Context context(ZSTD_createCCtx());
  if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, zstd_level)) != 0) {
    return std::unexpected(failed("zstd", "out of memory"));
  }
  return std::make_unique<ZstdCodec>(std::move(context), std::move(sink));
}

Result<std::unique_ptr<Codec>> gzip_codec(Codec::Sink sink) {
  auto codec = std::make_unique<GzipCodec>(std::move(sink));
  TRY(codec->start());
  return codec;
}

// By zstd's quickest level, whatever the stream is packed with: what it can't make smaller, gzip can't either.
struct Sampler::State {
  static constexpr std::size_t samples = 4;
  static constexpr std::size_t size = 16 * 1024;
  Context context;
  std::array<char, ZSTD_COMPRESSBOUND(size)> buffer;
};

Sampler::Sampler(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

Result<Sampler> Sampler::make() {
  auto state = std::make_unique<State>();
  state->context.reset(ZSTD_createCCtx());
  if (!state->context) return std::unexpected(failed("zstd", "out of memory"));
  return Sampler(std::move(state));
}

Sampler::Sizes Sampler::look_at(std::string_view block) {
  Sizes sizes;
  const std::size_t room = block.size() - std::min(block.size(), State::size);
  for (std::size_t i = 0; i < State::samples; ++i) {
    const auto sample = block.substr(room / (State::samples - 1) * i, State::size);
    const auto packed = ZSTD_compressCCtx(state_->context.get(), state_->buffer.data(), state_->buffer.size(),
                                          sample.data(), sample.size(), 1);
    sizes.plain += sample.size();
    sizes.packed += ZSTD_isError(packed) != 0 ? sample.size() : packed;
  }
  return sizes;
}

}  // namespace kirikae::transfer
