#include "transfer/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/fd.h"
#include "transfer/archive_names.h"
#include "transfer/gunzip.h"
#include "transfer/unfilter.h"

namespace kirikae::transfer {
namespace {

constexpr std::size_t archive_piece = 131'072;

Error file_error(const std::string& path, std::string_view what, int number) {
  return {ErrorCode::local,
          fmt::format("archive {} {}: {}", shown(path), what, std::generic_category().message(number))};
}

// libarchive turns names that are said to be UTF-8 into the encoding of this thread's locale, and composes them (NFC) if that is UTF-8, too. Of a
// tar's, it leaves what it can't turn as it is: all that isn't ASCII, in the C locale. Of a zip's, nothing.
class NamesLocale {
 public:
  explicit NamesLocale(bool tar) : ours_(::newlocale(LC_CTYPE_MASK, tar ? "C" : "C.UTF-8", nullptr)) {
    if (ours_ != nullptr) before_ = ::uselocale(ours_);
  }
  NamesLocale(const NamesLocale&) = delete;
  NamesLocale& operator=(const NamesLocale&) = delete;
  NamesLocale(NamesLocale&&) = delete;
  NamesLocale& operator=(NamesLocale&&) = delete;
  ~NamesLocale() {
    if (ours_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(ours_);
  }

 private:
  locale_t ours_;
  locale_t before_ = nullptr;
};

// The archive's file, open once: what was hashed is what is read.
class ArchiveFile {
 public:
  static Result<ArchiveFile> open(const std::string& path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) {
      return std::unexpected(Error(ErrorCode::recipe, fmt::format("archive {} does not exist", shown(path)),
                                   "build it first, or correct `source: archive` in the recipe"));
    }
    if (!fd.valid()) return std::unexpected(file_error(path, "can't be read", errno));
    struct stat info = {};
    if (::fstat(fd.get(), &info) != 0) return std::unexpected(file_error(path, "can't be read", errno));
    if (!S_ISREG(info.st_mode)) {
      const bool folder = S_ISDIR(info.st_mode);
      return std::unexpected(Error(ErrorCode::recipe, fmt::format("archive {} is no file", shown(path)),
                                   folder ? "for a directory use `source: directory`" : ""));
    }
    return ArchiveFile(path, std::move(fd), info);
  }

  Result<std::size_t> read(std::uint64_t at, char* bytes, std::size_t size) const {
    for (;;) {
      const auto got = ::pread(fd_.get(), bytes, size, static_cast<off_t>(at));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return std::unexpected(file_error(path_, "can't be read", errno));
    }
  }

  [[nodiscard]] Result<std::string> sha256(const std::stop_token& stop) const {
    Sha256 digest;
    std::vector<char> buffer(archive_piece);
    for (std::uint64_t at = 0;;) {
      if (stop.stop_requested()) return std::unexpected(cancelled_error());
      TRY_ASSIGN(const std::size_t got, read(at, buffer.data(), buffer.size()));
      if (got == 0) return digest.hex();
      digest.update({buffer.data(), got});
      at += got;
    }
  }

  [[nodiscard]] Result<void> unchanged() const {
    struct stat now = {};
    const bool same = ::fstat(fd_.get(), &now) == 0 && now.st_size == opened_.st_size &&
                      now.st_mtim.tv_sec == opened_.st_mtim.tv_sec && now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec;
    if (same) return {};
    return std::unexpected(Error(ErrorCode::local,
                                 fmt::format("archive {} changed while it was being read", shown(path_)),
                                 "let the build finish before you deploy"));
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(opened_.st_size); }

 private:
  ArchiveFile(std::string path, Fd fd, const struct stat& info)
      : path_(std::move(path)), fd_(std::move(fd)), opened_(info) {}
  std::string path_;
  Fd fd_;
  struct stat opened_;
};

class Reader : public Content {
 public:
  Reader(const ArchiveFile& file, const std::stop_token& stop)
      : file_(file), stop_(stop), input_(archive_read_new(), &archive_read_free), buffer_(archive_piece),
        unclaimed_(most_unpacked_bytes(file.size())) {}

