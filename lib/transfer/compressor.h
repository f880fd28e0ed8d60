// Compressor: a stream packed block by block, each as its content and its readers' speed make it worth while.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "transfer/artifact.h"
#include "transfer/codec.h"
#include "transfer/pace.h"

namespace kirikae::transfer {

class Compressor {
 public:
  static constexpr std::size_t block_size = std::size_t{1} << 20;

  // `ran_dry`: as Demand::ran_dry(); asked once for each block of an adaptive packing. Error (local): no memory.
  static Result<Compressor> make(Packing packing, Codec::Sink sink, std::function<bool()> ran_dry);

  // Errors: the sink's.
  Result<void> write(std::string_view bytes);
  Result<void> finish();

 private:
  Compressor(Codec::Sink sink, std::function<bool()> ran_dry) : sink_(std::move(sink)), ran_dry_(std::move(ran_dry)) {}
  Result<void> pack_block();
  bool is_worth_while();

  Codec::Sink sink_;
  std::function<bool()> ran_dry_;
  std::unique_ptr<Codec> codec_;    // null: nothing is compressed
  std::optional<Sampler> sampler_;  // of an adaptive packing
  Pace pace_;
  std::string block_;
  bool dense_ = false;  // the last block had nothing left to make smaller
};

}  // namespace kirikae::transfer
