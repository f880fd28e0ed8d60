// Manifest: the files of a payload, as a host keeps their list beside a release; and what differs between two of them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "release/chunks.h"

namespace kirikae::release {

struct FileSpec {
  unsigned mode = 0;  // permission bits
  std::uint64_t size = 0;
  std::string sha256;  // 64 lower-case hex digits

  bool operator==(const FileSpec&) const = default;
};
// By path below the release's folder. Only paths that can_be_listed().
using Manifest = std::map<std::string, FileSpec, std::less<>>;

// Whether a line can hold the path, whatever tool of a host writes or reads it. Files with other names are sent every time.
bool can_be_listed(std::string_view path);

// One line a file, `./PATH<tab>MODE SIZE<tab>SHA256`, in the order of their bytes: the text that hosts keep.
std::string to_text(const Manifest& manifest);
// The sha256 of that text, by which two manifests are known to be the same.
std::string digest_of(const Manifest& manifest);
// Strict. Error (lost): it is no such text.
Result<Manifest> parse_manifest(std::string_view text);

using Paths = std::set<std::string, std::less<>>;

// How a host that has a release with the manifest `base` comes to one with the manifest `next`.
struct Delta {
  struct Move {
    std::string from;  // below the base's folder: `PATH`, or `../ID/PATH` of another release
    std::string to;
    unsigned mode = 0;
  };
  std::string removed, added;  // lines of `base` that aren't in `next`, and the other way round: texts
  std::vector<Move> moved;     // content that is there under another name, or with another mode
  std::map<std::string, Patch, std::less<>> patched;  // by path of `next`; `from` is a path of `base`
  std::string chunks_added;        // lines of `next`'s list of chunks that aren't in that of `base`: a text
  std::string chunks_gone;         // the SHA-256 that begins each line for which it is the other way round
  Paths reused;                    // paths of `next` that needn't be sent
  std::uint64_t reused_bytes = 0;  // of these, and of what is patched
};

// What a host has, and what is known of it.
struct Held {
  const Manifest& base;
  Paths unusable{};  // files that aren't what their manifest says, as in Move::from
  std::vector<std::pair<std::string, const Manifest*>> others{};  // releases beside the base, by id
  const ChunkLists* chunks = nullptr;  // of its files and of the next release's: those that are known
};
Delta delta_between(const Held& held, const Manifest& next);
// `moved` as the host reads it: FROM<tab>TO<tab>MODE a line.
std::string moves_text(const Delta& delta);
// `patched` as the host reads it: for each file a line COUNT<tab>MODE<tab>PATH, and for each of its COUNT pieces OFFSET<tab>SIZE<tab>FROM, where FROM
// may be `=`: what was sent in its place.
std::string patches_text(const Delta& delta, const Manifest& next);

}  // namespace kirikae::release