  // Whether names are a tar's. One that says in which encoding they are has blocks that say what they are, too.
  Result<bool> start() {
    archive* const input = input_.get();
    constexpr std::string_view tar_magic = "ustar";
    std::array<char, 257 + tar_magic.size()> begin{};
    TRY_ASSIGN(const std::size_t got, file_.read(0, begin.data(), begin.size()));
    const std::string_view start(begin.data(), got);
    // libarchive's own filter for gzip looks at no sum.
    const auto fill = [this](std::span<char> bytes) { return more(bytes); };
    if (start.starts_with("\x1f\x8b")) {
      gunzip_.emplace(fill);
    } else {
      TRY_ASSIGN(unfilter_, Unfilter::open(fill));
      if (!unfilter_) at_ = 0;
    }
    archive_read_support_format_tar(input);
    archive_read_support_format_zip_seekable(input);
    archive_read_set_callback_data(input, this);
    archive_read_set_read_callback(input, &Reader::on_read);
    if (!is_packed()) {
      archive_read_set_skip_callback(input, &Reader::on_skip);
      archive_read_set_seek_callback(input, &Reader::on_seek);
    }
    if (archive_read_open1(input) != ARCHIVE_OK) return std::unexpected(failure());
    return is_packed() || start.ends_with(tar_magic);
  }

  // False at the end. The entry's path is as the archive has it.
  Result<bool> next(Entry& entry) {
    if (stop_.stop_requested()) return std::unexpected(cancelled_error());
    archive_entry* header = nullptr;
    const int status = archive_read_next_header(input_.get(), &header);
    if (status == ARCHIVE_EOF) {
      TRY(read_to_end());
      return false;
    }
    const char* name = header != nullptr ? archive_entry_pathname(header) : nullptr;
    const bool named = name != nullptr && *name != '\0';
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      auto error = failure();
      if (error_) return std::unexpected(std::move(error));
      if (named) return std::unexpected(std::move(error).with_context(shown(name)));
      return std::unexpected(any_ ? std::move(error).with_context("the entry behind " + shown(name_)) : std::move(error));
    }
    if (!named) return std::unexpected(Error(ErrorCode::recipe, "an entry has no name, or one in an unknown encoding"));
    any_ = true;
    entry = Entry();
    entry.path = name;
    name_ = name;
    done_ = 0;
    at_end_ = false;
    entry.mode = kept_mode(archive_entry_perm(header), archive_entry_filetype(header) == AE_IFDIR);
    entry.mtime = archive_entry_mtime(header);
    TRY(read_kind(header, entry));
    size_ = entry.size;
    has_holes_ = entry.kind == Entry::Kind::file && archive_entry_sparse_count(header) > 0;
    // Judged by what the entries claim, before any of their bytes is asked for; more than that is never taken, see read().
    if (size_ > unclaimed_) return std::unexpected(too_large());
    unclaimed_ -= size_;
    return true;
  }

  Result<void> open() override { return {}; }

  Result<std::size_t> read(std::span<char> buffer) override {
    auto got = at_end_ ? 0 : archive_read_data(input_.get(), buffer.data(), buffer.size());
    if (got < 0) return std::unexpected(failure().with_context(shown(name_)));
    at_end_ = got == 0;
    if (at_end_ && has_holes_) {  // the last one libarchive doesn't fill where nothing stands before it
      got = static_cast<la_ssize_t>(std::min<std::uint64_t>(buffer.size(), size_ - done_));
      std::ranges::fill(buffer.first(static_cast<std::size_t>(got)), '\0');
    }
    done_ += static_cast<std::uint64_t>(got);
    if (done_ > size_ || (got == 0 && done_ != size_)) {
      return std::unexpected(
          Error(ErrorCode::recipe, fmt::format("{} is not as long as the archive says", shown(name_))));
    }
    return static_cast<std::size_t>(got);
  }

 private:
  static Reader& self(void* data) { return *static_cast<Reader*>(data); }

  [[nodiscard]] bool is_packed() const { return gunzip_ || unfilter_; }

  // The file's next bytes.
  Result<std::size_t> more(std::span<char> bytes) {
    TRY_ASSIGN(const std::size_t got, file_.read(at_, bytes.data(), bytes.size()));
    at_ += got;
    return got;
  }

  // The archive's next bytes.
  Result<std::size_t> unpacked(std::span<char> bytes) {
    if (gunzip_) return gunzip_->read(bytes);
    return unfilter_ ? unfilter_->read(bytes) : more(bytes);
  }

