// TARGET [SECONDS [SEED]]: runs mutated inputs for that long. TARGET FILE: runs that one input, to look at a finding.
#include "fuzz/driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

namespace kirikae::fuzz {
namespace {

constexpr std::size_t max_size = 8192;
constexpr unsigned int max_seconds_per_input = 10;

std::string current;  // for the signal handler
const char* finding = "fuzz-finding";

// Only what a signal handler may do.
void keep_input(int signal) {
  const int file = ::open(finding, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    [[maybe_unused]] auto written = ::write(file, current.data(), current.size());
    constexpr std::string_view said = "the input is kept in the file fuzz-finding of the working directory\n";
    written = ::write(STDERR_FILENO, said.data(), said.size());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  Mutator(std::vector<std::string> corpus, std::uint64_t seed) : corpus_(std::move(corpus)), random_(seed) {}

  std::string next() {
    std::string text = pick();
    for (auto changes = below(8) + 1; changes > 0; --changes) change(text);
    if (text.size() > max_size) text.resize(max_size);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  const std::string& pick() { return corpus_[below(corpus_.size())]; }

  void change(std::string& text) {
    static constexpr std::array<std::string_view, 16> telling = {
        "\n", "\r\n", " ", "\t", ":", "[", "]", "{", "}", "${", "'", "\"", "\\", "&a *a", "\xff\xfe", "99999999999999999999"};
    const auto at = below(text.size() + 1);
    const auto size = std::min(text.size() - at, below(16) + 1);
    switch (below(7)) {
      case 0: text.insert(at, 1, static_cast<char>(below(256))); break;
      case 1: text.insert(at, telling[below(telling.size())]); break;
      case 2: text.erase(at, size); break;
      case 3: text.insert(below(text.size() + 1), std::string(text, at, size)); break;
      case 4: text.resize(at); break;
      case 5:
        if (at < text.size()) text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << below(8)));
        break;
      default: {  // the rest of another one
        const std::string& other = pick();
        text.replace(at, std::string::npos, other, below(other.size() + 1));
      }
    }
  }

  std::vector<std::string> corpus_;
  std::mt19937_64 random_;
};

int run(std::chrono::seconds time, std::uint64_t seed) {
  std::cout << "seed " << seed << std::endl;
  Mutator mutator(seeds(), seed);
  for (const auto& text : seeds()) {
    current = text;
    try_input(current);
  }
  const auto end = std::chrono::steady_clock::now() + time;
  std::uint64_t inputs = 0;
  for (; std::chrono::steady_clock::now() < end; ++inputs) {
    current = mutator.next();
    ::alarm(max_seconds_per_input);
    try_input(current);
  }
  ::alarm(0);
  std::cout << inputs << " inputs\n";
  return 0;
}

}  // namespace

void must(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << std::endl;
  std::abort();
}

}  // namespace kirikae::fuzz

int main(int argc, char** argv) {
  using namespace kirikae::fuzz;
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGALRM}) std::signal(signal, keep_input);
  const std::string first = argc > 1 ? argv[1] : "5";
  if (first.find_first_not_of("0123456789") != std::string::npos) {
    std::ifstream file(first, std::ios::binary);
    current.assign(std::istreambuf_iterator<char>(file), {});
    try_input(current);
    return 0;
  }
  return run(std::chrono::seconds(std::stoul(first)), argc > 2 ? std::stoull(argv[2]) : std::random_device{}());
}
