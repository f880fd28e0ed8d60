#include "transfer/artifact.h"

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/digest.h"
#include "transfer/archive_reader.h"
#include "transfer/demand.h"
#include "transfer/entry.h"
#include "transfer/revision.h"
#include "transfer/signals_blocked.h"
#include "transfer/spool.h"
#include "transfer/tar_writer.h"
#include "transfer/tree.h"

namespace kirikae::transfer {
namespace {

// The archive's sha256; empty for a directory.
Result<std::string> walk_source(const recipe::Source& source, const std::stop_token& stop, const Visit& visit) {
  if (source.archive) return walk_archive(*source.archive, stop, visit);
  if (!source.directory)
    return std::unexpected(Error(ErrorCode::internal, "a source that is neither directory nor archive"));
  TRY(walk_tree(*source.directory, stop, visit));
  return std::string();
}

Result<SourceSummary> measure(const recipe::Source& source, const std::stop_token& stop, const std::function<void(const Entry&)>& see) {
  SourceSummary summary;
  TRY_ASSIGN(summary.revision, walk_source(source, stop, [&](const Entry& entry, Content& content) -> Result<void> {
               if (see) see(entry);
               if (entry.kind == Entry::Kind::directory) return {};
               TRY(content.open());
               ++summary.files;
               summary.bytes += entry.size;
               return {};
             }));
  return summary;
}

bool is_sent(const Part& part, const Entry& entry) { return !part.delta || !part.delta->reused.contains(entry.path); }

// What must be free before it is worth to begin. A packed stream's size is known only at its end, when running out of room has
// its own error: text and code shrink to a quarter or less, and an archive is mostly packed already.
Result<std::uint64_t> least_room(const recipe::Source& source, Encoding encoding, const Part& part, const std::stop_token& stop) {
  constexpr std::uint64_t header = 512;
  std::uint64_t bytes = 0;
  if (source.archive) {
    struct stat info = {};
    if (::stat(source.archive->path.c_str(), &info) == 0) bytes = static_cast<std::uint64_t>(info.st_size);
    if (part.delta) bytes -= std::min(bytes, part.delta->reused_bytes);
  } else if (part.delta && part.manifest) {
    for (const auto& [path, file] : *part.manifest) {
      if (!part.delta->reused.contains(path)) bytes += file.size + header;
    }
  } else {
    TRY(walk_source(source, stop, [&](const Entry& entry, Content&) -> Result<void> {
      bytes += entry.size + header;
      return {};
    }));
  }
  return encoding == Encoding::none ? bytes : bytes / 4;
}

// A text of ours.
class TextContent : public Content {
 public:
  explicit TextContent(std::string_view text) : left_(text) {}
  Result<void> open() override { return {}; }
  Result<std::size_t> read(std::span<char> buffer) override {
    const auto size = left_.copy(buffer.data(), buffer.size());
    left_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view left_;
};

Error changed_after_listing(const std::string& what) {
  return {ErrorCode::local, what + " changed after it was listed", wait_for_the_build};
}

// The first name that isn't in both alike; none: they are the same.
std::optional<std::string> difference(const Unlisted& a, const Unlisted& b) {
  auto one = a.begin(), other = b.begin();
  for (; one != a.end() && other != b.end() && *one == *other; ++one) ++other;
  if (one == a.end() && other == b.end()) return std::nullopt;
  if (one == a.end()) return other->first;
  return other == b.end() ? one->first : std::min(one->first, other->first);
}

// A listed file of a directory that isn't there any more; "the source", if it is back.
std::string vanished(const std::string& directory, const release::Manifest& manifest) {
  struct stat status {};
  for (const auto& [path, file] : manifest) {
    if (::lstat((directory + '/' + path).c_str(), &status) != 0) return shown(path);
  }
  return "the source";
}

// A file that has to be what it was when it was listed, since hosts are told of that.
class ListedContent : public Content {
 public:
  // `quick`: its sum, where it was read for the list; else null.
  ListedContent(Content& content, const Entry& entry, const release::FileSpec& file, const QuickSum::Value* quick)
      : content_(content), entry_(entry), file_(file), known_(quick) {
    if (known_ != nullptr) {
      quick_.emplace();
    } else {
      sum_.emplace();
    }
  }
  Result<void> open() override { return content_.open(); }
  Result<std::size_t> read(std::span<char> buffer) override {
    TRY_ASSIGN(const std::size_t size, content_.read(buffer));
    if (quick_) {
      quick_->update({buffer.data(), size});
    } else {
      sum_->update({buffer.data(), size});
    }
    if (size == 0 && !is_same()) return std::unexpected(changed_after_listing(shown(entry_.path)));
    return size;
  }

