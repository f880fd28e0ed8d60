#include "transfer/listing.h"

#include <array>
#include <unordered_map>

#include "core/digest.h"
#include "transfer/archive_reader.h"
#include "transfer/tree.h"

namespace kirikae::transfer {
namespace {

Result<std::string> sum_of(Content& content, const std::stop_token& stop) {
  std::array<char, 64 * 1024> buffer;
  Sha256 sum;
  TRY(content.open());
  for (;;) {
    if (stop.stop_requested()) return std::unexpected(cancelled_error());
    TRY_ASSIGN(const std::size_t size, content.read(buffer));
    if (size == 0) return sum.hex();
    sum.update({buffer.data(), size});
  }
}

}  // namespace

Result<std::vector<Listed>> list_source(const recipe::Source& source, const std::stop_token& stop) {
  std::vector<Listed> all;
  std::unordered_map<std::string, std::size_t> files;  // index in `all`
  const auto visit = [&](const Entry& entry, Content& content) -> Result<void> {
    Listed listed{entry, {}};
    if (entry.kind == Entry::Kind::hard_link) {
      const auto at = files.find(entry.target);
      if (at == files.end()) return std::unexpected(Error(ErrorCode::internal, "a hard link to no file passed: " + shown(entry.path)));
      listed = all[at->second];
      listed.entry.path = entry.path;
    } else if (entry.kind == Entry::Kind::file) {
      TRY_ASSIGN(listed.sha256, sum_of(content, stop));
    }
    if (listed.entry.kind == Entry::Kind::file) files[entry.path] = all.size();
    all.push_back(std::move(listed));
    return {};
  };
  if (source.archive) {
    TRY(walk_archive(*source.archive, stop, visit));
  } else if (source.directory) {
    TRY(walk_tree(*source.directory, stop, visit));
  } else {
    return std::unexpected(Error(ErrorCode::internal, "a source that is neither directory nor archive"));
  }
  return all;
}

}  // namespace kirikae::transfer
