#include <fmt/format.h>

#include "host/command.h"

namespace kirikae::host {

// Generated from the *.sh beside this file (cmake/embed_scripts.cmake).
std::string_view embedded_script(std::string_view name);
std::string path_function();  // command.cc

namespace {

// Whatever reads ahead would take the first steps for its own; `sh -s` does. `dd` reads exactly so many bytes in one go where it
// knows `fullblock` (GNU, busybox), and elsewhere fails before it has read any; then byte by byte.
constexpr std::string_view read_script =
    R"(IFS= read -r n; )"
    R"(K=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null || dd bs=1 count="$n" 2>/dev/null || echo echo there is no dd); eval "$K"; kk_serve)";

}  // namespace

std::string_view script() {
  static const std::string whole = [] {
    std::string text = path_function();
    for (const auto* name :
         {"fail", "common", "lock", "control", "worker", "facts", "prepare", "receive", "link", "template", "seal", "publish", "log", "prune"}) {
      text += embedded_script(name);
    }
    return text;
  }();
  return whole;
}

std::string start_line() { return "exec /bin/sh -c '" + std::string(read_script) + "'"; }

// What comes is read as it is, and shown to nobody. A signal is for the step.
std::string terminal_line() {
  return fmt::format("exec /bin/sh -c 'stty raw -echo || exit; trap : HUP INT TERM; echo {}; exec 2>/dev/null; {}'", terminal_ready, read_script);
}

// In it are no quotes, backslashes before quotes, newlines or `!`, which csh and fish read in their own ways.
std::string interactive_line(const release::Layout& layout) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  std::string folder;
  for (const char c : layout.root()) {
    if (plain.find(c) != std::string_view::npos) {
      folder += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      for (const int digit : {byte >> 6, (byte >> 3) & 7, byte & 7}) folder += std::to_string(digit);
      folder.insert(folder.size() - 3, "\\0");
    }
  }
  return "exec /bin/sh -c 'd=$(printf %b \"" + folder +
         "\"); cd \"$d/current\" 2>/dev/null || cd \"$d\" 2>/dev/null || cd; exec \"${SHELL:-/bin/sh}\" -l'";
}

}  // namespace kirikae::host
