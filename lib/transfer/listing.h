// The source as a list: what would be packed, with the sum of each file.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/quick_sum.h"
#include "recipe/recipe.h"
#include "release/manifest.h"
#include "transfer/artifact.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

struct Listed {
  Entry entry;                                      // a hard link is a file here, as it will be one in the release
  std::string sha256;                               // of a file
  bool linked = false;                              // it is one of several names of a file
  std::shared_ptr<const release::Chunks> chunks{};  // of a large file
  std::optional<QuickSum::Value> quick{};           // of one of some size that was read, since no earlier run had
};
struct Listing {
  std::vector<Listed> entries;  // as the source has them
  SourceSummary summary;        // with a revision in any case: where nothing else is known, the sum of the list
  // The files that may come from another release; those with names that can't be listed, and those with several names, may not.
  std::shared_ptr<const release::Manifest> manifest;
  release::ChunkLists chunks;  // of its large files
  std::shared_ptr<const QuickSums> quick;  // as far as entries have one
  std::shared_ptr<const Unlisted> rest;    // what is not in the manifest
  FolderModes late_folders{};
};

// Lists a source in two steps, of which the second may take its time beside something else.
class BegunListing {
 public:
  // Finds what there is; of an archive also what is in it. Errors: as examine().
  static Result<BegunListing> begin(const recipe::Source& source, const std::string& cache_folder, const std::stop_token& stop);
  BegunListing(BegunListing&&) noexcept;
  BegunListing& operator=(BegunListing&&) noexcept;
  BegunListing(const BegunListing&) = delete;
  BegunListing& operator=(const BegunListing&) = delete;
  ~BegunListing();

  [[nodiscard]] const std::vector<Listed>& entries() const;  // before finish(); of a directory's files without their sums
  // Reads every file of which `cache_folder` has no sum from an earlier run, several at the same time. Once. Errors (local): a file can't
  // be read, has vanished or changed since begin(); cancelled.
  Result<Listing> finish();

 private:
  struct State;
  explicit BegunListing(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};
// Both steps.
Result<Listing> list_source(const recipe::Source& source, const std::string& cache_folder, const std::stop_token& stop);

}  // namespace kirikae::transfer
