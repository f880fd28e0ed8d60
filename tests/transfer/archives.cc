#include "transfer/archives.h"

#include "support/catch.h"

namespace kirikae::test {

Item soft_link(const std::string& path, const std::string& target) { return {path, "", 0777, AE_IFLNK, target}; }
Item folder_item(const std::string& path, unsigned mode) { return {path, "", mode, AE_IFDIR, ""}; }
Item hard_link(const std::string& path, const std::string& target) { return {path, "", 0644, AE_IFREG, target}; }

std::string make_archive(const std::string& path, const std::string& how, const std::vector<Item>& items) {
  archive* out = archive_write_new();
  if (how.ends_with("zip")) {
    archive_write_set_format_zip(out);
    if (how == "locked.zip") {
      REQUIRE(archive_write_set_options(out, "zip:encryption=zipcrypt") == ARCHIVE_OK);
      REQUIRE(archive_write_set_passphrase(out, "word") == ARCHIVE_OK);
    }
  } else if (how == "pax") {
    archive_write_set_format_pax(out);
  } else {
    archive_write_set_format_gnutar(out);
  }
  if (how == "tar.gz") archive_write_add_filter_gzip(out);
  if (how == "tar.bz2") archive_write_add_filter_bzip2(out);
  if (how == "tar.xz") archive_write_add_filter_xz(out);
  if (how == "tar.zst") archive_write_add_filter_zstd(out);
  REQUIRE(archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK);
  for (const auto& item : items) {
    archive_entry* entry = archive_entry_new();
    archive_entry_copy_pathname(entry, item.path.c_str());
    archive_entry_set_filetype(entry, item.type);
    archive_entry_set_perm(entry, static_cast<__LA_MODE_T>(item.mode));
    archive_entry_set_mtime(entry, 1'700'000'000, 0);
    archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    archive_entry_set_uid(entry, 1234);
    archive_entry_copy_uname(entry, "somebody");
    if (!item.link.empty() && item.type == AE_IFLNK) archive_entry_copy_symlink(entry, item.link.c_str());
    if (!item.link.empty() && item.type == AE_IFREG) archive_entry_copy_hardlink(entry, item.link.c_str());
    REQUIRE(archive_write_header(out, entry) >= ARCHIVE_WARN);  // a pax name that is no ASCII
    if (!item.content.empty()) REQUIRE(archive_write_data(out, item.content.data(), item.content.size()) > 0);
    archive_entry_free(entry);
  }
  REQUIRE(archive_write_close(out) == ARCHIVE_OK);
  archive_write_free(out);
  return path;
}

}  // namespace kirikae::test
