// Release ids and states; which release is the previous one, and which may go. Pure decisions, each in one place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace kirikae::release {

// A release's name: UTC, 14 digits (YYYYMMDDHHMMSS). Sorts by age as text.
bool is_release_id(std::string_view text);
inline constexpr std::string_view last_release_id = "99999999999999";  // none comes after it
std::string release_id_at(std::int64_t unix_seconds);
// max(now, newest + 1 s), so that a slow clock can't sort a new release before the live one. `newest` may be empty.
std::string next_release_id(std::int64_t now_unix_seconds, std::string_view newest);

enum class State { preparing, ready, good, bad, failed };
std::string_view name_of(State state);
std::optional<State> state_from(std::string_view name);

struct ReleaseOnHost {
  std::string id;
  std::optional<State> state;  // none: no record, another tool made it
  std::string revision;        // first line of its REVISION, empty where it has none
  std::string deployed_by;     // from the record
  std::string manifest{};      // the digest of the list of its files; empty: the host has none
};

// Who holds a host's run lock, or has frozen it.
struct LockHolder {
  std::string by;     // user@machine
  std::string since;  // UTC, as people read it
  std::string what;   // "deploy production"; of a freeze: why
  std::string url;    // of the CI job; empty: none
  std::string token{};  // which of his locks it is; `none`: one that isn't ours
};
// `ada@ci since 2026-11-23 10:00:00 UTC (deploy production)`, and the URL behind a comma.
std::string to_text(const LockHolder& holder);

// What one host answered in preflight.
struct Facts {
  std::string host;  // whose answer it is: a name for messages, set by who asked
  std::string application;  // whose tree it is; empty: not known
  std::string live;  // release id that `current` points to; empty: none
  bool current_is_directory = false, current_is_file = false;
  bool current_dangles = false;  // what it points to is not there, or no folder
  bool unseen = false;           // it can't be looked at what there is, so that none of this is known: the first of `problems` says why
  std::string unsettled;  // a rollback to `live` has died behind its switch: the id that it left, or `none`
  std::string current_target;              // raw link text where it points to none of our releases; else empty
  std::string gone_target;                 // the same where the folder of `live` is gone, or only a link
  std::vector<ReleaseOnHost> releases;     // ascending by id; only directories that bear a release id
  bool half_pruned = false;                // something is left of releases that could not be removed whole
  std::vector<std::string> missing_files;  // shared files that are not there, as the recipe names them
  std::vector<std::string> problems;       // other reasons why nothing can be switched there, as sentences
  std::vector<std::string> payload_problems;  // the same of new releases only; a rollback needs none of that
  std::string
      mv;  // how to replace a link: "T" (GNU, busybox), "h" (BSD), "perl" or "python3"; empty: no way (a problem)
  std::string hash;  // openssl | sha256sum | shasum | sha256 | busybox; empty: none (a problem)
  std::string small_hash;  // what starts quicker than `hash`, for little data; empty: nothing does
  bool gnu = false;        // it has GNU's coreutils
  bool zstd = false;
  bool gzip = false;
  bool setsid = false;
  bool sudo = false;
  bool rsync = false;
  bool sync_file_system = false;     // `sync -f` works
  // On the file system of its releases; as it is here: the host does not say (df in a chroot).
  std::uint64_t free_kilobytes = UINT64_MAX;
  std::uint64_t free_inodes = 0;  // 0: the file system doesn't say
  // The same of that of deploy_to, with the records.
  std::uint64_t root_kilobytes = UINT64_MAX, root_inodes = 0;
  std::int64_t clock = 0;            // the host's unix seconds when it answered
  // The operator's unix seconds before it was asked and after it had answered; 0: not known. Set by who asked.
  std::int64_t asked = 0, answered = 0;
  std::string system;                // `uname -s`
  std::string place;                 // which tree of which system it is: equal for hosts that are the same; empty: not known
  bool locked = false;               // the run lock is ours
  std::string lock_token;            // with which it is; set by who took it
  std::optional<LockHolder> lock;    // whose it is, where somebody alive holds it; ours, once it is ours
  std::optional<LockHolder> stale_lock;  // of a run that is dead
  std::optional<LockHolder> frozen;
  std::map<std::string, std::string> environment;  // some of what commands see there: PATH, HOME, LANG …
  std::string umask;                 // octal digits
};
// The live release, as far as it can be gone back to or built on: its folder is there. Empty: none.
std::string standing_release(const Facts& host);
// Where that is empty: what `current` has to be made a link to again. Empty: there was no such link.
const std::string& link_before(const Facts& host);
// From the output of the host function `facts` (host/command.h); unknown keys are ignored, hostile text is refused.
// Error code lost: what came is no answer of our script.
Result<Facts> parse_facts(std::string_view output);

// What a host answered that has refused the run lock.
struct LockRefusal {
  std::optional<LockHolder> lock;
  std::optional<LockHolder> frozen;
  std::string same_as;  // the name under which this very run has locked it already
};
Result<LockRefusal> parse_lock_refusal(std::string_view output);

// The newest release id on any host, empty where there is none.
std::string newest_release(const std::vector<Facts>& hosts);

// The rollback target: the newest good release older than the live one (the newest live one where hosts differ), present and
// good on every host. Where a rollback to the live one has died (Facts::unsettled), that one again. Error (preflight): no candidate; says what was looked for and what each host has.
Result<std::string> previous_release(const std::vector<Facts>& hosts);
// What a rollback that has died behind its switch has left for the live release, where that is older and the host still has it: as bad as
// what every rollback leaves so. Empty: none.
std::string condemned_release(const Facts& host);
// `deploy rollback --to ID`: errors where it is missing on a host, or not complete there (preparing, failed).
Result<std::string> named_release(const std::vector<Facts>& hosts, std::string_view id);

// Releases of one host that a prune after a successful deploy of `live` removes: those that never served well (failed, preparing, or
// ready and passed by), and good or bad ones older than the newest `keep` good ones. `live` counts as good, whether or not `host`
// was read after it was made. Never: live, `rollback_target`, releases without a record, ones newer than live.
std::vector<std::string> to_prune(const Facts& host, std::string_view live, std::string_view rollback_target, int keep);

// The same without a deploy, for the release that is live now. Besides `rollback_target`, which all hosts have in common, the newest good
// one of this host before its live one stays. What dead runs have left (failed, preparing, or ready and never switched to) goes,
// newer than live or not; where none is live, nothing else does.
std::vector<std::string> to_prune_now(const Facts& host, std::string_view rollback_target, int keep);

}  // namespace kirikae::release
