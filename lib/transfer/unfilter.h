// Unfilter: what a bzip2, xz or zstd file unpacks to, down to its end, behind which its last sum stands.
#pragma once

#include <archive.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/error.h"

namespace kirikae::transfer {

class Unfilter {
 public:
  // The file's next bytes; 0: its end.
  using Fill = std::function<Result<std::size_t>(std::span<char>)>;
  // Null where the file is packed in none of these ways; some of it has been taken nevertheless. Errors: recipe (damaged), those of `fill`.
  static Result<std::unique_ptr<Unfilter>> open(Fill fill);

  // How many bytes were put into `out`; 0: the end, and all of it was whole. Errors: as open().
  Result<std::size_t> read(std::span<char> out);

 private:
  explicit Unfilter(Fill fill);
  static la_ssize_t on_read(archive*, void* data, const void** bytes);
  Error failure();

  Fill fill_;
  std::vector<char> buffer_;
  std::optional<Error> error_;  // of `fill`
  std::unique_ptr<archive, int (*)(archive*)> input_;
};

}  // namespace kirikae::transfer