  // The last sum of a packed file stands behind what the archive's end leaves unread.
  Result<void> read_to_end() {
    for (std::uint64_t behind = 0; is_packed();) {
      if (stop_.stop_requested()) return std::unexpected(cancelled_error());
      TRY_ASSIGN(const std::size_t got, unpacked(buffer_));
      if (got == 0) break;
      if ((behind += got) > unclaimed_) {
        return std::unexpected(Error(ErrorCode::recipe, fmt::format("more than {} bytes lie behind its last entry", unclaimed_), "pack the archive anew"));
      }
    }
    return {};
  }

  static la_ssize_t on_read(archive*, void* data, const void** bytes) {
    Reader& reader = self(data);
    if (reader.stop_.stop_requested()) {
      reader.error_ = cancelled_error();
      return ARCHIVE_FATAL;
    }
    auto got = reader.unpacked(reader.buffer_);
    if (!got) {
      reader.error_ = std::move(got).error();
      return ARCHIVE_FATAL;
    }
    // libarchive keeps the whole list of a zip before it gives the first entry.
    if (!reader.any_ && (reader.listed_ += *got) > most_list_bytes) {
      reader.error_ = Error(ErrorCode::recipe, fmt::format("its list of entries is larger than {} MiB", most_list_bytes >> 20));
      return ARCHIVE_FATAL;
    }
    *bytes = reader.buffer_.data();
    return static_cast<la_ssize_t>(*got);
  }
  static la_int64_t on_skip(archive*, void* data, la_int64_t wanted) {
    Reader& reader = self(data);
    const auto step =
        std::min(static_cast<std::uint64_t>(wanted), reader.file_.size() - std::min(reader.at_, reader.file_.size()));
    reader.at_ += step;
    return static_cast<la_int64_t>(step);
  }
  static la_int64_t on_seek(archive*, void* data, la_int64_t offset, int whence) {
    Reader& reader = self(data);
    la_int64_t base = 0;
    if (whence == SEEK_CUR) base = static_cast<la_int64_t>(reader.at_);
    if (whence == SEEK_END) base = static_cast<la_int64_t>(reader.file_.size());
    if (base + offset < 0) return ARCHIVE_FATAL;
    reader.at_ = static_cast<std::uint64_t>(base + offset);
    return base + offset;
  }

  Error failure() {
    if (error_) return *error_;
    const char* text = archive_error_string(input_.get());
    const std::string_view why = text != nullptr ? text : "";
    if (why.starts_with("Truncated")) return damaged_archive("it is cut short");
    if (why.starts_with("Passphrase")) return {ErrorCode::recipe, "it is encrypted", "make the archive without a password"};
    return {ErrorCode::recipe, fmt::format("it can't be unpacked: {}", text != nullptr ? text : "unknown reason"),
            "tar (plain, gzip, bzip2, xz, zstd) and zip archives are understood"};
  }

  [[nodiscard]] Error too_large() const {
    return {ErrorCode::recipe,
            fmt::format("{} claims {} bytes: with it, {} bytes of archive would become more than {}", shown(name_), size_,
                        file_.size(), most_unpacked_bytes(file_.size())),
            "if that is meant, unpack it and deploy the directory"};
  }

  static Result<void> read_kind(archive_entry* header, Entry& entry) {
    if (const char* target = archive_entry_hardlink(header); target != nullptr) {
      entry.kind = Entry::Kind::hard_link;
      TRY_ASSIGN(entry.target, ArchiveNames::normalised(target));
      return {};
    }
    switch (archive_entry_filetype(header)) {
      case AE_IFREG:
        if ((archive_entry_perm(header) & (S_ISUID | S_ISGID)) != 0) {
          return std::unexpected(Error(ErrorCode::recipe, fmt::format("{} runs as its owner or group (setuid, setgid)", shown(entry.path)),
                                       "take that off before it is packed: chmod u-s,g-s"));
        }
        if (archive_entry_size_is_set(header) == 0) {
          return std::unexpected(Error(ErrorCode::recipe, fmt::format("{} has no size", shown(entry.path))));
        }
        entry.size = static_cast<std::uint64_t>(archive_entry_size(header));
        return {};
      case AE_IFDIR:
        entry.kind = Entry::Kind::directory;
        return {};
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(header);
        entry.kind = Entry::Kind::symlink;
        entry.target = target != nullptr ? target : "";
        return {};
      }
      default:
        return std::unexpected(Error(ErrorCode::recipe,
                                     fmt::format("{} is a device, fifo or socket", shown(entry.path)),
                                     "pack the archive anew without it"));
    }
  }

