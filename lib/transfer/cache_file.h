// Small files in the user's cache folder: whole or not there, readable by the user alone, and never needed. Their names are SHA-256s in hex: no
// other name, which a host may have said, is read or written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kirikae::transfer {

// Nothing where it can't be read. Its time is that of the last reading.
std::optional<std::string> read_cache_file(const std::string& folder, const std::string& name);
// mkdir -p, 0700 for each folder that was missing. False: errno says why.
bool make_private_folder(const std::string& folder);
// Makes the folder where it is missing. What fails is not told.
void write_cache_file(const std::string& folder, const std::string& name, std::string_view text);
// Removes all files of `folder` but those `count` that were read or written last.
void keep_newest(const std::string& folder, std::size_t count);

}  // namespace kirikae::transfer
