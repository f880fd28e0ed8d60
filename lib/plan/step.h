// Step: one thing that is done on one host, as data. A step becomes shell text only when it is run (command_for).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/secret_set.h"
#include "host/command.h"
#include "plan/log_line.h"
#include "plan/templates.h"
#include "release/layout.h"
#include "release/manifest.h"
#include "release/release.h"

namespace kirikae::plan {

struct Prepare {  // the tree, the release's folder, its record `preparing`
  host::ReleaseInfo info;
  std::string application{};
};
struct Unpack {  // the payload, over a data channel
  std::string id;
  std::string encoding;     // zstd | gzip | none
  std::uint64_t bytes = 0;  // unpacked
  std::uint64_t files = 0;
  std::uint64_t limit_rate = 0;  // bytes per second to all hosts together; 0: none
  std::uint64_t hosts = 1;       // that share it
  std::optional<host::Rebuild> rebuild{};  // none: the payload is all there is
  std::shared_ptr<const release::Delta> delta{};  // with `rebuild`: what the payload leaves out, and says instead
  bool adaptive = false;  // what isn't worth it goes uncompressed within the encoding
  std::optional<host::Rsync> rsync{};  // it is no stream that was packed, but what rsync says
  release::Paths unusable{};  // what the host has answered so far not to be as its lists say
};
struct Link {  // the payload's checksum compared, then shared paths, copied paths, REVISION
  host::ReleaseInfo info;
  std::vector<std::string> directories;
  std::vector<std::string> files;
  std::vector<std::string> copied;
};
struct PlaceTemplate {  // rendered and put in place
  std::string id;
  TemplateFile file;
  std::map<std::string, std::string> environment;
  std::vector<std::string> roles;  // of the host
  std::shared_ptr<const MustacheValue> stage;
};
struct RunTask {
  std::string task;
  std::string run;
  std::string folder;  // on the host; empty: the user's home
  std::map<std::string, std::string> environment;
  std::optional<std::chrono::seconds> timeout;
  std::string become{};           // another user of the host; empty: none
  std::string become_password{};  // the name of the secret that sudo is given; empty: none
  bool pty = false;
};
struct Seal {  // data synced to disk, then the record `ready`
  host::ReleaseInfo info;
};
struct Publish {
  std::string id;
  std::string expected_live;  // what preflight saw; empty: no release was live
  std::string left{};         // by a rollback, a release id or `none`; empty: it is none
  std::string condemned{};    // what a rollback that has died there had left: bad before the note of that goes; empty: none
};
struct Unpublish {  // `current` as it was before there was a release of ours
  std::string expected_live;
  std::string target;  // the link's raw text then; empty: there was none
};
struct Settle {  // the records after a switch, and the audit lines
  std::vector<std::pair<std::string, release::State>> marks;  // release id, its new state
  LogEntry entry;
  bool ends_rollback = false;  // its note goes
};
struct Prune {
  std::vector<std::string> ids;
  bool rest = false;  // something is left of releases that could not be removed whole
};

using Step = std::variant<Prepare, Unpack, Link, PlaceTemplate, RunTask, Seal, Publish, Unpublish, Settle, Prune>;

// As people read it: "unpack", "task migrate".
std::string name_of(const Step& step);

// What goes, for people: "20261120000000, what an earlier prune has left".
std::string removal_text(const Prune& prune);

// What is only known while a run is under way.
struct RunValues {
  std::string sha256;    // of the packed payload
  std::string revision;  // for REVISION
  const SecretSet* secrets = nullptr;  // for the commands' environment; they are no part of a plan
  std::vector<std::string> rsync{};  // how rsync wants to be called on the host
  std::size_t list_size = 0;         // bytes of the list that goes before it
};

// The shell text of a step for one host.
host::Command command_for(const Step& step, const release::Layout& layout, const release::Facts& facts, const RunValues& values);

}  // namespace kirikae::plan
