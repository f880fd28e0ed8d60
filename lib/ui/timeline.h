// The timeline of a run: a row for each host, a bar for each step, as SVG within a page.
#pragma once

#include "ui/html.h"
#include "ui/run_record.h"

namespace kirikae::ui {

// Colours come from the page's style: the classes p-connect, p-upload …, bad, open.
void write_timeline(Html& html, const RunRecord& record);

}  // namespace kirikae::ui
