#include "deploy/source.h"

#include <utility>

#include <fmt/format.h>

#include "core/shell_quote.h"
#include "transfer/spool.h"

namespace kirikae::deploy {
namespace {

void remark_on_revision(TakenSource& taken, const transfer::SourceSummary& summary) {
  if (taken.has_revision || summary.untold.empty()) return;
  taken.remarks.push_back({"", fmt::format("git does not tell the source's commit: {}; REVISION is the sum of the files", summary.untold)});
}

}  // namespace

Result<TakenSource> take_source(const Request& request, const Surroundings& with) {
  const recipe::Source& source = request.recipe.source;
  if (!source.git) return TakenSource{source, {}, {}, !request.revision.empty()};
  TakenSource taken;
  TRY_ASSIGN(taken.commit, transfer::take_commit(*source.git, with.cache_folder, with.stop));
  taken.source = taken.commit->as_archive();
  for (const std::string& text : taken.commit->remarks) taken.remarks.push_back({"", text});
  return taken;
}

Result<ExaminedSource> examine_source(const Request& request, const Surroundings& with) {
  TRY_ASSIGN(auto taken, take_source(request, with));
  plan::Claims claims(request.recipe);
  transfer::SourceSummary summary;
  // A commit has been looked through already.
  if (!taken.commit || claims.any()) {
    TRY_ASSIGN(summary, transfer::examine(taken.source, with.stop, [&](const transfer::Entry& entry) { claims.see(entry.path, kind_of(entry)); }));
  }
  if (taken.commit) summary = taken.commit->summary();
  remark_on_revision(taken, summary);
  return ExaminedSource{std::move(taken), std::move(summary), claims.hindered()};
}

Result<BegunSource> begin_source(const Request& request, const Surroundings& with) {
  TRY_ASSIGN(auto taken, take_source(request, with));
  TRY_ASSIGN(auto listing, transfer::BegunListing::begin(taken.source, with.cache_folder, with.stop));
  return BegunSource{std::move(taken), std::move(listing)};
}

Result<ListedSource> finish_source(BegunSource source) {
  TRY_ASSIGN(auto listing, source.listing.finish());
  if (source.taken.commit) listing.summary.revision = source.taken.commit->sha;
  remark_on_revision(source.taken, listing.summary);
  return ListedSource{std::move(source.taken), std::move(listing)};
}

std::vector<Error> in_the_way(const recipe::Recipe& recipe, const BegunSource& source) {
  plan::Claims claims(recipe);
  for (const auto& listed : source.listing.entries()) claims.see(listed.entry.path, kind_of(listed.entry));
  return claims.hindered();
}

bool may_be_made(const recipe::Recipe& recipe) { return recipe.hooks.contains(recipe::HookPoint::before_connect); }

Error not_made_yet(const Request& request, Error error) {
  if (!may_be_made(request.recipe) || error.code != ErrorCode::recipe) return error;
  std::string advice;
  for (const std::string& task : request.recipe.hooks.at(recipe::HookPoint::before_connect)) {
    advice += fmt::format("{}{} task {} {}", advice.empty() ? "" : " && ", request.command, request.recipe.stage,
                          shell_word(task));
  }
  if (!error.hint.empty()) error.hint += "; ";
  error.hint += "a before_connect task may make it, which only a deploy runs; to have it now: " + advice;
  return error;
}

std::vector<plan::Remark> take_what_may_be_mended(const recipe::Recipe& recipe, std::vector<Error>& in_the_way) {
  std::vector<plan::Remark> remarks;
  if (!may_be_made(recipe)) return remarks;
  for (const Error& error : in_the_way) remarks.push_back({"", error.message + ": a deploy is refused unless a before_connect task changes that"});
  in_the_way.clear();
  return remarks;
}

release::TreeEntry::Kind kind_of(const transfer::Entry& entry) {
  using From = transfer::Entry::Kind;
  using To = release::TreeEntry::Kind;
  return entry.kind == From::directory ? To::directory : entry.kind == From::symlink ? To::link : To::file;
}

std::optional<Error> unusable_cache(const recipe::Recipe& recipe, const Surroundings& with) {
  if (recipe.transfer == recipe::Transfer::rsync) return std::nullopt;
  const auto spool = transfer::Spool::open(with.cache_folder, 0);
  return spool ? std::nullopt : std::optional(spool.error());
}

Result<std::optional<plan::Commits>> commits_since(const std::string& live, const TakenSource& source, const std::stop_token& stop) {
  if (!source.commit || live.empty()) return std::nullopt;
  TRY_ASSIGN(auto range, transfer::commits_since(live, *source.commit, stop));
  if (!range) return std::nullopt;
  plan::Commits commits{live, source.commit->sha, range->ahead, range->behind};
  for (auto& each : range->commits) commits.listed.push_back({std::move(each.sha), std::move(each.subject)});
  return commits;
}

}  // namespace kirikae::deploy
