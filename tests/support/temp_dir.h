// TempDir: a private folder that lives as long as the object.
//
//   TempDir folder;
//   folder.write("app/index.html", "hello\n");
//   std::string text = folder.read("app/index.html");
//
// It stays for inspection, and its path is printed, where the test leaves by a failed REQUIRE or an exception, where keep()
// was called, or where KIRIKAE_KEEP is set in the environment.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace kirikae::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return (path_ / name).string(); }

  // Writes a file, with the folders above it; returns its path. Throws where that fails, so that a test fails.
  std::string write(std::string_view name, std::string_view content, mode_t mode = 0644) const;
  [[nodiscard]] std::string read(std::string_view name) const;
  void keep() { keep_ = true; }

 private:
  std::filesystem::path path_;
  int exceptions_ = 0;
  bool keep_ = false;
};

}  // namespace kirikae::test
