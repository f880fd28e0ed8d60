#include "transfer/listing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "core/digest.h"
#include "transfer/archive_reader.h"
#include "transfer/chunk_cache.h"
#include "transfer/chunker.h"
#include "transfer/revision.h"
#include "transfer/signals_blocked.h"
#include "transfer/sum_cache.h"
#include "transfer/tree.h"

namespace kirikae::transfer {
namespace {

// Of smaller files no quick sum is kept: their SHA-256 takes no longer than to find it.
constexpr std::uint64_t least_quick = 16 * 1024;

// Sets what is found by reading the file.
Result<void> read_through(Listed& listed, Content& content, const std::stop_token& stop) {
  std::array<char, 64 * 1024> buffer;
  Sha256 sum;
  std::optional<QuickSum> quick;
  if (listed.entry.size >= least_quick) quick.emplace();
  std::optional<Chunker> chunker;
  if (listed.entry.size >= release::least_chunked) chunker.emplace();
  TRY(content.open());
  for (;;) {
    if (stop.stop_requested()) return std::unexpected(cancelled_error());
    TRY_ASSIGN(const std::size_t size, content.read(buffer));
    if (size == 0) break;
    sum.update({buffer.data(), size});
    if (quick) quick->update({buffer.data(), size});
    if (chunker) chunker->update({buffer.data(), size});
  }
  listed.sha256 = sum.hex();
  if (quick) listed.quick = quick->take();
  if (chunker) listed.chunks = std::make_shared<const release::Chunks>(chunker->finish());
  return {};
}

// Sets what an earlier run has found of a file that is still the same, down to who may read it. Whether all of it was there.
bool recall(Listed& listed, const struct stat& info, const SumCache& sums, const ChunkCache& chunks) {
  auto known = sums.find(listed.entry.path, info);
  if (!known) return false;
  listed.sha256 = *std::move(known);
  if (listed.entry.size < release::least_chunked) return true;
  listed.chunks = chunks.find(listed.sha256);
  return listed.chunks != nullptr;
}

// A file of a directory that is to be read after the walk.
struct Unread {
  std::size_t index = 0;  // of the entry
  struct stat info = {};
};

Result<void> read_all(const std::string& folder, const std::vector<Unread>& files, std::vector<Listed>& entries, const std::stop_token& stop) {
  constexpr unsigned most_threads = 8;
  constexpr std::size_t files_for_a_thread = 16;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::optional<Error> error;
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size() && !failed; i = next++) {
      Listed& listed = entries[files[i].index];
      const auto content = content_of(folder + '/' + listed.entry.path, files[i].info);
      auto read = read_through(listed, *content, stop);
      if (!read && !failed.exchange(true)) {
        const std::lock_guard lock(mutex);
        error = std::move(read).error();
      }
    }
  };
  {
    const AllSignalsBlocked blocked;
    const auto threads = std::min<std::size_t>({std::max(1U, std::thread::hardware_concurrency()), most_threads, files.size() / files_for_a_thread});
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  if (error) return std::unexpected(*std::move(error));
  return {};
}

Result<std::vector<Listed>> list_archive(const recipe::ArchiveSource& source, std::string& sha256, FolderModes& late_folders,
                                         const std::stop_token& stop) {
  std::vector<Listed> all;
  std::unordered_map<std::string, std::size_t> files, folders;  // index in `all`
  const auto visit = [&](const Entry& entry, Content& content) -> Result<void> {
    Listed listed{entry, {}};
    if (entry.kind == Entry::Kind::hard_link) {
      const auto at = files.find(entry.target);
      if (at == files.end()) return std::unexpected(Error(ErrorCode::internal, "a hard link to no file passed: " + shown(entry.path)));
      all[at->second].linked = true;
      listed = all[at->second];
      listed.entry.path = entry.path;
    } else if (entry.kind == Entry::Kind::file) {
      TRY(read_through(listed, content, stop));
    } else if (entry.kind == Entry::Kind::directory) {
      const auto [at, fresh] = folders.emplace(entry.path, all.size());
      if (!fresh) {
        unsigned& mode = all[at->second].entry.mode;
        if (mode != entry.mode) late_folders[entry.path] = mode = entry.mode;
        return {};
      }
    }
    if (listed.entry.kind == Entry::Kind::file) files[entry.path] = all.size();
    all.push_back(std::move(listed));
    return {};
  };
  TRY_ASSIGN(sha256, walk_archive(source, stop, visit));
  return all;
}

// Of all that a release would have of it, whenever and wherever it is listed.
std::string sum_of_list(const std::vector<Listed>& entries) {
  std::vector<const Listed*> sorted;
  for (const auto& listed : entries) sorted.push_back(&listed);
  std::sort(sorted.begin(), sorted.end(), [](const Listed* a, const Listed* b) { return a->entry.path < b->entry.path; });
  Sha256 sum;
  for (const Listed* listed : sorted) {
    add_to_sum(sum, listed->entry, listed->entry.kind == Entry::Kind::file ? listed->sha256 : listed->entry.target);
  }
  return sum.hex();
}

}  // namespace

