// Redactor: takes secrets out of text, in every form in which commands are likely to print them: as they are, broken by line
// breaks, blanks and colour codes, URL-encoded, and inside of base64 (of either alphabet) whatever stands before them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/pattern_trie.h"

namespace kirikae {

class Redactor {
 public:
  static constexpr std::size_t least = 6;          // bytes of a secret that are not blank
  static constexpr std::string_view mask = "***";  // shorter than any secret, so it can hold none

  // Shorter ones would be found where they are not meant.
  static bool can_mask(std::string_view secret);

  // Also each line of it that is long enough by itself. Precondition: can_mask(secret); no stream has begun.
  void add(std::string_view secret);
  [[nodiscard]] bool empty() const { return empty_; }

  // Whether a text is all there was. Where it was cut, an end that is the beginning of a secret (`least` bytes or more) is masked as well.
  enum class End { whole, cut };
  // The text without secrets.
  [[nodiscard]] std::string redact(std::string_view text, End end = End::whole) const;

 private:
  friend class RedactorStream;
  static constexpr std::size_t views = 3;
  void add_text(std::string_view text);
  [[nodiscard]] bool is_dull(unsigned char byte) const { return dull_[byte]; }

  std::array<PatternTrie, views> tries_;  // of what is plain, URL-decoded, base64
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

  void take(unsigned char byte, std::uint64_t at);
  void feed(unsigned char byte, std::uint64_t at);
  void decode(unsigned char byte, std::uint64_t at);
  void undo_escape();
  void undo_percent();
  void see(std::size_t view, unsigned char byte, std::uint64_t from, std::uint64_t to);
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::uint64_t safe_end() const;
  std::string release(std::uint64_t until);

  const Redactor& redactor_;
  std::string held_;
  std::uint64_t base_ = 0;  // where held_ begins in the text
  std::vector<Range> masks_;
  std::array<View, Redactor::views> views_;
  struct Waiting {
    unsigned char byte;
    std::uint64_t at;
  };
  std::vector<Waiting> escape_;   // the beginning of a colour code
  std::vector<Waiting> percent_;  // the beginning of a %XX
};

}  // namespace kirikae
