// What the tests of this folder share: sources, packing to the end, and trees as text that can be compared.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"
#include "support/dice.h"
#include "transfer/artifact.h"

namespace kirikae::test {

recipe::Source directory_source(const std::string& path, std::vector<std::string> excludes = {});
recipe::Source archive_source(const std::string& path, const std::string& sha256 = {}, int strip = 0);

// All bytes that a reader of `artifact` gives, in reads of at most `piece` bytes; waits for them by poll.
Result<std::string> read_all(transfer::Artifact& artifact, std::size_t piece = 64 * 1024);

struct Packed {
  std::string bytes;
  std::string sha256;
};
Result<Packed> pack_all(const recipe::Source& source, transfer::Encoding encoding, const std::string& cache);

// Unpacks `packed` into the folder `into`, which is made: `program` is "tar" or "busybox".
void unpack(const std::string& packed, transfer::Encoding encoding, const std::string& program,
            const std::string& into);

// Whose times an unpacked tree has right: busybox tar sets those of files only.
enum class Times { all, of_files };
// Each path below `folder` with its kind, mode, time in seconds, and content or target.
std::map<std::string, std::string> snapshot(const std::string& folder, Times times = Times::of_files);
// One line for each path that isn't the same in both; empty where the trees are alike.
std::string difference(const std::string& wanted, const std::string& got, Times times);

}  // namespace kirikae::test
