#include "host/command.h"

namespace kirikae::host {

// Generated from the *.sh beside this file (cmake/embed_scripts.cmake).
std::string_view embedded_script(std::string_view name);

std::string_view script() {
  static const std::string whole = [] {
    std::string text;
    for (const auto* name :
         {"common", "lock", "control", "facts", "prepare", "receive", "link", "task", "seal", "publish", "log", "prune"}) {
      text += embedded_script(name);
    }
    return text;
  }();
  return whole;
}

// `dd` byte by byte: whatever reads ahead would take the first steps for its own. `sh -s` does.
std::string start_line() {
  return R"(exec /bin/sh -c 'IFS= read -r n; K=$(dd bs=1 count="$n" 2>/dev/null); eval "$K"; kk_serve')";
}

}  // namespace kirikae::host
