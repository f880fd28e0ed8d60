// GitRepo: a git repository of a test, whatever the configuration of whoever runs the tests says.
//
//   GitRepo repo(folder.path() / "work");
//   repo.write("index.html", "1");
//   const std::string sha = repo.commit("One");
//   repo.git({"tag", "v1"});
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae::test {

class GitRepo {
 public:
  // Made, with `main` checked out, or the one that is there. `format`: by what it names its objects, "sha1" or "sha256".
  explicit GitRepo(std::filesystem::path folder, const std::string& format = "sha1");

  // Output without its line break; throws where git fails.
  std::string git(const std::vector<std::string>& words) const;  // NOLINT(modernize-use-nodiscard)
  void write(std::string_view name, std::string_view content, mode_t mode = 0644) const;
  // Everything that is there; the commit's whole name.
  std::string commit(const std::string& subject) const;  // NOLINT(modernize-use-nodiscard)
  // Another repository as a submodule at `path`, not committed yet.
  void add_submodule(const std::string& url, const std::string& path) const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string url() const { return "file://" + path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace kirikae::test
