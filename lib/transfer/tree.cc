#include "transfer/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/fd.h"
#include "transfer/ignore.h"

namespace kirikae::transfer {
namespace {

constexpr const char* exclude_hint = "add it to `exclude`, or make it readable";

Error tree_error(const std::string& path, std::string_view what, int number, std::string hint = {}) {
  return {ErrorCode::local, fmt::format("{} {}: {}", shown(path), what, std::generic_category().message(number)),
          std::move(hint)};
}

// Between the listing and the reading of an entry.
Error entry_error(const std::string& path, int number) {
  if (number == ENOENT) {
    return {ErrorCode::local, fmt::format("{} vanished while the source was being read", shown(path)),
            wait_for_the_build};
  }
  return tree_error(path, "can't be read", number, number == EACCES || number == EPERM ? exclude_hint : "");
}

Error changed_error(const std::string& path) {
  return {ErrorCode::local, fmt::format("{} changed while it was being read", shown(path)), wait_for_the_build};
}

const char* kind_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFSOCK:
      return "socket";
    case S_IFIFO:
      return "fifo";
    case S_IFBLK:
      return "block device";
    case S_IFCHR:
      return "character device";
    default:
      return "thing of an unknown kind";
  }
}

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

class FileContent : public Content {
 public:
  // `name` is looked up in `folder`; `path` is what it is called.
  FileContent(int folder, std::string name, std::string path, const struct stat& listed)
      : folder_(folder), name_(std::move(name)), path_(std::move(path)), listed_(listed) {}

  Result<void> open() override {
    // Without blocking, for something else may have taken its place.
    file_ = Fd(::openat(folder_, name_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file_.valid()) return std::unexpected(errno == ELOOP ? changed_error(path_) : entry_error(path_, errno));
    return unchanged();
  }

  Result<std::size_t> read(std::span<char> buffer) override {
    ssize_t got = 0;
    do {
      got = ::read(file_.get(), buffer.data(), buffer.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return std::unexpected(entry_error(path_, errno));
    done_ += static_cast<std::uint64_t>(got);
    const auto size = static_cast<std::uint64_t>(listed_.st_size);
    if (done_ > size || (got == 0 && done_ != size)) return std::unexpected(changed_error(path_));
    if (got == 0) TRY(unchanged());
    return static_cast<std::size_t>(got);
  }

  [[nodiscard]] const struct stat* listed() const override { return &listed_; }

 private:
  Result<void> unchanged() {
    struct stat now = {};
    if (::fstat(file_.get(), &now) != 0) return std::unexpected(entry_error(path_, errno));
    const bool same = now.st_dev == listed_.st_dev && now.st_ino == listed_.st_ino && now.st_size == listed_.st_size &&
                      (now.st_mode & S_IFMT) == (listed_.st_mode & S_IFMT) && same_time(now.st_mtim, listed_.st_mtim);
    if (!same) return std::unexpected(changed_error(path_));
    return {};
  }

  int folder_;
  const std::string name_, path_;
  const struct stat listed_;
  Fd file_;
  std::uint64_t done_ = 0;
};

class NoContent : public Content {
 public:
  Result<void> open() override { return {}; }
  Result<std::size_t> read(std::span<char>) override { return std::size_t{0}; }
};

Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
  const int own = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);  // closedir closes it
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(own < 0 ? nullptr : ::fdopendir(own), &::closedir);
  if (!stream) {
    const int number = errno;
    const Fd closed(own);
    return std::unexpected(entry_error(path, number));
  }
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return std::unexpected(entry_error(path, errno));
  std::ranges::sort(names);
  return names;
}

class Walk {
 public:
  Walk(const recipe::DirectorySource& source, const std::stop_token& stop, const Visit& visit)
      : prefix_(source.path.size() + 1), rules_(source.excludes), stop_(stop), visit_(visit) {}

