#include "transfer/artifact.h"

#include <sys/stat.h>

#include <csignal>
#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>

#include "transfer/archive_reader.h"
#include "transfer/entry.h"
#include "transfer/revision.h"
#include "transfer/spool.h"
#include "transfer/tar_writer.h"
#include "transfer/tree.h"

namespace kirikae::transfer {
namespace {

// The archive's sha256; empty for a directory.
Result<std::string> walk(const recipe::Source& source, const std::stop_token& stop, const Visit& visit) {
  if (source.archive) return walk_archive(*source.archive, stop, visit);
  if (!source.directory)
    return std::unexpected(Error(ErrorCode::internal, "a source that is neither directory nor archive"));
  TRY(walk_tree(*source.directory, stop, visit));
  return std::string();
}

Result<SourceSummary> measure(const recipe::Source& source, const std::stop_token& stop) {
  SourceSummary summary;
  TRY_ASSIGN(summary.revision, walk(source, stop, [&](const Entry& entry, Content& content) -> Result<void> {
               if (entry.kind == Entry::Kind::directory) return {};
               TRY(content.open());
               ++summary.files;
               summary.bytes += entry.size;
               return {};
             }));
  return summary;
}

// What must be free before it is worth to begin. A packed stream's size is known only at its end, when running out of room has
// its own error: text and code shrink to a quarter or less, and an archive is mostly packed already.
Result<std::uint64_t> least_room(const recipe::Source& source, Encoding encoding, const std::stop_token& stop) {
  std::uint64_t bytes = 0;
  if (source.archive) {
    struct stat info = {};
    if (::stat(source.archive->path.c_str(), &info) == 0) bytes = static_cast<std::uint64_t>(info.st_size);
  } else {
    TRY(walk(source, stop, [&](const Entry& entry, Content&) -> Result<void> {
      bytes += entry.size + 512;  // with a header
      return {};
    }));
  }
  return encoding == Encoding::none ? bytes : bytes / 4;
}

Result<void> fill(Spool& spool, const recipe::Source& source, Encoding encoding, const std::stop_token& stop) {
  TRY_ASSIGN(TarWriter writer, TarWriter::open(spool, encoding));
  TRY(walk(source, stop, [&](const Entry& entry, Content& content) { return writer.add(entry, content, stop); }));
  if (stop.stop_requested()) return std::unexpected(cancelled_error());
  return writer.finish();
}

// The thread is born with every signal blocked: they are main's, and a file size limit must be an error here, not a death.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked(AllSignalsBlocked&&) = delete;
  AllSignalsBlocked& operator=(AllSignalsBlocked&&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

class PackedArtifact : public Artifact, public std::enable_shared_from_this<PackedArtifact> {
 public:
  PackedArtifact(std::shared_ptr<Spool> spool, const recipe::Source& source, Encoding encoding,
                 const std::stop_token& stop)
      : spool_(std::move(spool)) {
    const AllSignalsBlocked blocked;
    packing_ = std::jthread([to = spool_, source, encoding](const std::stop_token& token) {
      try {
        if (auto packed = fill(*to, source, encoding, token); packed) {
          to->finish();
        } else {
          to->fail(std::move(packed).error());
        }
      } catch (const std::exception& thrown) {  // out of memory
        to->fail(Error(ErrorCode::local, fmt::format("packing the source failed: {}", thrown.what())));
      }
    });
    // Readers hear of the stop at once, even while the packing thread waits for a slow disk.
    on_stop_.emplace(stop, [this] {
      packing_.request_stop();
      spool_->fail(cancelled_error());
    });
  }

  std::unique_ptr<ByteSource> reader() override {
    struct Reader : ByteSource {
      explicit Reader(std::shared_ptr<PackedArtifact> from) : artifact(std::move(from)) {}
      Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
        auto piece = artifact->spool_->read_at(offset, buffer, waker);
        if (piece) offset += piece->size;
        return piece;
      }
      std::shared_ptr<PackedArtifact> artifact;
      std::uint64_t offset = 0;
    };
    return std::make_unique<Reader>(shared_from_this());
  }
  [[nodiscard]] std::uint64_t total() const override { return spool_->total(); }
  Result<std::string> sha256() override { return spool_->sha256(); }
  bool has_ended(const std::shared_ptr<Waker>& waker) override { return spool_->has_ended(waker); }

 private:
  std::shared_ptr<Spool> spool_;
  std::jthread packing_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;  // goes first: it uses the other two
};

}  // namespace

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::zstd:
      return "zstd";
    case Encoding::gzip:
      return "gzip";
    case Encoding::none:
      return "none";
  }
  return "";
}

Result<SourceSummary> examine(const recipe::Source& source, const std::stop_token& stop) {
  TRY_ASSIGN(auto summary, measure(source, stop));
  if (source.directory) {
    TRY_ASSIGN(summary.revision, git_revision(source.directory->path, stop));
  }
  return summary;
}

Result<std::shared_ptr<Artifact>> pack(const recipe::Source& source, Encoding encoding, const std::string& cache_folder,
                                       const std::stop_token& stop) {
  TRY_ASSIGN(const std::uint64_t room, least_room(source, encoding, stop));
  TRY_ASSIGN(auto spool, Spool::open(cache_folder, room));
  return std::make_shared<PackedArtifact>(std::move(spool), source, encoding, stop);
}

}  // namespace kirikae::transfer