 private:
  bool is_same() { return entry_.mode == file_.mode && (quick_ ? quick_->take() == *known_ : sum_->hex() == file_.sha256); }

  Content& content_;
  const Entry& entry_;
  const release::FileSpec& file_;
  const QuickSum::Value* known_;
  std::optional<QuickSum> quick_;  // one of the two
  std::optional<Sha256> sum_;
};

// Of a file that is patched: those of its pieces that are sent. All of it is read nevertheless, and so looked at.
class SentPieces : public Content {
 public:
  SentPieces(Content& content, const release::Patch& patch) : content_(content), patch_(patch) {}
  Result<void> open() override { return content_.open(); }
  Result<std::size_t> read(std::span<char> buffer) override {
    for (;;) {
      if (piece_ == patch_.pieces.size()) return content_.read(buffer);  // its end
      const release::Piece& piece = patch_.pieces[piece_];
      const auto most = std::min<std::uint64_t>(buffer.size(), piece.size - done_);
      TRY_ASSIGN(const std::size_t size, content_.read(buffer.first(static_cast<std::size_t>(most))));
      if (size == 0) return std::unexpected(changed_after_listing("the source"));
      done_ += size;
      if (done_ == piece.size) {
        ++piece_;
        done_ = 0;
      }
      if (piece.from.empty()) return size;
    }
  }

