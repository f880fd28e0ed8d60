#include <algorithm>

#include "event/outcome.h"
#include "support/catch.h"

namespace kirikae::event {

TEST_CASE("of two outcomes the exit code that matters more wins: 70 130 6 3 2 4 5 1 0") {
  const std::vector<Outcome> order = {Outcome::bug,   Outcome::interrupted, Outcome::partial, Outcome::rolled_back, Outcome::usage,
                                      Outcome::locked, Outcome::unreachable, Outcome::failed,  Outcome::done};
  std::vector<int> codes;
  for (const Outcome outcome : order) codes.push_back(exit_code(outcome));
  CHECK(codes == std::vector<int>{70, 130, 6, 3, 2, 4, 5, 1, 0});
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) CHECK(worse(order[i], order[j]) == order[std::min(i, j)]);
  }
}

}  // namespace kirikae::event
