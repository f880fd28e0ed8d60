#include "transfer/compressor.h"

#include <algorithm>

namespace kirikae::transfer {
namespace {

// Whether it isn't worth a host's time to unpack it, let alone ours.
bool is_dense(std::size_t plain, std::size_t packed) { return packed * 100 >= plain * 97; }

}  // namespace

Result<Compressor> Compressor::make(Packing packing, Codec::Sink sink, std::function<bool()> ran_dry) {
  Compressor compressor(std::move(sink), std::move(ran_dry));
  if (packing.encoding == Encoding::none) return compressor;
  TRY_ASSIGN(compressor.codec_,
             packing.encoding == Encoding::zstd ? zstd_codec(compressor.sink_) : gzip_codec(compressor.sink_));
  if (packing.adaptive) {
    TRY_ASSIGN(compressor.sampler_, Sampler::make());
  }
  compressor.block_.reserve(block_size);
  return compressor;
}

Result<void> Compressor::write(std::string_view bytes) {
  if (!codec_) return sink_(bytes);
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, block_size - block_.size());
    block_ += part;
    bytes.remove_prefix(part.size());
    if (block_.size() == block_size) TRY(pack_block());
  }
  return {};
}

Result<void> Compressor::finish() {
  if (!codec_) return {};
  if (!block_.empty()) TRY(pack_block());
  return codec_->finish();
}

Result<void> Compressor::pack_block() {
  if (sampler_ && !is_worth_while()) {
    TRY(codec_->store(block_));
  } else {
    TRY_ASSIGN(const std::size_t made, codec_->compress(block_));
    dense_ = is_dense(block_.size(), made);
  }
  block_.clear();
  return {};
}

bool Compressor::is_worth_while() {
  const bool dry = ran_dry_();
  if (dense_) {
    const auto sizes = sampler_->look_at(block_);
    dense_ = is_dense(sizes.plain, sizes.packed);
    if (dense_) return false;
  }
  return pace_.compress_next(dry);
}

}  // namespace kirikae::transfer
