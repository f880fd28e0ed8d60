// Redactor: takes secrets out of text, in every form in which commands are likely to print them: as they are, broken by line
// breaks, blanks and escape sequences (colours, links), URL-encoded, and inside of base64 (of either alphabet) whatever stands before them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/escape.h"
#include "core/pattern_trie.h"

namespace kirikae {

class Redactor {
 public:
  static constexpr std::size_t least = 6;          // bytes of a secret that are not blank
  static constexpr std::string_view mask = "***";  // shorter than any secret, so it can hold none

  // Shorter ones would be found where they are not meant.
  static bool can_mask(std::string_view secret);

  // Also each line of it that is long enough by itself; where it has `\n` spelled out, as JSON has it, also what that stands for. Precondition: can_mask(secret); no stream has begun.
  void add(std::string_view secret);
  [[nodiscard]] bool empty() const { return empty_; }

  // Whether a text is all there was. Where it was cut, an end that is the beginning of a secret (`least` bytes or more) is masked as well.
  enum class End { whole, cut };
  // The text without secrets. One that backspaces would put together is masked as well, and the backspaces are gone then; a stream, which
  // may have shown its beginning, doesn't see it: its lines have to come here, too.
  [[nodiscard]] std::string redact(std::string_view text, End end = End::whole) const;

 private:
  friend class RedactorStream;
  static constexpr std::size_t forms = 3;
  void add_with_lines(std::string_view text);
  void add_text(std::string_view text);
  [[nodiscard]] std::string masked(std::string_view text, End end) const;
  [[nodiscard]] bool is_dull(unsigned char byte) const { return dull_[byte]; }

  std::array<PatternTrie, forms> tries_;  // of what is URL-decoded, base64, plain
  std::array<bool, 256> dull_{};          // no secret begins so, in any form
  bool empty_ = true;
};

// Text that comes in pieces. It keeps back only what may be the beginning of a secret.
class RedactorStream {
 public:
  // The redactor outlives the stream.
  explicit RedactorStream(const Redactor& redactor) : redactor_(redactor) {}

  // What can be shown by now. However the text is cut into pieces, the sum is the same.
  std::string add(std::string_view bytes);
  // For when nothing more came for a while: what was kept back, masked if it is much of a secret. If the rest of one follows, the rest
  // is masked.
  std::string pause();
  // The same at the end of the text. The stream begins anew.
  std::string end(Redactor::End how = Redactor::End::cut);
  [[nodiscard]] bool holds() const { return !held_.empty(); }

 private:
  static constexpr std::size_t most_held = std::size_t{256} << 10U;
  struct Range {
    std::uint64_t from, to;
  };
  // How far one view of the text has come in its patterns.
  struct View {
    PatternTrie::State state = 0;
    std::deque<std::uint64_t> starts;  // where each byte of the beginning that was found stands in the text
  };

  static constexpr std::size_t readings = 2, plain_view = 2 * readings;

  void take(unsigned char byte, std::uint64_t at);
  void skip_escapes(unsigned char byte, std::uint64_t at);
  void undo_escape();
  void feed(std::size_t reading, unsigned char byte, std::uint64_t at);
  void decode(std::size_t reading, unsigned char byte, std::uint64_t at);
  void undo_percent(std::size_t reading);
  void see(std::size_t view, unsigned char byte, std::uint64_t from, std::uint64_t to);
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::uint64_t safe_end() const;
  std::string release(std::uint64_t until);

  const Redactor& redactor_;
  std::string held_;
  std::uint64_t base_ = 0;  // where held_ begins in the text
  std::vector<Range> masks_;
  std::array<View, plain_view + 1> views_;
  struct Waiting {
    unsigned char byte;
    std::uint64_t at;
  };
  std::vector<Waiting> escape_;  // the beginning of an escape sequence
  EscapeSequence sequence_;
  std::array<std::vector<Waiting>, readings> percent_;  // the beginning of a %XX
};

}  // namespace kirikae
