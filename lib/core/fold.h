// Short words for people: many host names in one, sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kirikae {

// `web[1-3] db1`: names that differ in one number only are folded, in the order of the first of each; a number keeps its zeros
// (`app[01-12]`). Names without a number stay as they are. Separated by blanks.
std::string fold_names(const std::vector<std::string>& names);

// "0 B", "999 B", "1.2 kB", "5.1 MB", "1.0 GB": powers of 1000.
std::string size_text(std::uint64_t bytes);

// How many bytes of a text to keep where `longest` are too many: not a part of a UTF-8 character, if it is UTF-8.
std::size_t whole_characters(std::string_view text, std::size_t longest);

// A revision as tables show it: the beginning of a checksum or a commit, and whether it is -dirty; any other text, 40 bytes of it at most.
std::string short_revision(const std::string& revision);

}  // namespace kirikae
