#include "deploy/payloads.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>

#include "core/digest.h"
#include "host/command.h"
#include "transfer/cache_file.h"
#include "transfer/chunk_cache.h"

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
  void keep(const std::string& digest, const std::string& text) const { transfer::write_cache_file(folder_, digest, text); }
  [[nodiscard]] Manifest find(const std::string& digest) const {
    const auto text = transfer::read_cache_file(folder_, digest);
    if (!text) return nullptr;
    auto manifest = read_list(*text, digest);
    return manifest ? std::make_shared<const release::Manifest>(*std::move(manifest)) : nullptr;
  }
  void prune() const { transfer::keep_newest(folder_, kept_lists); }

 private:
  std::string folder_;
};

// What is asked of one host: something of a release of its own.
struct Question {
  std::size_t host = 0;
  std::string release;
  std::string digest;  // of the release's list
};

// Each host at most one, and only such as are there.
void ask_questions(const std::vector<Question>& questions, const OpenedHosts& opened, const Surroundings& with,
                   runner::TaskGroup& group, const std::function<host::Command(const std::string& release)>& command,
                   const std::function<void(const Question& question, const std::string& answer)>& hear) {
  std::map<std::size_t, const Question*> by_host;
  for (const Question& question : questions) {
    if (!opened.errors[question.host]) by_host.try_emplace(question.host, &question);
  }
  std::vector<std::size_t> hosts;
  for (const auto& [host, question] : by_host) hosts.push_back(host);
  std::mutex mutex;
  group.run(hosts, [&](std::size_t host, runner::Station& station) {
    if (station.lost || !station.transport) return;
    std::string text;
    const auto take = [&](ssh::Stream stream, std::string_view bytes) {
      if (stream == ssh::Stream::out && text.size() <= longest_list) text += bytes;
    };
    const Question& question = *by_host.at(host);
    const auto ended = station.transport->exec(command(question.release), take, {Deadline::in(120s), with.stop});
    if (!ended || !ended->ok()) return;
    // One at a time: what is small may become large.
    const std::lock_guard lock(mutex);
    if (const auto answer = host::unpacked_answer(std::move(text), longest_list)) hear(question, *answer);
  });
}

// The live releases, each list once, of hosts that none of the others is asked of.
std::vector<Question> live_releases(const OpenedHosts& opened,
                                    const std::function<bool(const std::string& digest)>& is_wanted) {
  std::map<std::string, Question> questions;
  for (std::size_t i = 0; i < opened.hosts.size(); ++i) {
    const release::Facts& facts = opened.hosts[i].facts;
    if (opened.errors[i]) continue;
    for (const auto& release : facts.releases) {
      if (release.id == facts.live && is_sha256(release.manifest) && is_wanted(release.manifest)) {
        questions.try_emplace(release.manifest, Question{i, release.id, release.manifest});
      }
    }
  }
  std::vector<Question> all;
  for (auto& [digest, question] : questions) all.push_back(std::move(question));
  return all;
}

// The live releases' lists that are not known.
void ask_for_lists(const OpenedHosts& opened, const release::Layout& layout, const Surroundings& with,
                   runner::TaskGroup& group, const Lists& lists, std::map<std::string, Manifest>& known) {
  ask_questions(
      live_releases(opened, [&](const std::string& digest) { return !known.contains(digest); }), opened, with, group,
      [&](const std::string& id) { return host::manifest(layout, id); },
      [&](const Question& question, const std::string& answer) {
        auto manifest = read_list(answer, question.digest);
        if (!manifest) return;
        lists.keep(question.digest, answer);
        known[question.digest] = std::make_shared<const release::Manifest>(*std::move(manifest));
      });
}

// By sum.
std::map<std::string, std::uint64_t> sizes_of_large(const release::Manifest& manifest) {
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& [path, file] : manifest) {
    if (file.size >= release::least_chunked) sizes.emplace(file.sha256, file.size);
  }
  return sizes;
}