struct BegunListing::State {
  State(const recipe::Source& from, const std::string& cache_folder, std::stop_token token)
      : source(from), stop(std::move(token)), chunks(cache_folder) {
    if (source.directory) sums.emplace(SumCache::load(cache_folder, source.directory->path));
  }

  Result<void> walk();
  Result<void> read();

  recipe::Source source;
  std::stop_token stop;
  std::int64_t begun = static_cast<std::int64_t>(std::time(nullptr));
  std::optional<SumCache> sums;  // of a directory
  ChunkCache chunks;
  std::vector<Listed> entries;
  std::vector<Unread> files;   // of a directory
  std::vector<Unread> unread;  // those of them that nothing is known of
  std::string revision;
  FolderModes late_folders;
};

Result<void> BegunListing::State::walk() {
  return walk_tree(*source.directory, stop, [&](const Entry& entry, Content& content) -> Result<void> {
    Listed listed{entry, {}};
    if (entry.kind == Entry::Kind::file) {
      const struct stat& info = *content.listed();
      files.push_back({entries.size(), info});
      if (!recall(listed, info, *sums, chunks)) {
        // What can't be read shall be told in this step.
        if (::access((source.directory->path + '/' + entry.path).c_str(), R_OK) != 0) TRY(content.open());
        unread.push_back(files.back());
      }
    }
    entries.push_back(std::move(listed));
    return {};
  });
}

Result<void> BegunListing::State::read() {
  TRY(read_all(source.directory->path, unread, entries, stop));
  if (unread.empty()) return {};
  for (const Unread& file : files) sums->put(entries[file.index].entry.path, file.info, entries[file.index].sha256, begun);
  sums->save();
  for (const Unread& file : unread) {
    if (entries[file.index].chunks) chunks.keep(entries[file.index].sha256, *entries[file.index].chunks);
  }
  chunks.prune();
  return {};
}

BegunListing::BegunListing(std::unique_ptr<State> state) : state_(std::move(state)) {}
BegunListing::BegunListing(BegunListing&&) noexcept = default;
BegunListing& BegunListing::operator=(BegunListing&&) noexcept = default;
BegunListing::~BegunListing() = default;

const std::vector<Listed>& BegunListing::entries() const { return state_->entries; }

Result<BegunListing> BegunListing::begin(const recipe::Source& source, const std::string& cache_folder, const std::stop_token& stop) {
  auto state = std::make_unique<State>(source, cache_folder, stop);
  if (source.archive) {
    TRY_ASSIGN(state->entries, list_archive(*source.archive, state->revision, state->late_folders, stop));
  } else if (source.directory) {
    TRY(state->walk());
  } else {
    return std::unexpected(Error(ErrorCode::internal, "a source that is neither directory nor archive"));
  }
  return BegunListing(std::move(state));
}

Result<Listing> BegunListing::finish() {
  Listing listing;
  if (state_->source.directory) {
    TRY(state_->read());
    TRY_ASSIGN(auto revision, git_revision(state_->source.directory->path, state_->stop));
    state_->revision = std::move(revision.text);
    listing.summary.untold = std::move(revision.untold);
  }
  listing.entries = std::move(state_->entries);
  listing.late_folders = std::move(state_->late_folders);
  listing.summary.revision = std::move(state_->revision);
  release::Manifest manifest;
  QuickSums quick_sums;
  Unlisted rest;
  for (const auto& [entry, sha256, linked, chunks, quick] : listing.entries) {
    if (chunks) listing.chunks.emplace(sha256, chunks);
    if (quick) quick_sums.emplace(sha256, *quick);
    if (entry.kind != Entry::Kind::directory) {
      ++listing.summary.files;
      listing.summary.bytes += entry.size;
    }
    if (!linked && can_be_listed(entry)) {
      manifest.emplace_hint(manifest.end(), entry.path, release::FileSpec{entry.mode, entry.size, sha256});
    } else if (state_->source.directory) {
      rest.emplace(entry.path, sum_of(entry));
    }
  }
  if (state_->source.archive) rest.emplace(state_->source.archive->path, listing.summary.revision);
  listing.rest = std::make_shared<const Unlisted>(std::move(rest));
  if (listing.summary.revision.empty()) listing.summary.revision = sum_of_list(listing.entries);
  listing.manifest = std::make_shared<const release::Manifest>(std::move(manifest));
  listing.quick = std::make_shared<const QuickSums>(std::move(quick_sums));
  return listing;
}

Result<Listing> list_source(const recipe::Source& source, const std::string& cache_folder, const std::stop_token& stop) {
  TRY_ASSIGN(BegunListing begun, BegunListing::begin(source, cache_folder, stop));
  return begun.finish();
}

}  // namespace kirikae::transfer
