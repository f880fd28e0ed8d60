#include "transfer/git_archive.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "transfer/archive_reader.h"
#include "transfer/entry.h"
#include "transfer/git_submodules.h"
#include "transfer/tar_writer.h"

namespace kirikae::transfer {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 1h;
constexpr std::size_t most_submodules = 1000;  // a few small repositories could name each other without end
constexpr std::string_view pointer_start = "version https://git-lfs.github.com/spec/v1\n";
constexpr std::uint64_t longest_pointer = 1024;  // by git-lfs' specification
constexpr const char* leave_out = "remove it from the repository, or leave it out by `export-ignore` in .gitattributes";

// As walk_archive(), with errors that don't name a file which nobody knows, and advice for a repository.
Result<void> walk_tar(const Spool& tar, const std::stop_token& stop, const Visit& visit) {
  std::optional<Error> own;
  const auto walked = walk_archive({tar.path(), {}}, stop, [&](const Entry& entry, Content& content) {
    auto visited = visit(entry, content);
    if (!visited) own = visited.error();
    return visited;
  });
  if (walked) return {};
  if (own) return std::unexpected(*std::move(own));
  Error error = walked.error();
  if (error.code != ErrorCode::recipe) return std::unexpected(std::move(error));
  if (error.context.empty()) return std::unexpected(Error(ErrorCode::recipe, "it has nothing to deploy"));
  error.context.clear();
  error.hint = leave_out;
  return std::unexpected(std::move(error));
}

Result<std::shared_ptr<Spool>> git_archive(const GitRepository& repository, const std::string& sha, const std::string& prefix,
                                           const std::string& cache_folder) {
  TRY_ASSIGN(auto tar, Spool::open(cache_folder, 0));
  std::vector<std::string> words = {"archive", "--format=tar"};
  if (!prefix.empty()) words.push_back("--prefix=" + prefix);
  words.push_back(sha);
  TRY_ASSIGN(const auto answer, repository.git.with(patience, "none").stream(std::move(words), [&](std::string_view bytes) { return tar->append(bytes); }));
  if (!answer.ok()) {
    return std::unexpected(Error(ErrorCode::local, fmt::format("commit {} of {} can't be read: {}", short_name(sha), repository.name, answer.words)));
  }
  tar->finish();
  return tar;
}

// The commit's archive, and one for each submodule below it.
class Gathering {
 public:
  explicit Gathering(const std::string& cache_folder) : cache_folder_(cache_folder) {}

  Result<void> add(GitRepository& repository, const std::string& sha, const std::string& prefix) {
    TRY_ASSIGN(auto tar, git_archive(repository, sha, prefix, cache_folder_));
    TRY_ASSIGN(auto submodules, submodules_of(repository, sha));
    repository.lock = Fd();  // two runs that hold one and wait for the other's would wait for ever
    tars_.push_back(tar);
    if (submodules.empty()) return {};
    // What .gitattributes leaves out is no folder there.
    std::set<std::string, std::less<>> folders;
    TRY(walk_tar(*tar, repository.git.stop(), [&](const Entry& entry, Content&) -> Result<void> {
      if (entry.kind == Entry::Kind::directory) folders.insert(entry.path);
      return {};
    }));
    for (const Submodule& each : submodules) {
      const std::string path = prefix + each.path;
      if (!folders.contains(path)) continue;
      if (++submodules_ > most_submodules) {
        return std::unexpected(Error(ErrorCode::recipe, fmt::format("it has more than {} submodules", most_submodules)));
      }
      TRY_ASSIGN(auto inner, repository_of(each, repository, path, cache_folder_));
      TRY(add(inner, each.sha, path + '/'));
    }
    return {};
  }

  [[nodiscard]] const std::vector<std::shared_ptr<Spool>>& tars() const { return tars_; }

 private:
  const std::string& cache_folder_;
  std::vector<std::shared_ptr<Spool>> tars_;
  std::size_t submodules_ = 0;
};

Result<std::shared_ptr<Spool>> joined(const std::vector<std::shared_ptr<Spool>>& tars, const std::string& cache_folder, const std::stop_token& stop) {
  if (tars.size() == 1) return tars.front();
  TRY_ASSIGN(auto one, Spool::open(cache_folder, 0));
  TRY_ASSIGN(TarWriter writer, TarWriter::open(*one, Encoding::none));
  for (const auto& tar : tars) {
    TRY(walk_tar(*tar, stop, [&](const Entry& entry, Content& content) { return writer.add(entry, content, stop); }));
  }
  TRY(writer.finish());
  one->finish();
  return one;
}

Result<bool> is_pointer(const Entry& entry, Content& content) {
  if (entry.size >= longest_pointer || entry.size < pointer_start.size()) return false;
  std::array<char, longest_pointer> bytes{};
  std::size_t have = 0;
  TRY(content.open());
  for (;;) {
    TRY_ASSIGN(const std::size_t got, content.read(std::span(bytes).subspan(have)));
    have += got;
    if (got == 0) return std::string_view(bytes.data(), have).starts_with(pointer_start);
  }
}

Error pointers_error(const std::vector<std::string>& first, std::size_t count) {
  std::string names = fmt::format("{}", fmt::join(first, ", "));
  if (count > first.size()) names += fmt::format(" and {} more", count - first.size());
  return {ErrorCode::recipe,
          fmt::format("{} of git-lfs instead of {}: {}", count == 1 ? "a pointer" : fmt::format("{} pointers", count),
                      count == 1 ? "a file" : "files", names),
          "git has not what they point to: deploy the work tree as `source: directory` after `git lfs pull`, or leave them out by "
          "`export-ignore` in .gitattributes"};
}

// Judges the whole, and counts it.
Result<GitArchive> looked_through(std::shared_ptr<Spool> tar, const std::stop_token& stop) {
  GitArchive archive;
  std::vector<std::string> pointers;
  std::size_t pointer_count = 0;
  TRY(walk_tar(*tar, stop, [&](const Entry& entry, Content& content) -> Result<void> {
    if (entry.kind == Entry::Kind::directory) return {};
    ++archive.files;
    archive.bytes += entry.size;
    if (entry.kind != Entry::Kind::file) return {};
    TRY_ASSIGN(const bool pointer, is_pointer(entry, content));
    if (pointer && ++pointer_count <= 3) pointers.push_back(shown(entry.path));
    return {};
  }));
  if (pointer_count != 0) return std::unexpected(pointers_error(pointers, pointer_count));
  archive.tar = std::move(tar);
  return archive;
}

Result<GitArchive> gathered(GitRepository& repository, const std::string& sha, const std::string& cache_folder) {
  Gathering gathering(cache_folder);
  TRY(gathering.add(repository, sha, ""));
  TRY_ASSIGN(auto tar, joined(gathering.tars(), cache_folder, repository.git.stop()));
  return looked_through(std::move(tar), repository.git.stop());
}

}  // namespace

Result<GitArchive> archive_of(GitRepository& repository, const std::string& sha, const std::string& commit, const std::string& cache_folder) {
  auto archive = gathered(repository, sha, cache_folder);
  if (archive || archive.error().code != ErrorCode::recipe) return archive;
  return std::unexpected(std::move(archive).error().with_context(commit));
}

}  // namespace kirikae::transfer