// Adds the chunks of the known releases' large files that the source hasn't: where it has new ones, they may have much in common.
void add_chunks(const OpenedHosts& opened, const release::Layout& layout, const Surroundings& with,
                runner::TaskGroup& group, plan::SourceFiles& files) {
  const transfer::ChunkCache cache(with.cache_folder);
  const auto is_known = [&](const auto& sum_and_size) { return files.chunks.contains(sum_and_size.first); };
  std::map<std::string, std::uint64_t> there;
  for (const auto& [digest, manifest] : files.known) there.merge(sizes_of_large(*manifest));
  const auto ours = sizes_of_large(*files.manifest);
  if (std::ranges::all_of(ours, [&](const auto& each) { return there.contains(each.first); })) return;
  for (const auto& [sum, size] : there) {
    if (files.chunks.contains(sum)) continue;
    if (auto chunks = cache.find(sum)) files.chunks.emplace(sum, std::move(chunks));
  }
  const auto lacks = [&](const std::string& digest) {
    const auto known = files.known.find(digest);
    return known != files.known.end() && !std::ranges::all_of(sizes_of_large(*known->second), is_known);
  };
  ask_questions(
      live_releases(opened, lacks), opened, with, group,
      [&](const std::string& id) { return host::chunks(layout, id); },
      [&](const Question& question, const std::string& answer) {
        auto lists = release::parse_chunks(answer);
        if (!lists) return;
        const auto wanted = sizes_of_large(*files.known.at(question.digest));
        for (auto& [sum, chunks] : *lists) {
          const auto listed = wanted.find(sum);
          if (files.chunks.contains(sum) || listed == wanted.end() || listed->second != release::size_of(*chunks)) continue;
          cache.keep(sum, *chunks);
          files.chunks.emplace(sum, std::move(chunks));
        }
      });
}

std::vector<std::string> replaced_paths(const recipe::Recipe& recipe) {
  std::vector<std::string> paths = recipe.shared.directories;
  paths.insert(paths.end(), recipe.shared.files.begin(), recipe.shared.files.end());
  for (const auto& file : recipe.templates) paths.push_back(file.to);
  paths.emplace_back("REVISION");
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
  using recipe::Transfer;
  plan::SourceFiles files{source.manifest, {}, source.chunks, part_name(source), replaced_paths(recipe), recipe.transfer == Transfer::delta,
                          recipe.reuse_links, recipe.verify_full, recipe.transfer == Transfer::rsync};
  const Lists lists(with.cache_folder);
  const release::Layout layout(recipe.deploy_to);
  if (files.delta) {
    std::set<std::string> digests;
    for (const auto& host : opened.hosts) {
      for (const auto& release : host.facts.releases) {
        if (is_sha256(release.manifest)) digests.insert(release.manifest);
      }
    }
    for (const auto& digest : digests) {
      if (auto manifest = lists.find(digest)) files.known[digest] = std::move(manifest);
    }
    ask_for_lists(opened, layout, with, group, lists, files.known);
    add_chunks(opened, layout, with, group, files);
  }
  lists.keep(release::digest_of(*source.manifest), release::to_text(*source.manifest));
  lists.prune();
  return files;
}

Result<void> PackedPayloads::pack(const plan::Plan& plan) {
  if (rsync_) return {};
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
  transfer::Part part{.late_folders = late_folders_};
  if (unpack.rebuild) part = {unpack.rebuild->part, unpack.delta, files_.manifest, unpack.rebuild->base.empty(), quick_, rest_, late_folders_};
  TRY_ASSIGN(auto artifact, transfer::pack(source_, {encoding, unpack.adaptive}, with_.cache_folder, with_.stop, std::move(part)));
  return transfer::limited(std::move(artifact), limit_);
}

transfer::Artifact& PackedPayloads::of(std::size_t host) {
  const std::lock_guard lock(mutex_);
  return *by_host_.at(host);
}

Result<plan::Unpack> PackedPayloads::again(std::size_t host, const plan::Unpack& before, const std::vector<std::string>& changed) {
  plan::Unpack other = plan::unpack_again(files_, before, changed);
  if (rsync_) return other;
  TRY_ASSIGN(auto artifact, pack(other));
  const std::lock_guard lock(mutex_);
  by_host_.at(host) = std::move(artifact);
  return other;
}

}  // namespace kirikae::deploy
