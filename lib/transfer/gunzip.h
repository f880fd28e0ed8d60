// Gunzip: what a gzip file unpacks to, with the sum and the length of each of its members looked at.
#pragma once

#include <zlib.h>

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::transfer {

Error damaged_archive(std::string_view why);

class Gunzip {
 public:
  // The file's next bytes; 0: its end.
  using Fill = std::function<Result<std::size_t>(std::span<char>)>;
  explicit Gunzip(Fill fill);
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  Gunzip(Gunzip&&) = delete;
  Gunzip& operator=(Gunzip&&) = delete;
  ~Gunzip();

  // How many bytes were put into `out`; 0: the end, and all of it was whole. Errors: recipe (damaged or cut short), local (no memory), those of
  // `fill`.
  Result<std::size_t> read(std::span<char> out);

 private:
  // False at the end of the file.
  Result<bool> refill();

  Fill fill_;
  std::vector<char> buffer_;
  z_stream stream_{};
  bool ready_;
  bool between_ = true;  // before a member, or behind the last one
  bool any_ = false;     // member has ended
};

}  // namespace kirikae::transfer
