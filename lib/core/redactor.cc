#include "core/redactor.h"

#include <algorithm>
#include <utility>

#include "core/secret.h"

namespace kirikae {
namespace {

// `plain` sees colour codes as text, the others don't see them: what looks like a code may be the end of a secret.
enum : std::size_t { plain, decoded, base64 };

constexpr bool is_blank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::size_t longest_code = 32;

// Length of the colour code at the beginning of `text`, 0 where there is none.
std::size_t code_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const auto end = text.find_first_not_of("0123456789;", 2);
  if (end == std::string_view::npos || end > longest_code || (text[end] != 'm' && text[end] != 'K')) return 0;
  return end + 1;
}

// Without colour codes, and without blanks but those that `keeps` keeps.
template <class Keeps>
void strip(std::string_view text, std::string& bare, Keeps keeps) {
  while (!text.empty()) {
    if (const auto code = code_length(text); code > 0) {
      text.remove_prefix(code);
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

std::string_view trimmed(std::string_view text) {
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
}

void Redactor::add(std::string_view secret) {
  add_text(secret);
  for (std::string_view rest = secret; rest.find('\n') != std::string_view::npos;) {
    rest.remove_prefix(rest.find('\n') + 1);
    add_text(rest.substr(0, rest.find('\n')));
  }
  add_text(secret.substr(0, secret.find('\n')));
  for (const std::string_view text : {secret, trimmed(secret)}) {  // a shell takes a last newline off
    for (const std::size_t before : {0U, 1U, 2U}) {
      Wiped digits(text.size() * 4 / 3 + 4);
      base64_digits(text, before, digits.text);
      tries_[base64].add(digits.text);
    }
  }
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
  return escape_.empty() && percent_.empty() &&
         std::all_of(views_.begin(), views_.end(), [](const View& view) { return view.state == 0; });
}

// Colour codes stand between the bytes of a secret as blanks do: `grep --color` puts them there.
void RedactorStream::take(unsigned char byte, std::uint64_t at) {
  if (!is_blank(byte)) see(plain, byte, at, at + 1);
  if (!escape_.empty()) {
    const bool second = escape_.size() == 1;
    const bool inner = !second && ((byte >= '0' && byte <= '9') || byte == ';') && escape_.size() < longest_code;
    if ((second && byte == '[') || inner) return escape_.push_back({byte, at});
    if (!second && (byte == 'm' || byte == 'K')) return escape_.clear();
    undo_escape();
  }
  if (byte == '\x1b') return escape_.push_back({byte, at});
  feed(byte, at);
}

void RedactorStream::undo_escape() {
  const auto waiting = std::exchange(escape_, {});
  for (const Waiting& each : waiting) feed(each.byte, each.at);
}

void RedactorStream::feed(unsigned char byte, std::uint64_t at) {
  if (is_blank(byte)) return;
  see(base64, byte == '-' ? '+' : byte == '_' ? '/' : byte, at, at + 1);
  decode(byte, at);
}

void RedactorStream::decode(unsigned char byte, std::uint64_t at) {
  if (!percent_.empty()) {
    if (hex_value(byte) >= 0) {
      percent_.push_back({byte, at});
      if (percent_.size() < 3) return;
      const auto value = static_cast<unsigned char>(hex_value(percent_[1].byte) * 16 + hex_value(byte));
      const std::uint64_t from = percent_[0].at;
      percent_.clear();
      if (!is_blank(value)) see(decoded, value, from, at + 1);
      return;
    }
    undo_percent();
  }
  if (byte == '%') return percent_.push_back({byte, at});
  see(decoded, byte, at, at + 1);
}

void RedactorStream::undo_percent() {
  const auto waiting = std::exchange(percent_, {});
  for (const Waiting& each : waiting) see(decoded, each.byte, each.at, each.at + 1);
}

void RedactorStream::see(std::size_t index, unsigned char byte, std::uint64_t from, std::uint64_t to) {
  const PatternTrie& trie = redactor_.tries_[index];
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
  if (!percent_.empty()) safe = std::min(safe, percent_.front().at);
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
  undo_escape();
  undo_percent();
  std::string shown = how == Redactor::End::cut ? pause() : release(base_ + held_.size());
  for (View& view : views_) view = {};
  return shown;
}

}  // namespace kirikae
