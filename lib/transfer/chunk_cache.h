// ChunkCache: the chunks of large files, kept from run to run by the files' sums, so that a host need not be asked for them.
#pragma once

#include <memory>
#include <string>

#include "release/chunks.h"

namespace kirikae::transfer {

class ChunkCache {
 public:
  explicit ChunkCache(const std::string& cache_folder) : folder_(cache_folder + "/chunks") {}
  // Null where it hasn't them.
  [[nodiscard]] std::shared_ptr<const release::Chunks> find(const std::string& sha256) const;
  void keep(const std::string& sha256, const release::Chunks& chunks) const;
  // Removes what was used longest ago.
  void prune() const;

 private:
  std::string folder_;
};

}  // namespace kirikae::transfer
