// A file's bytes, whole.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace kirikae::test {

// Empty where it can't be read, also where the process that it tells of ends meanwhile.
inline std::string file_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // unlike iterators, it does not throw where the process goes away while it is read
  return text.str();
}

}  // namespace kirikae::test
