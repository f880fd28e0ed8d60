// Functions for the kinds of a std::variant, as one argument of std::visit.
#pragma once

namespace kirikae {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace kirikae
