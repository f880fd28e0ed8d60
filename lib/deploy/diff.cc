#include "plan/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "core/digest.h"
#include "core/fold.h"
#include "deploy/ask.h"
#include "deploy/source.h"
#include "transfer/listing.h"

namespace kirikae::deploy {
namespace {

using namespace std::chrono_literals;
using release::Tree;
using release::TreeEntry;

// Some 300,000 files.
constexpr std::size_t longest_tree = std::size_t{64} << 20;
constexpr std::size_t most_of_trees = std::size_t{512} << 20;  // of different trees

Tree tree_of(transfer::Listing source) {
  Tree tree;
  for (auto& listed : source.entries) {
    transfer::Entry& entry = listed.entry;
    TreeEntry each;
    each.kind = kind_of(entry);
    if (each.kind != TreeEntry::Kind::link) each.mode = entry.mode;
    each.content = each.kind == TreeEntry::Kind::link ? std::move(entry.target) : std::move(listed.sha256);
    tree.emplace(std::move(entry.path), std::move(each));
  }
  return tree;
}

std::string tree_digest(const std::string& live, const Tree& tree) {
  Sha256 sum;
  const auto add = [&](const std::string& text) {
    sum.update(std::to_string(text.size()) + ':');
    sum.update(text);
  };
  add(live);
  for (const auto& [path, entry] : tree) {
    add(path);
    add(entry.content);
    sum.update(std::to_string(static_cast<int>(entry.kind)) + ' ' + std::to_string(entry.mode));
  }
  return sum.hex();
}

// The live trees of all hosts, each kept once, whatever the number of hosts that have it.
class LiveTrees {
 public:
  Result<void> add(std::size_t host, const std::string& live, Tree tree) {
    const std::string digest = tree_digest(live, tree);
    const std::lock_guard lock(mutex_);
    if (!groups_.contains(digest) && (kept_ += size_of(tree)) > most_of_trees) {
      return std::unexpected(Error(ErrorCode::local,
                                   fmt::format("the live releases differ so much that their lists take more than {}", size_text(most_of_trees)),
                                   "compare fewer hosts at a time, with --hosts"));
    }
    Group& group = groups_[digest];
    if (group.hosts.empty()) {
      group.live = live;
      group.tree = std::move(tree);
    }
    group.hosts.push_back(host);
    return {};
  }
  // In the order of the recipe.
  std::vector<plan::LiveTree> all(const std::vector<plan::HostFacts>& hosts) {
    std::map<std::size_t, plan::LiveTree> by_first;
    for (auto& [digest, group] : groups_) {
      std::sort(group.hosts.begin(), group.hosts.end());
      plan::LiveTree tree{{}, group.live, std::move(group.tree)};
      for (const std::size_t i : group.hosts) tree.hosts.push_back(hosts[i].host.name);
      by_first.emplace(group.hosts.front(), std::move(tree));
    }
    std::vector<plan::LiveTree> trees;
    for (auto& [first, tree] : by_first) trees.push_back(std::move(tree));
    return trees;
  }

 private:
  struct Group {
    std::vector<std::size_t> hosts;
    std::string live;
    Tree tree;
  };
  static std::size_t size_of(const Tree& tree) {
    constexpr std::size_t node = 200;  // bytes that an entry takes besides its texts, about
    std::size_t size = 0;
    for (const auto& [path, entry] : tree) size += path.size() + entry.content.size() + node;
    return size;
  }

  std::mutex mutex_;
  std::size_t kept_ = 0;
  std::map<std::string, Group> groups_;
};

// Hosts of a group have the same files under the same release's name, and so one revision.
Result<void> add_commits(std::vector<plan::LiveTree>& groups, const std::vector<plan::HostFacts>& hosts, const TakenSource& source, const std::stop_token& stop) {
  for (plan::LiveTree& group : groups) {
    const auto host = std::ranges::find(hosts, group.hosts.front(), [](const plan::HostFacts& each) { return each.host.name; });
    const auto live = std::ranges::find(host->facts.releases, group.live, &release::ReleaseOnHost::id);
    if (live == host->facts.releases.end()) continue;
    TRY_ASSIGN(group.commits, commits_since(live->revision, source, stop));
  }
  return {};
}

}  // namespace

Reading diff(const Request& request, bool exit_code, const Surroundings& with) {
  Run run(request, with, "diff");
  const auto taken = take_source(request, with);
  if (!taken) return {run.end_early({taken.error()}), {}};
  auto listed = transfer::list_source(taken->source, with.cache_folder, with.stop);
  if (!listed) return {run.end_early({not_made_yet(request, listed.error())}), {}};
  const Tree source = plan::comparable(request.recipe, tree_of(*std::move(listed)));
  runner::TaskGroup group(request.hosts.size(), request.recipe.ssh.parallel);
  OpenedHosts opened = open_hosts(request, with, group, run.emit(), std::nullopt);
  const release::Layout layout(request.recipe.deploy_to);
  run.tell(taken->remarks);
  LiveTrees trees;
  const auto question = [&](const plan::HostFacts& host) { return host::tree(layout, release::standing_release(host.facts), host.facts); };
  ask_all(opened, run, with, group, question, 600s, longest_tree, [&](std::size_t i, const std::string& answer) -> Result<void> {
    TRY_ASSIGN(Tree tree, release::parse_tree(answer));
    return trees.add(i, release::standing_release(opened.hosts[i].facts), plan::comparable(request.recipe, std::move(tree)));
  });
  auto groups = trees.all(opened.hosts);
  if (auto added = add_commits(groups, opened.hosts, *taken, with.stop); !added) return {run.end_early({added.error()}, opened), {}};
  const plan::Difference difference = plan::difference(request.recipe, source, groups);
  if (auto errors = opened.all_errors(); !errors.empty()) return {run.end_early(errors, opened), difference.text, plan::diff_json(difference)};
  const bool fail = exit_code && difference.differs;
  return {fail ? run.end_early({}, opened) : run.end_well(opened, event::HostEnd::unchanged), difference.text, plan::diff_json(difference)};
}

}  // namespace kirikae::deploy
