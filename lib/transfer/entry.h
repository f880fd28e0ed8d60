// Entry: one thing of a source, as it will stand in the release; and how sources hand their entries over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/error.h"

struct stat;

namespace kirikae::transfer {

struct Entry {
  enum class Kind { file, directory, symlink, hard_link } kind = Kind::file;
  std::string path;        // relative, without `.`, `..` or empty parts; bytes as they are
  std::string target;      // of a symlink: its text; of a hard link: the path of an earlier file
  unsigned mode = 0;       // see kept_mode()
  std::int64_t mtime = 0;  // seconds
  std::uint64_t size = 0;  // of a file
};

// The modes of folders that an archive lists behind something that is in them, and not as 0755: they are sent with these from the start, since
// busybox' tar leaves a folder that is there as it is.
using FolderModes = std::map<std::string, unsigned>;

// A file's bytes, valid during the visit only.
class Content {
 public:
  virtual ~Content() = default;
  // Makes sure that it can be read; called before read().
  virtual Result<void> open() = 0;
  // The next bytes, 0 at the end; exactly Entry::size of them in all, else an error that names the file.
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
  // Of a file in a directory: what it was when it was listed. Null otherwise.
  [[nodiscard]] virtual const struct stat* listed() const { return nullptr; }
};

// A hard link's target and, from a directory source, a file's directory come before it. An error ends the walk.
using Visit = std::function<Result<void>(const Entry& entry, Content& content)>;

// Permission bits as a release has them: no setuid, setgid or sticky, and directories that their owner can always write to.
// A read-only one could neither be unpacked by every tar, nor get links into shared/, nor be pruned.
unsigned kept_mode(unsigned mode, bool is_directory);

// Whether hosts' lists can have it: a file with a name that a line can hold, and that the hosts' user can read, to compare it. Others are sent every time.
bool can_be_listed(const Entry& entry);

// Adds what a release has of an entry. `content`: of a file its SHA-256, else the target.
void add_to_sum(Sha256& sum, const Entry& entry, std::string_view content);
// The sum of an entry that is no file of a manifest: its bytes don't count.
std::string sum_of(const Entry& entry);

// What else a source has than the files of its manifest, by path, with the sum of each (sum_of()): a directory's folders, links and files that
// can't be listed. Of an archive: its own path and sha256.
using Unlisted = std::map<std::string, std::string>;

// A name as an error shows it: in single quotes, bytes that a line or a terminal can't carry as \n, \x1b …
std::string shown(std::string_view name);

// The hint where a source's files change or vanish between two looks at them.
inline constexpr const char* wait_for_the_build =
    "let the build finish before you deploy, or exclude what is always written to";

Error cancelled_error();

}  // namespace kirikae::transfer