 private:
  Content& content_;
  const release::Patch& patch_;
  std::size_t piece_ = 0;
  std::uint64_t done_ = 0;  // of the piece
};

Result<void> say(TarWriter& writer, const Part& part, const std::stop_token& stop) {
  const auto add = [&](Entry::Kind kind, const std::string& path, std::string_view text) {
    Entry entry{kind, path, {}, kind == Entry::Kind::directory ? 0700U : 0600U, 0, text.size()};
    TextContent content(text);
    return writer.add(entry, content, stop);
  };
  TRY(add(Entry::Kind::directory, part.folder, {}));
  const release::Delta& delta = *part.delta;
  const auto add_all = [&](std::initializer_list<std::pair<std::string_view, std::string_view>> texts, bool even_empty) -> Result<void> {
    for (const auto& [name, text] : texts) {
      if (even_empty || !text.empty()) TRY(add(Entry::Kind::file, fmt::format("{}/{}", part.folder, name), text));
    }
    return {};
  };
  if (part.whole) {
    TRY(add_all({{"files", delta.added}}, true));
    return add_all({{"chunks", delta.chunks_added}}, false);
  }
  TRY(add_all({{"removed", delta.removed}, {"added", delta.added}, {"moved", release::moves_text(delta)}}, true));
  return add_all({{"chunks_added", delta.chunks_added}, {"chunks_gone", delta.chunks_gone}, {"patched", release::patches_text(delta, *part.manifest)}}, false);
}

Result<void> add_listed(TarWriter& writer, const Part& part, const Entry& entry, Content& content,
                        const release::FileSpec& file, const std::stop_token& stop) {
  const QuickSum::Value* quick = nullptr;
  if (part.quick) {
    if (const auto known = part.quick->find(file.sha256); known != part.quick->end()) quick = &known->second;
  }
  ListedContent same(content, entry, file, quick);
  const auto patch = part.delta->patched.find(entry.path);
  if (patch == part.delta->patched.end()) return writer.add(entry, same, stop);
  Entry sent = entry;
  sent.size = patch->second.sent;
  SentPieces pieces(same, patch->second);
  return writer.add(sent, pieces, stop);
}

Result<void> fill(TarWriter writer, const recipe::Source& source, const Part& part, const std::stop_token& stop) {
  if (part.delta) TRY(say(writer, part, stop));
  std::size_t seen = 0;  // of the listed files
  Unlisted rest;
  const auto visit = [&](const Entry& entry, Content& content) -> Result<void> {
    if (const auto late = part.late_folders.find(entry.path); late != part.late_folders.end() && entry.mode != late->second) {
      Entry folder = entry;
      folder.mode = late->second;
      return writer.add(folder, content, stop);
    }
    const auto listed = part.manifest ? part.manifest->find(entry.path) : release::Manifest::const_iterator();
    const bool is_listed = part.manifest && listed != part.manifest->end();
    if (is_listed && entry.kind != Entry::Kind::file) return std::unexpected(changed_after_listing(shown(entry.path)));
    if (is_listed) {
      ++seen;
    } else if (part.manifest && source.directory) {
      rest.emplace(entry.path, sum_of(entry));
    }
    if (!is_sent(part, entry)) return {};
    if (entry.kind != Entry::Kind::file || !part.manifest) return writer.add(entry, content, stop);
    if (is_listed) return add_listed(writer, part, entry, content, listed->second, stop);
    // An archive has files that are in no list; whether it has changed is known by its own sum.
    if (source.directory && can_be_listed(entry)) return std::unexpected(changed_after_listing(shown(entry.path)));
    return writer.add(entry, content, stop);
  };
  TRY_ASSIGN(const std::string archive, walk_source(source, stop, visit));
  if (source.archive) rest.emplace(source.archive->path, archive);
  if (part.manifest) {
    if (const auto other = difference(rest, *part.rest))
      return std::unexpected(
          changed_after_listing(source.archive ? "archive " + shown(source.archive->path) : shown(*other)));
    if (seen != part.manifest->size())
      return std::unexpected(
          changed_after_listing(source.directory ? vanished(source.directory->path, *part.manifest) : "the source"));
  }
  if (stop.stop_requested()) return std::unexpected(cancelled_error());
  return writer.finish();
}

class PackedArtifact : public Artifact, public std::enable_shared_from_this<PackedArtifact> {
 public:
  PackedArtifact(std::shared_ptr<Spool> spool, const recipe::Source& source, Packing packing, Part part,
                 const std::stop_token& stop)
      : spool_(std::move(spool)) {
    const AllSignalsBlocked blocked;
    packing_ = std::jthread([to = spool_, demand = demand_, source, packing, part = std::move(part)](const std::stop_token& token) {
      try {
        auto writer = TarWriter::open(*to, packing, [demand] { return demand->ran_dry(); });
        if (auto packed = writer ? fill(*std::move(writer), source, part, token) : std::unexpected(writer.error()); packed) {
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
      explicit Reader(std::shared_ptr<PackedArtifact> from) : artifact(std::move(from)), id(artifact->demand_->join()) {}
      Reader(const Reader&) = delete;
      Reader& operator=(const Reader&) = delete;
      Reader(Reader&&) = delete;
      Reader& operator=(Reader&&) = delete;
      ~Reader() override { artifact->demand_->leave(id); }
      Result<Piece> read(std::span<char> buffer, const std::shared_ptr<Waker>& waker) override {
        auto piece = artifact->spool_->read_at(offset, buffer, waker);
        if (!piece) return piece;
        artifact->demand_->note(id, piece->state == Piece::State::later);
        offset += piece->size;
        return piece;
      }
      std::shared_ptr<PackedArtifact> artifact;
      Demand::Id id;
      std::uint64_t offset = 0;
    };
    return std::make_unique<Reader>(shared_from_this());
  }
  [[nodiscard]] std::uint64_t total() const override { return spool_->total(); }
  Result<std::string> sha256() override { return spool_->sha256(); }
  bool has_ended(const std::shared_ptr<Waker>& waker) override { return spool_->has_ended(waker); }

 private:
  std::shared_ptr<Spool> spool_;
  std::shared_ptr<Demand> demand_ = std::make_shared<Demand>();
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

Result<SourceSummary> examine(const recipe::Source& source, const std::stop_token& stop, const std::function<void(const Entry&)>& see) {
  TRY_ASSIGN(auto summary, measure(source, stop, see));
  if (source.directory) {
    TRY_ASSIGN(auto revision, git_revision(source.directory->path, stop));
    summary.revision = std::move(revision.text);
    summary.untold = std::move(revision.untold);
  }
  return summary;
}

Result<std::shared_ptr<Artifact>> pack(const recipe::Source& source, Packing packing, const std::string& cache_folder,
                                       const std::stop_token& stop, Part part) {
  TRY_ASSIGN(const std::uint64_t room, least_room(source, packing.encoding, part, stop));
  TRY_ASSIGN(auto spool, Spool::open(cache_folder, room));
  return std::make_shared<PackedArtifact>(std::move(spool), source, packing, std::move(part), stop);
}

}  // namespace kirikae::transfer
