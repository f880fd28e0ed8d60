// Takes secrets out of everything that an event or a report says.
#pragma once

#include "core/redactor.h"
#include "event/event.h"

namespace kirikae::event {

// Texts are taken to be whole: what is cut was rid of secrets before, or is an error's message, and `message` says so.
void redact(Error& error, const Redactor& redactor, Redactor::End message = Redactor::End::whole);
void redact(Report& report, const Redactor& redactor);
void redact(Any& what, const Redactor& redactor);

}  // namespace kirikae::event
