#include "deploy/payloads.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "core/digest.h"
#include "host/command.h"
#include "transfer/cache_file.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;
using Manifest = std::shared_ptr<const release::Manifest>;

constexpr std::size_t longest_list = std::size_t{64} << 20;  // bytes
constexpr std::size_t kept_lists = 64;

// Texts are known by their sums, so nothing that anybody has put there can pass for another.
std::optional<release::Manifest> read_list(const std::string& text, const std::string& digest) {
  if (to_hex(sha256_bytes(text)) != digest) return std::nullopt;
  auto manifest = release::parse_manifest(text);
  if (!manifest) return std::nullopt;
  return *std::move(manifest);
}

class Lists {
 public:
  explicit Lists(const std::string& cache_folder) : folder_(cache_folder + "/lists") {}
  void keep(const std::string& digest, const std::string& text) const { transfer::write_cache_file(folder_ + '/' + digest, text); }
  [[nodiscard]] Manifest find(const std::string& digest) const {
    const auto text = transfer::read_cache_file(folder_ + '/' + digest);
    if (!text) return nullptr;
    auto manifest = read_list(*text, digest);
    return manifest ? std::make_shared<const release::Manifest>(*std::move(manifest)) : nullptr;
  }
  void prune() const { transfer::keep_newest(folder_, kept_lists); }

 private:
  std::string folder_;
};

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The live releases' lists that are not known, each asked of one host.
void ask_for_lists(const OpenedHosts& opened, const release::Layout& layout, const Surroundings& with, runner::TaskGroup& group,
                   const Lists& lists, std::map<std::string, Manifest>& known) {
  std::map<std::string, std::pair<std::size_t, std::string>> wanted;  // host and release, by digest
  for (std::size_t i = 0; i < opened.hosts.size(); ++i) {
    const release::Facts& facts = opened.hosts[i].facts;
    if (opened.errors[i]) continue;
    for (const auto& release : facts.releases) {
      if (release.id == facts.live && is_digest(release.manifest) && !known.contains(release.manifest)) wanted.try_emplace(release.manifest, i, release.id);
    }
  }
  std::map<std::size_t, std::pair<std::string, std::string>> by_host;
  for (const auto& [digest, where] : wanted) by_host.try_emplace(where.first, where.second, digest);
  std::vector<std::size_t> hosts;
  for (const auto& [host, what] : by_host) hosts.push_back(host);
  std::mutex mutex;
  group.run(hosts, [&](std::size_t host, runner::Station& station) {
    if (station.lost || !station.transport) return;
    const auto& [id, digest] = by_host.at(host);
    std::string text;
    const auto hear = [&](ssh::Stream stream, std::string_view bytes) {
      if (stream == ssh::Stream::out && text.size() <= longest_list) text += bytes;
    };
    const auto ended = station.transport->exec(host::manifest(layout, id), hear, {Deadline::in(120s), with.stop});
    if (!ended || !ended->ok()) return;
    auto manifest = read_list(text, digest);
    if (!manifest) return;
    lists.keep(digest, text);
    const std::lock_guard lock(mutex);
    known[digest] = std::make_shared<const release::Manifest>(*std::move(manifest));
  });
}

std::vector<std::string> replaced_paths(const recipe::Recipe& recipe) {
  std::vector<std::string> paths = recipe.shared.directories;
  paths.insert(paths.end(), recipe.shared.files.begin(), recipe.shared.files.end());
  for (const auto& file : recipe.templates) paths.push_back(file.to);
  return paths;
}

// A folder's name that nothing in the source has.
std::string part_name(const transfer::Listing& source) {
  for (;;) {
    std::string name = ".kirikae-" + random_hex(8);
    if (std::none_of(source.entries.begin(), source.entries.end(), [&](const auto& each) { return each.entry.path == name; })) return name;
  }
}

Result<transfer::Encoding> encoding_from(const std::string& name) {
  for (const auto encoding : {transfer::Encoding::zstd, transfer::Encoding::gzip, transfer::Encoding::none}) {
    if (transfer::name_of(encoding) == name) return encoding;
  }
  return std::unexpected(Error(ErrorCode::internal, "no encoding '" + name + "'"));
}

}  // namespace

plan::SourceFiles source_files(const recipe::Recipe& recipe, const transfer::Listing& source, const OpenedHosts& opened,
                               const Surroundings& with, runner::TaskGroup& group) {
  plan::SourceFiles files{source.manifest, {}, part_name(source), replaced_paths(recipe), recipe.delta, recipe.reuse_links, recipe.verify_full};
  const Lists lists(with.cache_folder);
  if (recipe.delta) {
    std::set<std::string> digests;
    for (const auto& host : opened.hosts) {
      for (const auto& release : host.facts.releases) {
        if (is_digest(release.manifest)) digests.insert(release.manifest);
      }
    }
    for (const auto& digest : digests) {
      if (auto manifest = lists.find(digest)) files.known[digest] = std::move(manifest);
    }
    ask_for_lists(opened, release::Layout(recipe.deploy_to), with, group, lists, files.known);
  }
  lists.keep(release::digest_of(*source.manifest), release::to_text(*source.manifest));
  lists.prune();
  return files;
}

Result<void> PackedPayloads::pack(const plan::Plan& plan) {
  by_host_.resize(plan.hosts.size());
  std::map<const release::Delta*, std::shared_ptr<transfer::Artifact>> packed;
  for (const plan::Round& round : plan.rounds) {
    for (const plan::HostSteps& work : round.hosts) {
      for (const plan::Step& step : work.steps) {
        const auto* unpack = std::get_if<plan::Unpack>(&step);
        if (unpack == nullptr) continue;
        auto& artifact = packed[unpack->delta.get()];
        if (!artifact) {
          TRY_ASSIGN(artifact, pack(*unpack));
        }
        by_host_[work.host] = artifact;
      }
    }
  }
  return {};
}

Result<std::shared_ptr<transfer::Artifact>> PackedPayloads::pack(const plan::Unpack& unpack) const {
  TRY_ASSIGN(const auto encoding, encoding_from(unpack.encoding));
  transfer::Part part;
  if (unpack.rebuild) part = {unpack.rebuild->part, unpack.delta, files_.manifest};
  TRY_ASSIGN(auto artifact, transfer::pack(source_, {encoding, unpack.adaptive}, with_.cache_folder, with_.stop, std::move(part)));
  return transfer::limited(std::move(artifact), limit_);
}

transfer::Artifact& PackedPayloads::of(std::size_t host) {
  const std::lock_guard lock(mutex_);
  return *by_host_.at(host);
}

Result<plan::Unpack> PackedPayloads::again(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed) {
  plan::Unpack other = plan::unpack_again(files_, before, changed);
  TRY_ASSIGN(auto artifact, pack(other));
  const std::lock_guard lock(mutex_);
  by_host_.at(host) = std::move(artifact);
  return other;
}

}  // namespace kirikae::deploy
