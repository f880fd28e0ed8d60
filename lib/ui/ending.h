// The end of a run as people read it: the table of the hosts, and the errors with what to do about them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/error.h"
#include "event/outcome.h"
#include "ui/ci.h"
#include "ui/terminal.h"

namespace kirikae::ui {

// Host, state, release, seconds, bytes, error, and a last line that sums the run up. Of more than twelve hosts those that
// ended alike share a row: how many, the fewest and the most seconds, the sum of the bytes
// where nothing failed. Lines end with a newline.
// `columns`: how wide a line may be, 0: as wide as it gets. The last line alone for a run that never came to its hosts.
std::string end_table(const event::Report& report, std::size_t columns, const Palette& palette);

// Errors as they stand last on standard error, each with its hint; one that many hosts share is one, and names them all. An annotation each
// where a CI system shows those.
std::string errors_text(const std::vector<Error>& errors, Ci ci = Ci::none);

// All errors of a report, then the commands that a person may need. Empty where all is well.
std::string problems_text(const event::Report& report, Ci ci = Ci::none);

// `[web[1-3]]`, or the first names and a count where that would be long.
std::string names_text(const std::vector<std::string>& names);

// "deploy shop to production", "rollback shop on production".
std::string title_text(const std::string& verb, const std::string& application, const std::string& stage);

// "0.4 s", "2 min 05 s".
std::string seconds_text(double seconds);

}  // namespace kirikae::ui
