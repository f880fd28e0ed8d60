// Probe: a run of the program with and without one thing changed. What makes no difference that can be seen is a key or an option
// that is read and then does nothing.
#pragma once

#include <string>
#include <vector>

#include "support/farm.h"

namespace kirikae::test {

struct Probe {
  std::string what;                               // a key's path, or an option
  std::string without{};                          // more keys of the recipe
  std::string with{};                             // of the changed run; empty: the same
  std::vector<std::string> words{"production"};   // of both runs
  std::vector<std::string> more{};                // of the changed run
  std::vector<std::string> instead{};             // its words, where they are not those and some more
  int before = 0;                                 // deploys with the recipe `without` before either run
  std::string hosts{};                            // of the changed recipe; empty: the usual list
};

// What two runs have to be compared by: status, output, and everything on the hosts, without times, ids and sums.
std::string seen_of(const World& world, const Ran& ran);

// Runs both on hosts without a tree, and says what differs: empty where nothing does.
std::string difference(const World& world, const Probe& probe);

}  // namespace kirikae::test
