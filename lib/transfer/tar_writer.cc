#include "transfer/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "transfer/compressor.h"

namespace kirikae::transfer {
namespace {

constexpr std::size_t tar_piece = 131'072;
constexpr int block = 64 * 1024;
constexpr std::int64_t latest = (std::int64_t{1} << 33) - 1;  // what the header's 11 octal digits hold

struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

}  // namespace

struct TarWriter::State {
  explicit State(Compressor to) : compressor(std::move(to)), output(archive_write_new()), entry(archive_entry_new()), buffer(tar_piece) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() {
    if (!ended) {
      // Without fail() the rest of the entry would be made up of zeros, without close() its buffer is never freed.
      abandoned = true;
      archive_write_fail(output);
      archive_write_close(output);
    }
    archive_write_free(output);
  }

  // libarchive's callback; the error waits here until the call returns to us.
  static la_ssize_t write(archive*, void* self, const void* bytes, std::size_t size) {
    auto& state = *static_cast<State*>(self);
    if (state.abandoned) return static_cast<la_ssize_t>(size);
    auto result = state.compressor.write({static_cast<const char*>(bytes), size});
    if (result) return static_cast<la_ssize_t>(size);
    state.error = std::move(result).error();
    archive_set_error(state.output, EIO, "compressor");
    return -1;
  }

  Error failure(std::string_view doing) {
    if (error) return *error;
    const char* text = archive_error_string(output);
    return {ErrorCode::local, fmt::format("{} can't be packed: {}", doing, text != nullptr ? text : "unknown reason")};
  }

  Compressor compressor;
  archive* output;
  std::unique_ptr<archive_entry, EntryDeleter> entry;
  std::vector<char> buffer;
  std::optional<Error> error;
  bool ended = false;      // finish() was called
  bool abandoned = false;  // it won't be: what still comes is dropped
};

TarWriter::TarWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarWriter::TarWriter(TarWriter&&) noexcept = default;
TarWriter& TarWriter::operator=(TarWriter&&) noexcept = default;
TarWriter::~TarWriter() = default;

Result<TarWriter> TarWriter::open(Spool& spool, Packing packing, std::function<bool()> ran_dry) {
  const auto append = [&spool](std::string_view bytes) { return spool.append(bytes); };
  TRY_ASSIGN(auto compressor, Compressor::make(packing, append, std::move(ran_dry)));
  auto state = std::make_unique<State>(std::move(compressor));
  archive* const output = state->output;
  bool ok = archive_write_set_format_gnutar(output) == ARCHIVE_OK;
  ok = ok && archive_write_set_bytes_per_block(output, block) == ARCHIVE_OK &&
       archive_write_set_bytes_in_last_block(output, 1) == ARCHIVE_OK &&
       archive_write_open(output, state.get(), nullptr, &State::write, nullptr) == ARCHIVE_OK;
  if (!ok) return std::unexpected(state->failure("a source"));
  return TarWriter(std::move(state));
}

Result<void> TarWriter::add(const Entry& entry, Content& content, const std::stop_token& stop) {
  TRY(content.open());
  archive_entry* const header = state_->entry.get();
  archive_entry_clear(header);
  archive_entry_copy_pathname(header, entry.path.c_str());
  archive_entry_set_mtime(header, std::clamp<std::int64_t>(entry.mtime, 0, latest), 0);
  archive_entry_set_size(header, 0);
  archive_entry_set_perm(header, entry.mode);
  switch (entry.kind) {
    case Entry::Kind::file:
      archive_entry_set_filetype(header, AE_IFREG);
      archive_entry_set_size(header, static_cast<la_int64_t>(entry.size));
      break;
    case Entry::Kind::directory:
      archive_entry_set_filetype(header, AE_IFDIR);
      break;
    case Entry::Kind::symlink:
      archive_entry_set_filetype(header, AE_IFLNK);
      archive_entry_copy_symlink(header, entry.target.c_str());
      break;
    case Entry::Kind::hard_link:
      archive_entry_set_filetype(header, AE_IFREG);
      archive_entry_copy_hardlink(header, entry.target.c_str());
      break;
  }
  if (archive_write_header(state_->output, header) != ARCHIVE_OK)
    return std::unexpected(state_->failure(shown(entry.path)));
  if (entry.kind != Entry::Kind::file) return {};
  for (;;) {
    if (stop.stop_requested()) return std::unexpected(cancelled_error());
    TRY_ASSIGN(const std::size_t size, content.read(state_->buffer));
    if (size == 0) return {};
    if (archive_write_data(state_->output, state_->buffer.data(), size) != static_cast<la_ssize_t>(size)) {
      return std::unexpected(state_->failure(shown(entry.path)));
    }
  }
}

Result<void> TarWriter::finish() {
  state_->ended = true;
  if (archive_write_close(state_->output) != ARCHIVE_OK) return std::unexpected(state_->failure("the source"));
  return state_->compressor.finish();
}

}  // namespace kirikae::transfer
