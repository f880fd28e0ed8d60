// Artifact: the source, read, packed and compressed once, whatever the number of hosts, while the hosts already receive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "core/byte_source.h"
#include "core/error.h"
#include "core/quick_sum.h"
#include "recipe/recipe.h"
#include "release/manifest.h"
#include "transfer/entry.h"

namespace kirikae::transfer {

enum class Encoding { zstd, gzip, none };
std::string_view name_of(Encoding encoding);

struct Packing {
  Packing(Encoding by, bool adapts = false) : encoding(by), adaptive(adapts) {}  // NOLINT(google-explicit-constructor)
  Encoding encoding;
  bool adaptive;  // what can't be made smaller goes as it is, and more of it where readers are faster than the compressor
};

// Immutable once published; read by every host's thread at its own pace.
class Artifact {
 public:
  virtual ~Artifact() = default;

  // A reader of its own, from the first byte of the packed stream; it keeps the artifact alive.
  // Read error (local): a source file vanished, changed or can't be read; names it.
  virtual std::unique_ptr<ByteSource> reader() = 0;
  // Bytes of the packed stream; 0 while packing.
  [[nodiscard]] virtual std::uint64_t total() const = 0;
  // SHA-256 of the packed stream. Waits until packing is done. Error: as read().
  virtual Result<std::string> sha256() = 0;
  // Whether packing has ended, well or not, so that sha256() needn't wait; where it hasn't, `waker` is woken when it has.
  virtual bool has_ended(const std::shared_ptr<Waker>& waker) = 0;
};

// What the source is, found without packing it.
struct SourceSummary {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // unpacked
  // git sha (`-dirty` where it is) of a directory inside a git work tree; the archive's sha256; else empty: see Listing.
  std::string revision;
  std::string untold{};  // why git doesn't say the commit of a directory that has one, perhaps
};

// Reads the tree's or archive's headers; for an archive checks the given sha256 over the whole file. Errors (recipe, local): no
// such source, hostile or odd entries (absolute names, `..`, devices), a wrong sha256 (both are named). `see`: told of each entry.
Result<SourceSummary> examine(const recipe::Source& source, const std::stop_token& stop, const std::function<void(const Entry&)>& see = {});

// The quick sums of contents, by their SHA-256.
using QuickSums = std::unordered_map<std::string, QuickSum::Value>;

// What of a source is sent, and what is said with it (lib/host/rebuild.sh).
struct Part {
  std::string folder{};  // in the stream, for what is said: a name that the source doesn't have
  std::shared_ptr<const release::Delta> delta{};
  std::shared_ptr<const release::Manifest> manifest{};  // what the source's files were when they were listed
  bool whole = false;  // there is no release that the rest comes from
  std::shared_ptr<const QuickSums> quick{};  // null: none are known
  std::shared_ptr<const Unlisted> rest{};    // what else the source was then; there, where a manifest is
  FolderModes late_folders{};
};

// Starts packing in a thread that ends with the artifact. The spool is an unlinked 0600 file in `cache_folder` (made 0700 where
// missing). Error (local): no room, folder not writable. Without a delta all of the source is sent, and nothing else.
Result<std::shared_ptr<Artifact>> pack(const recipe::Source& source, Packing packing, const std::string& cache_folder,
                                       const std::stop_token& stop, Part part = {});

}  // namespace kirikae::transfer
