#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <initializer_list>
#include <new>
#include <utility>

#include "core/shell_quote.h"
#include "host/command.h"

namespace kirikae::host {

// Generated from the *.sh beside this file (cmake/embed_scripts.cmake).
std::string_view embedded_script(std::string_view name);
std::string path_function();  // command.cc

namespace {

// Whatever reads ahead would take the first steps for its own; `sh -s` does. `dd` reads exactly so many bytes in one go where it
// knows `fullblock` (GNU, busybox), and elsewhere fails before it has read any; then byte by byte.
// What it says is written here in two parts: rc files may show the whole line (set -x), which says nothing then.
// Where nobody has given it a standard error, what goes there is shown to nobody.
constexpr std::string_view read_script =
    R"(kk_r() { IFS= read -r n; dd bs="$n" count=1 iflag=fullblock 2>/dev/null || dd bs=1 count="$n" 2>/dev/null; }; )"
    R"(true >&2 || exec 2>/dev/null; )"
    R"(K=$(kk_r | gzip -dc 2>/dev/null) || K=; )"
    R"(case $K in "") echo; echo kirikae"-plain"; )"
    R"(while IFS= read -r n; do case $n in kirikae"-plain") break ;; esac; done; K=$(kk_r || echo echo there is no dd) ;; esac; )"
    R"(eval "$K"; kk_serve)";

std::string embedded(std::initializer_list<std::string_view> names) {
  std::string text;
  for (const auto name : names) text += embedded_script(name);
  return text;
}

// Digits and blanks: how many bytes follow at a terminal, where bash's `read` takes more than a line.
constexpr int terminal_head = 10;

constexpr int gzip_format = 16;  // for zlib's window bits

// What every step may call, a recipe's task as well.
std::string base() { return path_function() + embedded({"fail", "common", "guard", "task"}); }

}  // namespace

std::string_view control_script() {
  static const std::string whole = [] {
    // Texts that it hands on, so that no shell has to read more than it needs.
    return shell_assign("kk_base_script", base()) +
           shell_assign("kk_call_script", embedded({"worker", "lock", "unseen", "facts", "prepare", "link", "seal", "publish", "log", "prune"})) +
           "eval \"$kk_base_script\"\n" + embedded({"serve", "tell", "group", "pulse", "control"});
  }();
  return whole;
}

std::string_view data_script() {
  static const std::string whole = base() + embedded({"serve", "prepare", "receive", "rebuild", "link", "seal"});
  return whole;
}

// Some 30 KB would not fit into what TCP sends before the first answer; a third of that does.
std::string packed(std::string_view script) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + gzip_format, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string bytes(deflateBound(&stream, script.size()), '\0');
  std::string input(script);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  deflate(&stream, Z_FINISH);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return fmt::format("{}\n{}", bytes.size(), bytes);
}

std::optional<std::string> unpacked_answer(std::string answer, std::size_t most) {
  if (!answer.starts_with("\x1f\x8b")) return answer.size() <= most ? std::optional(std::move(answer)) : std::nullopt;
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + gzip_format) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(answer.data());
  stream.avail_in = static_cast<uInt>(answer.size());
  std::string text;
  std::array<char, 65536> piece;
  int result = Z_OK;
  while (result == Z_OK && text.size() <= most) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    result = inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || text.size() > most) return std::nullopt;
  return text;
}

std::string plain(std::string_view script) { return fmt::format("\n{}\n{}\n{}", plain_wanted, script.size(), script); }

std::string start_line() { return "exec /bin/sh -c '" + std::string(read_script) + "'"; }

// What comes is read as it is, and shown to nobody. A signal is for the step.
std::string terminal_line() {
  constexpr std::size_t half = 7;  // in two parts, as above
  return fmt::format("exec /bin/sh -c 'stty raw -echo || exit; trap : HUP INT TERM; echo {}\"{}\"; exec 2>/dev/null; n=$(dd bs=1 count={}); "
                     "K=$(dd bs=$n count=1 iflag=fullblock || dd bs=1 count=$n); eval \"$K\"; kk_serve_at_terminal'",
                     terminal_ready.substr(0, half), terminal_ready.substr(half), terminal_head);
}

std::string at_terminal(std::string_view script, std::string_view nonce, std::uint64_t id, std::string_view text) {
  const std::string all = std::string(script) + shell_assign("kk_nonce", nonce) + shell_assign("kk_id", std::to_string(id)) + shell_assign("kk_text", text);
  return fmt::format("{:<{}}{}", all.size(), terminal_head, all);
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
