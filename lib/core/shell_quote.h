// Shell quoting: the only way a value gets into text that a shell reads.
#pragma once

#include <string>
#include <string_view>

namespace kirikae {

// One POSIX shell word that stands for exactly `value`: single quotes, each ' written as '\''. Newlines stay as they are.
// A NUL byte can't be in a shell word: the caller has refused it before (precondition).
std::string shell_quote(std::string_view value);

// `name=<quoted value>` and a newline.
std::string shell_assign(std::string_view name, std::string_view value);

// Quoted only where it needs to be; for commands shown to people.
std::string shell_word(std::string_view value);

}  // namespace kirikae
