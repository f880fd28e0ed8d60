#include "transfer/unfilter.h"

#include <archive_entry.h>

#include <utility>

#include "transfer/gunzip.h"

namespace kirikae::transfer {

Unfilter::Unfilter(Fill fill) : fill_(std::move(fill)), buffer_(128 * 1024), input_(archive_read_new(), &archive_read_free) {}

Result<std::unique_ptr<Unfilter>> Unfilter::open(Fill fill) {
  std::unique_ptr<Unfilter> made(new Unfilter(std::move(fill)));
  archive* const input = made->input_.get();
  archive_read_support_filter_bzip2(input);
  archive_read_support_filter_xz(input);
  archive_read_support_filter_zstd(input);
  archive_read_support_format_raw(input);
  archive_read_set_callback_data(input, made.get());
  archive_read_set_read_callback(input, &Unfilter::on_read);
  if (archive_read_open1(input) != ARCHIVE_OK) return std::unexpected(made->failure());
  if (archive_filter_count(input) < 2) return nullptr;  // one is the file itself
  archive_entry* header = nullptr;
  if (archive_read_next_header(input, &header) != ARCHIVE_OK) return std::unexpected(made->failure());
  return made;
}

Result<std::size_t> Unfilter::read(std::span<char> out) {
  const auto got = archive_read_data(input_.get(), out.data(), out.size());
  if (got < 0) return std::unexpected(failure());
  return static_cast<std::size_t>(got);
}

la_ssize_t Unfilter::on_read(archive*, void* data, const void** bytes) {
  Unfilter& self = *static_cast<Unfilter*>(data);
  auto got = self.fill_(self.buffer_);
  if (!got) {
    self.error_ = std::move(got).error();
    return ARCHIVE_FATAL;
  }
  *bytes = self.buffer_.data();
  return static_cast<la_ssize_t>(*got);
}

Error Unfilter::failure() {
  if (error_) return *error_;
  const char* text = archive_error_string(input_.get());
  return damaged_archive(text != nullptr ? text : "unknown reason");
}

}  // namespace kirikae::transfer
