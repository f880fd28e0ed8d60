// An artifact whose readers, all together, keep to a rate: `limit_rate`.
#pragma once

#include <cstdint>
#include <memory>

#include "transfer/artifact.h"

namespace kirikae::transfer {

// `rate`: bytes per second of the packed stream; 0: `artifact` itself. A thread of its own wakes those whose turn it is; it ends with the
// last of the readers and the artifact.
std::shared_ptr<Artifact> limited(std::shared_ptr<Artifact> artifact, std::uint64_t rate);

}  // namespace kirikae::transfer