  const ArchiveFile& file_;
  const std::stop_token& stop_;
  std::unique_ptr<archive, int (*)(archive*)> input_;
  std::vector<char> buffer_;
  std::uint64_t at_ = 0;
  std::optional<Gunzip> gunzip_;        // of a gzip file
  std::unique_ptr<Unfilter> unfilter_;  // of one that is packed in another way
  std::optional<Error> error_;  // of a callback
  bool any_ = false;            // an entry was read
  std::uint64_t listed_ = 0;    // bytes read before that
  std::uint64_t unclaimed_;     // what entries may still have, together
  std::string name_;
  std::uint64_t size_ = 0;
  std::uint64_t done_ = 0;
  bool at_end_ = false;  // of what libarchive gives of the entry
  bool has_holes_ = false;
};

// False where nothing is left of its name. Hard links are names too; the texts of symlinks are not.
Result<bool> strip(Entry& entry, int parts) {
  entry.path = ArchiveNames::stripped(entry.path, parts);
  if (entry.path.empty()) return false;
  if (entry.kind != Entry::Kind::hard_link || parts == 0) return true;
  auto target = ArchiveNames::stripped(entry.target, parts);
  if (target.empty()) {
    return std::unexpected(Error(ErrorCode::recipe, fmt::format("{} is a hard link to {}, of which `strip: {}` leaves nothing",
                                                                shown(entry.path), shown(entry.target), parts),
                                 "lower `strip`, or pack the archive anew"));
  }
  entry.target = std::move(target);
  return true;
}

Result<void> walk_entries(const ArchiveFile& file, int parts, const std::stop_token& stop, const Visit& visit) {
  Reader reader(file, stop);
  TRY_ASSIGN(const bool tar, reader.start());
  const NamesLocale names_as_they_are(tar);
  ArchiveNames names;
  Entry entry;
  for (std::size_t count = 1;; ++count) {
    TRY_ASSIGN(const bool more, reader.next(entry));
    if (!more) break;
    if (count > most_archive_entries) {
      return std::unexpected(
          Error(ErrorCode::recipe, fmt::format("it has more than {} entries", most_archive_entries)));
    }
    TRY_ASSIGN(entry.path, ArchiveNames::normalised(entry.path));
    TRY_ASSIGN(const bool stays, strip(entry, parts));
    if (!stays) continue;  // the root, too: the release's folder is the tool's own
    // Directories that the archive takes for granted get entries, so that their mode isn't left to the host's umask.
    TRY_ASSIGN(const auto parents, names.admit(entry));
    for (const auto& parent : parents) {
      Entry directory;
      directory.kind = Entry::Kind::directory;
      directory.path = parent;
      directory.mode = 0755;
      directory.mtime = entry.mtime;
      TRY(visit(directory, reader));
    }
    TRY(visit(entry, reader));
  }
  return {};
}

}  // namespace

Result<std::string> walk_archive(const recipe::ArchiveSource& source, const std::stop_token& stop, const Visit& visit) {
  TRY_ASSIGN(const ArchiveFile file, ArchiveFile::open(source.path));
  TRY_ASSIGN(std::string sha256, file.sha256(stop));
  if (!source.sha256.empty() && sha256 != source.sha256) {
    return std::unexpected(
        Error(ErrorCode::recipe,
              fmt::format("archive {} has sha256 {}, the recipe says {}", shown(source.path), sha256, source.sha256),
              "fetch or build the archive again; if this is the one you want, correct `sha256` in the recipe"));
  }
  bool found_any = false;
  auto walked = walk_entries(file, source.strip, stop, [&](const Entry& entry, Content& content) {
    found_any = true;
    return visit(entry, content);
  });
  if (walked) walked = file.unchanged();
  if (!walked) {
    auto error = std::move(walked).error();
    if (error.code != ErrorCode::recipe) return std::unexpected(std::move(error));
    return std::unexpected(std::move(error).with_context("archive " + shown(source.path)));
  }
  if (!found_any) {
    return std::unexpected(Error(ErrorCode::recipe, fmt::format("archive {} has nothing to deploy", shown(source.path)),
                                 source.strip > 0 ? fmt::format("`strip: {}` may be too much for its names", source.strip) : ""));
  }
  return sha256;
}

}  // namespace kirikae::transfer
