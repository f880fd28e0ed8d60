// What a host answers about a release: its list of files, its chunks, packed or not.
#include "core/digest.h"
#include "fuzz/driver.h"
#include "host/command.h"
#include "release/chunks.h"
#include "release/manifest.h"

namespace kirikae::fuzz {
namespace {

constexpr std::size_t most = 100'000;

// As gzip has it: without the size that goes before it for a shell.
std::string gzipped(const std::string& text) {
  const std::string sized = host::packed(text);
  return sized.substr(sized.find('\n') + 1);
}

}  // namespace

std::vector<std::string> seeds() {
  const std::string sum(64, 'a');
  const std::string list = release::to_text({{"a b/c", {0644, 12, sum}}, {"tool", {0755, 0, std::string(64, '0')}}});
  const std::string chunks = release::chunks_line(sum, {{2048, 1}, {32768, ~std::uint64_t{0}}});
  return {list, chunks, gzipped(list), gzipped(chunks), gzipped(std::string(most + 1, 'x')), "\x1f\x8b", ""};
}

void try_input(std::string_view input) {
  const auto text = host::unpacked_answer(std::string(input), most);
  if (!text) return;
  must(text->size() <= most, "no answer is unpacked to more than the limit");
  if (const auto manifest = release::parse_manifest(*text)) {
    const auto again = release::parse_manifest(release::to_text(*manifest));
    must(again && *again == *manifest, "a list is written as it is read");
    for (const auto& [path, file] : *manifest) must(is_sha256(file.sha256), "a file's sum is one");
  }
  if (const auto lists = release::parse_chunks(*text)) {
    for (const auto& [sha256, chunks] : *lists) {
      must(is_sha256(sha256), "chunks are those of a sum, which becomes a file's name");
      const auto again = release::parse_chunks(release::chunks_line(sha256, *chunks));
      must(again && *again->at(sha256) == *chunks, "chunks are written as they are read");
    }
  }
}

}  // namespace kirikae::fuzz
