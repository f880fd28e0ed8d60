// The source as one run takes it: a commit of a git source is looked up once, for all hosts, and is an archive from then on.
#pragma once

#include <optional>
#include <vector>

#include "deploy/deploy.h"
#include "plan/claims.h"
#include "plan/diff.h"
#include "transfer/artifact.h"
#include "transfer/git_source.h"
#include "transfer/listing.h"

namespace kirikae::deploy {

struct TakenSource {
  recipe::Source source;  // a directory or an archive
  std::optional<transfer::GitCommit> commit{};
  std::vector<plan::Remark> remarks{};
  bool has_revision = false;  // whatever it is made from
};
// Outlives what reads the source. Errors: as transfer::take_commit().
Result<TakenSource> take_source(const Request& request, const Surroundings& with);

struct ExaminedSource {
  TakenSource taken;
  transfer::SourceSummary summary;
  std::vector<Error> in_the_way;  // as in_the_way()
};
Result<ExaminedSource> examine_source(const Request& request, const Surroundings& with);

// With the sum of every file: in two steps, as transfer::BegunListing.
struct BegunSource {
  TakenSource taken;
  transfer::BegunListing listing;
};
struct ListedSource {
  TakenSource taken;
  transfer::Listing listing;
};
Result<BegunSource> begin_source(const Request& request, const Surroundings& with);
Result<ListedSource> finish_source(BegunSource source);

// What of it keeps every host from linking shared paths and the like. Errors: as plan::Claims::hindered().
std::vector<Error> in_the_way(const recipe::Recipe& recipe, const BegunSource& source);

// Whether tasks of this machine may make the source first; a check and a plan don't run them.
bool may_be_made(const recipe::Recipe& recipe);
// What a verb that needs the source, and runs none of these tasks, says where it isn't there.
Error not_made_yet(const Request& request, Error error);
// Takes out what is no problem then, since they may mend it.
std::vector<plan::Remark> take_what_may_be_mended(const recipe::Recipe& recipe, std::vector<Error>& in_the_way);

release::TreeEntry::Kind kind_of(const transfer::Entry& entry);

// That nothing could be packed, since the cache folder can't be made or written to.
std::optional<Error> unusable_cache(const recipe::Recipe& recipe, const Surroundings& with);

// The commits between the one that is live, if it is one of the repository, and the one that was taken.
Result<std::optional<plan::Commits>> commits_since(const std::string& live, const TakenSource& source, const std::stop_token& stop);

}  // namespace kirikae::deploy
