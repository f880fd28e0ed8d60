#include "core/redactor.h"

#include <algorithm>
#include <utility>

#include "core/escape.h"
#include "core/secret.h"

namespace kirikae {
namespace {

// The forms that have a trie each.
enum : std::size_t { decoded, base64, plain };
// A text is read twice: as it stands, since what looks like an escape sequence may hold a secret or be the end of one, and as a terminal
// shows it. Each reading has two views, decoded and base64; `plain` sees bytes as they stand.
enum : std::size_t { as_it_stands, as_shown };

// What a terminal makes no letter of: a bell, too.
constexpr bool is_blank(unsigned char c) { return c == ' ' || c == '\a' || (c >= '\t' && c <= '\r'); }

constexpr int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::size_t longest_escape = std::size_t{16} << 10U;  // as a line is at most where it is shown

// Without escape sequences, and without blanks but those that `keeps` keeps.
template <class Keeps>
void strip(std::string_view text, std::string& bare, Keeps keeps) {
  while (!text.empty()) {
    if (const auto escape = escape_size(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    if (!is_blank(static_cast<unsigned char>(text.front()))) {
      bare += text.front();
    } else {
      keeps(text.front(), bare);
    }
    text.remove_prefix(1);
  }
}

std::string_view without_outer_blanks(std::string_view text) {
  while (!text.empty() && is_blank(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && is_blank(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// Text that is wiped when it goes.
struct Wiped {
  std::string text;
  explicit Wiped(std::size_t room) { text.reserve(room); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { wipe(text.data(), text.size()); }
};

// As `echo` of many shells and readers of JSON print it.
void expand_escapes(std::string_view text, std::string& expanded) {
  constexpr std::string_view letters = "ntr\\", meant = "\n\t\r\\";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto which = text[i] == '\\' && i + 1 < text.size() ? letters.find(text[i + 1]) : std::string_view::npos;
    expanded += which == std::string_view::npos ? text[i] : meant[which];
    if (which != std::string_view::npos) ++i;
  }
}

// Takes the last character back, as far as the line goes.
void take_back(std::string& text, std::size_t line) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (text.size() == line) return;
  std::size_t at = text.size() - 1;
  while (at > line && text.size() - at < 4 && (byte(at) & 0xc0U) == 0x80) --at;
  const std::size_t size = byte(at) >= 0xf0 ? 4 : byte(at) >= 0xe0 ? 3 : byte(at) >= 0xc0 ? 2 : 1;
  text.resize(text.size() - at == size ? at : text.size() - 1);
}

// What a terminal shows of it in the end: `man` strikes letters over to have them bold.
std::string without_backspaces(std::string_view text) {
  std::string left;
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t used = std::max<std::size_t>(escape_size(text), 1);
    if (text.front() == '\b') {
      take_back(left, line);
    } else if (used == 1 && text.front() != '\a') {
      left += text.front();
      if (text.front() == '\n' || text.front() == '\r') line = left.size();
    }
    text.remove_prefix(used);
  }
  return left;
}

// Base64 of `text` when `before` other bytes stand in front of it: the digits that depend on `text` alone.
void base64_digits(std::string_view text, std::size_t before, std::string& digits) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t first = before * 8, end = first + text.size() * 8;
  for (std::size_t bit = (first + 5) / 6 * 6; bit + 6 <= end; bit += 6) {
    unsigned value = 0;
    for (std::size_t i = bit - first; i < bit - first + 6; ++i) {
      value = value << 1U | (static_cast<unsigned char>(text[i / 8]) >> (7 - i % 8) & 1U);
    }
    digits += alphabet[value];
  }
}

}  // namespace

bool Redactor::can_mask(std::string_view secret) {
  Wiped bare(secret.size());
  strip(secret, bare.text, [](char, std::string&) {});
  return bare.text.size() >= least;
}

void Redactor::add_text(std::string_view text) {
  if (!can_mask(text)) return;
  Wiped all(text.size()), bare(text.size()), form(text.size());
  for (const char c : text) {
    if (!is_blank(static_cast<unsigned char>(c))) all.text += c;
  }
  strip(text, bare.text, [](char, std::string&) {});
  strip(text, form.text, [](char blank, std::string& kept) { kept += blank == ' ' ? "+" : ""; });  // as web forms send it
  tries_[plain].add(all.text);
  tries_[decoded].add(bare.text);
  tries_[decoded].add(form.text);
  for (const std::string_view each : {text, without_outer_blanks(text)}) {  // a shell takes a last newline off
    for (const std::size_t before : {0U, 1U, 2U}) {
      Wiped digits(each.size() * 4 / 3 + 4);
      base64_digits(each, before, digits.text);
      tries_[base64].add(digits.text);
    }
  }
}

void Redactor::add_with_lines(std::string_view text) {
  add_text(text);
  if (text.find('\n') == std::string_view::npos) return;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    add_text(text.substr(from, end - from));
    from = end + 1;
  }
}

void Redactor::add(std::string_view secret) {
  add_with_lines(secret);
  if (secret.find("\\n") != std::string_view::npos) {
    Wiped expanded(secret.size());
    expand_escapes(secret, expanded.text);
    add_with_lines(expanded.text);
  }
  for (PatternTrie& trie : tries_) trie.link();
  empty_ = false;
  for (unsigned i = 0; i < dull_.size(); ++i) {
    const auto byte = static_cast<unsigned char>(i);
    const unsigned char digit = byte == '-' ? '+' : byte == '_' ? '/' : byte;
    dull_[i] = byte != '%' && byte != '\x1b' && !tries_[plain].begins_with(byte) && !tries_[decoded].begins_with(byte) &&
               !tries_[base64].begins_with(digit);
  }
}

std::string Redactor::redact(std::string_view text, End end) const {
  if (empty_) return std::string(text);
  std::string result = masked(text, end);
  if (result.find('\b') == std::string::npos) return result;
  const std::string left = without_backspaces(result);
  std::string again = masked(left, end);
  return again == left ? result : again;
}

std::string Redactor::masked(std::string_view text, End end) const {
  RedactorStream stream(*this);
  std::string result = stream.add(text);
  result += stream.end(end);
  return result;
}

std::string RedactorStream::add(std::string_view bytes) {
  if (redactor_.empty()) return std::string(bytes);
  std::string shown;
  while (!bytes.empty()) {
    if (held_.empty() && idle()) {  // most text has nothing to do with secrets
      const auto next = std::find_if(bytes.begin(), bytes.end(),
                                     [&](char c) { return !redactor_.is_dull(static_cast<unsigned char>(c)); });
      const auto count = static_cast<std::size_t>(next - bytes.begin());
      shown += bytes.substr(0, count);
      base_ += count;
      bytes.remove_prefix(count);
      if (bytes.empty()) break;
    }
    held_ += bytes.front();
    take(static_cast<unsigned char>(bytes.front()), base_ + held_.size() - 1);
    bytes.remove_prefix(1);
    if (const auto safe = safe_end(); safe > base_) shown += release(safe);
    if (held_.size() > most_held) shown += pause();
  }
  return shown;
}

bool RedactorStream::idle() const {
  return escape_.empty() && std::all_of(percent_.begin(), percent_.end(), [](const auto& waiting) { return waiting.empty(); }) &&
         std::all_of(views_.begin(), views_.end(), [](const View& view) { return view.state == 0; });
}

void RedactorStream::take(unsigned char byte, std::uint64_t at) {
  if (!is_blank(byte)) see(plain_view, byte, at, at + 1);
  feed(as_it_stands, byte, at);
  skip_escapes(byte, at);
}

// Colours, links and movements stand between the bytes of a secret as blanks do: `grep --color` puts them there.
void RedactorStream::skip_escapes(unsigned char byte, std::uint64_t at) {
  if (!escape_.empty()) {
    const auto step = escape_.size() < longest_escape ? sequence_.next(byte) : EscapeSequence::Step::broken;
    if (step == EscapeSequence::Step::last) return escape_.clear();
    if (step == EscapeSequence::Step::inside) return escape_.push_back({byte, at});
    undo_escape();
    return skip_escapes(byte, at);
  }
  if (byte != '\x1b') return feed(as_shown, byte, at);
  sequence_ = {};
  escape_.push_back({byte, at});
}

// It was none. The ESC that broke it may begin another one.
void RedactorStream::undo_escape() {
  auto waiting = std::exchange(escape_, {});
  if (waiting.size() > 1 && waiting.back().byte == '\x1b') {
    escape_ = {waiting.back()};
    sequence_ = {};
    waiting.pop_back();
  }
  for (const Waiting& each : waiting) feed(as_shown, each.byte, each.at);
}

void RedactorStream::feed(std::size_t reading, unsigned char byte, std::uint64_t at) {
  if (is_blank(byte)) return;
  see(2 * reading + base64, byte == '-' ? '+' : byte == '_' ? '/' : byte, at, at + 1);
  decode(reading, byte, at);
}

void RedactorStream::decode(std::size_t reading, unsigned char byte, std::uint64_t at) {
  auto& percent = percent_[reading];
  if (!percent.empty()) {
    if (hex_value(byte) >= 0) {
      percent.push_back({byte, at});
      if (percent.size() < 3) return;
      const auto value = static_cast<unsigned char>(hex_value(percent[1].byte) * 16 + hex_value(byte));
      const std::uint64_t from = percent[0].at;
      percent.clear();
      if (!is_blank(value)) see(2 * reading + decoded, value, from, at + 1);
      return;
    }
    undo_percent(reading);
  }
  if (byte == '%') return percent.push_back({byte, at});
  see(2 * reading + decoded, byte, at, at + 1);
}

void RedactorStream::undo_percent(std::size_t reading) {
  const auto waiting = std::exchange(percent_[reading], {});
  for (const Waiting& each : waiting) see(2 * reading + decoded, each.byte, each.at, each.at + 1);
}

void RedactorStream::see(std::size_t index, unsigned char byte, std::uint64_t from, std::uint64_t to) {
  const PatternTrie& trie = redactor_.tries_[index == plain_view ? plain : index % 2];
  View& view = views_[index];
  view.state = trie.step(view.state, byte);
  view.starts.push_back(from);
  const auto trim = [&] {
    while (view.starts.size() > trie.depth(view.state)) view.starts.pop_front();
  };
  trim();
  const std::size_t length = trie.match(view.state);
  if (length == 0) return;
  // What ends before base_ was shown by pause().
  if (to > base_) masks_.push_back({view.starts[view.starts.size() - length], to});
  view.state = trie.shortened(view.state);
  trim();
}

std::uint64_t RedactorStream::safe_end() const {
  std::uint64_t safe = base_ + held_.size();
  for (const View& view : views_) {
    if (!view.starts.empty()) safe = std::min(safe, view.starts.front());
  }
  if (!escape_.empty()) safe = std::min(safe, escape_.front().at);
  for (const auto& waiting : percent_) {
    if (!waiting.empty()) safe = std::min(safe, waiting.front().at);
  }
  return std::max(safe, base_);
}

// The text up to `until`, or up to a masked range that goes on behind it.
std::string RedactorStream::release(std::uint64_t until) {
  std::sort(masks_.begin(), masks_.end(), [](const Range& a, const Range& b) { return a.from < b.from; });
  std::vector<Range> joined;
  for (const Range& mask : masks_) {
    if (!joined.empty() && mask.from <= joined.back().to) {
      joined.back().to = std::max(joined.back().to, mask.to);
    } else {
      joined.push_back(mask);
    }
  }
  masks_ = std::move(joined);
  std::string shown;
  std::uint64_t at = base_;
  const auto plain_until = [&](std::uint64_t end) {
    if (end > at) shown += held_.substr(at - base_, end - at);
    at = std::max(at, end);
  };
  std::size_t done = 0;
  for (; done < masks_.size() && masks_[done].from < until; ++done) {
    if (masks_[done].to > until) {
      until = masks_[done].from;
      break;
    }
    plain_until(masks_[done].from);
    shown += Redactor::mask;
    at = std::max(at, masks_[done].to);
  }
  plain_until(until);
  masks_.erase(masks_.begin(), masks_.begin() + static_cast<std::ptrdiff_t>(done));
  held_.erase(0, at - base_);
  base_ = at;
  return shown;
}

std::string RedactorStream::pause() {
  if (held_.empty()) return {};
  const std::uint64_t end = base_ + held_.size();
  for (const View& view : views_) {
    if (view.starts.size() >= Redactor::least && end > base_) masks_.push_back({std::max(view.starts.front(), base_), end});
  }
  return release(end);
}

std::string RedactorStream::end(Redactor::End how) {
  while (!escape_.empty()) undo_escape();
  for (const std::size_t reading : {as_it_stands, as_shown}) undo_percent(reading);
  std::string shown = how == Redactor::End::cut ? pause() : release(base_ + held_.size());
  for (View& view : views_) view = {};
  return shown;
}

}  // namespace kirikae
