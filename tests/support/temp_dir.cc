#include "support/temp_dir.h"

#include <sys/stat.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace kirikae::test {

TempDir::TempDir() : exceptions_(std::uncaught_exceptions()) {
  std::string name = (std::filesystem::temp_directory_path() / "kirikae-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
}

TempDir::~TempDir() {
  if (keep_ || std::uncaught_exceptions() > exceptions_ || std::getenv("KIRIKAE_KEEP") != nullptr) {
    std::cerr << "kept: " << path_.string() << '\n';
    return;
  }
  // Tests make folders that nobody may enter.
  std::error_code failed;
  std::filesystem::remove_all(path_, failed);
  if (!failed) return;
  for (auto entry = std::filesystem::recursive_directory_iterator(
           path_, std::filesystem::directory_options::skip_permission_denied, failed);
       !failed && entry != std::filesystem::recursive_directory_iterator(); entry.increment(failed)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) ::chmod(entry->path().c_str(), 0700);
  }
  std::filesystem::remove_all(path_, failed);
}

std::string TempDir::write(std::string_view name, std::string_view content, mode_t mode) const {
  const auto file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out || ::chmod(file.c_str(), mode) != 0) throw std::runtime_error("can't write " + file.string());
  return file.string();
}

std::string TempDir::read(std::string_view name) const {
  std::ifstream in(path_ / name, std::ios::binary);
  if (!in) throw std::runtime_error("can't read " + (path_ / name).string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace kirikae::test
