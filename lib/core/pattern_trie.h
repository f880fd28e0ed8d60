// PatternTrie: finds many patterns in one pass over a stream (Aho and Corasick's automaton). The patterns are secret: its memory
// is wiped when it goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kirikae {

class PatternTrie {
 public:
  using State = std::uint32_t;  // 0: nothing of any pattern has been seen

  PatternTrie() = default;
  PatternTrie(PatternTrie&&) noexcept = default;
  PatternTrie& operator=(PatternTrie&&) noexcept = default;
  PatternTrie(const PatternTrie&) = delete;
  PatternTrie& operator=(const PatternTrie&) = delete;
  ~PatternTrie();

  // Before the first step() only. An empty pattern is none.
  void add(std::string_view pattern);
  // After the last add(), once for many: it walks through everything.
  void link();

  [[nodiscard]] State step(State state, unsigned char byte) const;
  // How many bytes up to here may be the beginning of a pattern.
  [[nodiscard]] std::size_t depth(State state) const { return nodes_[state].depth; }
  // Length of the longest pattern that ends here; 0: none does.
  [[nodiscard]] std::size_t match(State state) const { return nodes_[state].match; }
  // The state from which a text goes on the same, but for what can't be longer any more: the longest beginning of another match.
  [[nodiscard]] State shortened(State state) const {
    while (state != 0 && nodes_[state].child == 0) state = nodes_[state].fail;
    return state;
  }
  [[nodiscard]] bool begins_with(unsigned char byte) const { return first_[byte] != 0; }

 private:
  struct Node {
    State child = 0, sibling = 0, fail = 0;
    std::uint32_t depth = 0, match = 0;
    unsigned char byte = 0;
    bool is_end = false;
  };
  [[nodiscard]] State child_of(State state, unsigned char byte) const;
  State grow(State state, unsigned char byte);

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<State, 256> first_{};  // the root's children
};

}  // namespace kirikae
