// Takes secrets out of everything that an event or a report says.
#pragma once

#include "core/redactor.h"
#include "event/event.h"

namespace kirikae::event {

void redact(Error& error, const Redactor& redactor);
void redact(Report& report, const Redactor& redactor);
void redact(Any& what, const Redactor& redactor);

}  // namespace kirikae::event
