#include "core/redactor.h"

#include <algorithm>
#include <vector>

#include "fuzz/driver.h"

namespace kirikae::fuzz {
namespace {

std::string cut(const Redactor& redactor, std::string_view text, std::size_t step) {
  RedactorStream stream(redactor);
  std::string shown;
  for (std::size_t at = 0; at < text.size(); at += step) shown += stream.add(text.substr(at, step));
  return shown + stream.end();
}

}  // namespace

// The first line is a secret, and so is the second; the rest is text.
std::vector<std::string> seeds() {
  using namespace std::string_literals;
  return {
      "hunter2!\ncorrect-horse\nhunter2! and correct-\nhorse",
      "ababab\nbabaab\nabababaabababbabaabab\n\n a b a b a b",
      "%41%42%43\nABCDEF%\n%41%42%43%44%45%46%25%2541%2",
      "\x1b[31mx\n\x1b[0mmKmK\nh\x1b[1;31mu\x1b[Knt\x1b[",
      "hunter2!\n\x1b]x\x1b\\y\nhun\x1b(Bter\x1b]8;;x\x1b\\2\x1b[?25l!\x1b]\x1b]8\a",
      "hunter2!\n{\\nab\\ncdefgh}\nhX\bunXY\b\bter2!\bcdefgh",
      "secret\nc2VjcmV0\nc2VjcmV0 YzJWamNtVjA= eHNlY3JldA==",
      "a\0b\xff\x80" "cd\n\0\0\0\0\0\0\n\0\0\0\0\0\0\0"s,
  };
}

void try_input(std::string_view input) {
  Redactor redactor;
  std::vector<std::string_view> secrets;
  for (int i = 0; i < 2; ++i) {
    const auto end = std::min(input.find('\n'), input.size());
    if (Redactor::can_mask(input.substr(0, end)) && end < 2000) secrets.push_back(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  for (const auto secret : secrets) redactor.add(secret);
  const std::string whole = redactor.redact(input, Redactor::End::cut);
  must(!redactor.empty() || whole == input, "without secrets nothing is changed");
  for (const auto secret : secrets) {
    // A mask beside plain text can only spell a secret that has such stars itself.
    must(secret.find('*') != std::string_view::npos || whole.find(secret) == std::string::npos, "no secret is shown");
  }
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
    must(input.find('\b') != std::string_view::npos || cut(redactor, input, step) == whole, "it doesn't matter where the text is cut");
  }
  RedactorStream paused(redactor);
  for (std::size_t at = 0; at < input.size(); at += 5) {
    (void)paused.add(input.substr(at, 5));
    (void)paused.pause();
    must(!paused.holds(), "a pause keeps nothing back");
  }
}

}  // namespace kirikae::fuzz
