// The prose of the help texts: what each verb does, and examples. At most 80 columns.
#pragma once

#include <string_view>

#include "options.h"

namespace kirikae::cmd {

std::string_view verb_description(Verb verb);
std::string_view verb_examples(Verb verb);
std::string_view examples_text();
std::string_view exit_codes_text();

}  // namespace kirikae::cmd
