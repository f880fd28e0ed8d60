// The live lines of a terminal: a board as text for a screen of some size.
#pragma once

#include <vector>

#include "ui/board.h"
#include "ui/strip.h"
#include "ui/terminal.h"

namespace kirikae::ui {

// A heading, the phases with their counts, the upload as a whole, then hosts: where they all fit one line each, else
// the failed ones with their reasons (equal ones folded), the slowest at work, and how many more there are. `now`:
// seconds since the run began. The last column and the last row stay free.
std::vector<Strip> board_lines(const Board& board, Size size, double now, const Palette& palette);

}  // namespace kirikae::ui
