#include "core/pattern_trie.h"

#include <utility>

#include "core/secret.h"

namespace kirikae {

PatternTrie::~PatternTrie() { wipe(nodes_.data(), nodes_.size() * sizeof(Node)); }

void PatternTrie::add(std::string_view pattern) {
  if (pattern.empty()) return;
  State state = 0;
  for (const char c : pattern) state = grow(state, static_cast<unsigned char>(c));
  nodes_[state].is_end = true;
}

PatternTrie::State PatternTrie::child_of(State state, unsigned char byte) const {
  if (state == 0) return first_[byte];
  State child = nodes_[state].child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

PatternTrie::State PatternTrie::grow(State state, unsigned char byte) {
  if (const State child = child_of(state, byte); child != 0) return child;
  if (nodes_.size() == nodes_.capacity()) {  // moved by hand, so that no copy stays behind
    std::vector<Node> larger;
    larger.reserve(nodes_.size() * 2);
    larger.insert(larger.end(), nodes_.begin(), nodes_.end());
    wipe(nodes_.data(), nodes_.size() * sizeof(Node));
    nodes_.swap(larger);
  }
  const auto added = static_cast<State>(nodes_.size());
  Node node;
  node.byte = byte;
  node.depth = nodes_[state].depth + 1;
  node.sibling = nodes_[state].child;
  nodes_.push_back(node);
  nodes_[state].child = added;
  if (state == 0) first_[byte] = added;
  return added;
}

// Where each state goes on when its next byte doesn't follow: the longest other beginning that its bytes end in. By depth, so that
// a state's own is known before its children's.
void PatternTrie::link() {
  std::vector<State> order = {0};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const State state = order[i];
    for (State child = nodes_[state].child; child != 0; child = nodes_[child].sibling) {
      State at = nodes_[state].fail;
      while (at != 0 && child_of(at, nodes_[child].byte) == 0) at = nodes_[at].fail;
      const State other = state == 0 ? 0 : child_of(at, nodes_[child].byte);
      nodes_[child].fail = other;
      nodes_[child].match = nodes_[child].is_end ? nodes_[child].depth : nodes_[other].match;
      order.push_back(child);
    }
  }
}

PatternTrie::State PatternTrie::step(State state, unsigned char byte) const {
  for (;;) {
    if (const State child = child_of(state, byte); child != 0) return child;
    if (state == 0) return 0;
    state = nodes_[state].fail;
  }
}

}  // namespace kirikae
