// Dice: numbers that a seed determines, the same everywhere (std::uniform_int_distribution differs between libraries).
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace kirikae::test {

class Dice {
 public:
  // A failing test prints the seed.
  explicit Dice(unsigned long seed) : engine_(static_cast<std::mt19937::result_type>(seed)) {}
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool one_in(std::size_t chance) { return below(chance) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  std::string bytes(std::size_t size);

 private:
  std::mt19937 engine_;
};

// What an environment variable says, for the seed and the number of random runs.
unsigned long number_from(const char* variable, unsigned long otherwise);

}  // namespace kirikae::test
