// The report of a run: one HTML page that needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "ui/run_record.h"

namespace kirikae::ui {

// What a record without an end is: its run goes on, or has ended without a word (it was killed).
enum class Unended { under_way, died };

std::string report_html(const RunRecord& record, Unended unended);

// The style of the page.
std::string_view report_style();

// `done`, `rolled back` …, as people read it.
std::string outcome_text(const RunRecord& record, Unended unended);

}  // namespace kirikae::ui
