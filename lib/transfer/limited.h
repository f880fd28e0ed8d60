// Artifacts whose readers, all together, keep to a rate: `limit_rate`.
#pragma once

#include <cstdint>
#include <memory>

#include "transfer/artifact.h"

namespace kirikae::transfer {

// A rate, shared by all who read artifacts that are limited by it. A thread of its own wakes those whose turn it is; it ends with the last
// of them.
class RateLimit;
// `rate`: bytes per second of packed streams; 0: null, which limits nothing.
std::shared_ptr<RateLimit> rate_limit(std::uint64_t rate);
std::unique_ptr<ByteSource> limited(std::unique_ptr<ByteSource> reader, std::shared_ptr<RateLimit> limit);
std::shared_ptr<Artifact> limited(std::shared_ptr<Artifact> artifact, std::shared_ptr<RateLimit> limit);

}  // namespace kirikae::transfer