  // What lies in `folder`, whose whole path is `path`.
  Result<void> inside(const Fd& folder, const std::string& path) {
    TRY_ASSIGN(const auto names, names_in(folder.get(), path));
    for (const auto& name : names) {
      if (stop_.stop_requested()) return std::unexpected(cancelled_error());
      TRY(one(folder, name, fmt::format("{}/{}", path, name)));
    }
    return {};
  }
  [[nodiscard]] bool found_any() const { return found_any_; }

 private:
  Result<void> one(const Fd& folder, const std::string& name, const std::string& path) {
    struct stat info = {};
    if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return std::unexpected(entry_error(path, errno));
    const auto inner = std::string_view(path).substr(prefix_);
    if (rules_.excludes(inner, S_ISDIR(info.st_mode))) return {};
    found_any_ = true;
    Entry entry;
    entry.path = inner;
    entry.mode = kept_mode(info.st_mode, S_ISDIR(info.st_mode));
    entry.mtime = info.st_mtim.tv_sec;
    NoContent none;
    switch (info.st_mode & S_IFMT) {
      case S_IFREG: {
        entry.size = static_cast<std::uint64_t>(info.st_size);
        FileContent content(folder.get(), name, path, info);
        return visit_(entry, content);
      }
      case S_IFDIR: {
        entry.kind = Entry::Kind::directory;
        const Fd below(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!below.valid()) {
          const bool replaced = errno == ENOTDIR || errno == ELOOP;
          return std::unexpected(replaced ? changed_error(path) : entry_error(path, errno));
        }
        TRY(visit_(entry, none));
        return inside(below, path);
      }
      case S_IFLNK: {
        entry.kind = Entry::Kind::symlink;
        TRY_ASSIGN(entry.target, target_of(folder, name, path));
        return visit_(entry, none);
      }
      default:
        return std::unexpected(Error(
            ErrorCode::local, fmt::format("{} is a {}, which can't be deployed", shown(path), kind_name(info.st_mode)),
            "remove it, or add it to `exclude`"));
    }
  }

  static Result<std::string> target_of(const Fd& folder, const std::string& name, const std::string& path) {
    std::string target(4096, '\0');  // the longest that Linux can make is a byte shorter
    const auto size = ::readlinkat(folder.get(), name.c_str(), target.data(), target.size());
    if (size < 0) return std::unexpected(errno == EINVAL ? changed_error(path) : entry_error(path, errno));
    target.resize(static_cast<std::size_t>(size));
    return target;
  }

  const std::size_t prefix_;  // of whole paths: the source's own and a slash
  const IgnoreRules rules_;
  const std::stop_token& stop_;
  const Visit& visit_;
  bool found_any_ = false;
};

}  // namespace

Result<void> walk_tree(const recipe::DirectorySource& source, const std::stop_token& stop, const Visit& visit) {
  const Fd root(::open(source.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    const int number = errno;
    const std::string name = "source directory " + shown(source.path);
    if (number == ENOENT) {
      return std::unexpected(Error(ErrorCode::recipe, name + " does not exist",
                                   "build it first, or correct `source: directory` in the recipe"));
    }
    if (number == ENOTDIR) {
      return std::unexpected(
          Error(ErrorCode::recipe, name + " is no directory", "for a packed one use `source: archive`"));
    }
    return std::unexpected(
        Error(ErrorCode::local, fmt::format("{} can't be read: {}", name, std::generic_category().message(number))));
  }
  Walk walk(source, stop, visit);
  TRY(walk.inside(root, source.path));
  if (!walk.found_any()) {
    return std::unexpected(Error(ErrorCode::recipe,
                                 fmt::format("source directory {} has nothing to deploy", shown(source.path)),
                                 "build it first, or correct `exclude` in the recipe"));
  }
  return {};
}

std::unique_ptr<Content> content_of(std::string path, const struct stat& listed) {
  return std::make_unique<FileContent>(AT_FDCWD, path, path, listed);
}

}  // namespace kirikae::transfer
