// A tree of odd content at random: names that shells, tars and terminals stumble over, empty files and folders, holes, links to anything.
#pragma once

#include <string>

#include "support/dice.h"

namespace kirikae::test {

// Makes the folder `path`; it may stay empty. Folders have modes that let their owner in, and times as all else has.
void grow_tree(Dice& dice, const std::string& path);

}  // namespace kirikae::test
