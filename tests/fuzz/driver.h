// A fuzz target: a file of this folder that defines these two. driver.cc has main().
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kirikae::fuzz {

// Valid input, and input that is interesting; mutated and mixed by the driver.
std::vector<std::string> seeds();

// One run. What must not happen: a crash, an exception, more than a few seconds, or a false `must`.
void try_input(std::string_view input);

// Ends the program, with the input in a file, unless `holds`.
void must(bool holds, const char* what);

}  // namespace kirikae::fuzz
