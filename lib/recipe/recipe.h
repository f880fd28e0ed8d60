// Recipe: what a deploy.yml says about one stage, checked, merged and interpolated. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"

namespace kirikae::recipe {

// One command that the recipe names. Exactly as written: nothing is interpolated inside `run`.
struct Task {
  std::string name;
  std::string run;                              // POSIX shell text, run by /bin/sh -e
  std::vector<std::string> roles;               // hosts with any of these; empty: every host
  bool once = false;                            // on one host only: the primary that matches, else the first in recipe order
  bool local = false;                           // on this machine, once, in the recipe's folder
  std::optional<std::chrono::seconds> timeout;  // none: no limit
  std::string become;                           // the user of the host that it runs as, by sudo; empty: who has logged in
  std::string become_password;                  // the name of a secret; empty: the recipe's
  bool pty = false;                             // at a terminal
  std::string dir;                              // working directory inside the release (local: inside the recipe's folder)
  Span span;
};

// Where in a deploy or a rollback tasks run. The names are those of the recipe (`before_upload`, `build`, `failed` …).
enum class HookPoint {
  before_connect, after_connect, before_upload, after_upload, before_link, after_link,
  before_build, build, after_build, before_publish, after_publish, before_prune, after_prune,
  failed, after_rollback,
};
inline constexpr int hook_point_count = 15;
std::string_view name_of(HookPoint point);

// Where a secret comes from: exactly one is not empty. The value itself is never part of a recipe.
struct SecretSource {
  std::string env;      // a variable of the operator's environment
  std::string file;     // absolute
  std::string command;  // POSIX shell text, run in the recipe's folder
  Span span;
};

// A value that a person gives.
struct Prompt {
  std::string name;
  std::string question;
  std::optional<std::string> fallback;  // its default; none: see the next, or there is none
  std::string fallback_command;         // POSIX shell text that prints it; empty: none
  bool secret = false;
  bool answered = false;  // by --set or by Surroundings::answers
  Span span;
};

// What has no value here, since it waits for the answers to prompts.
struct Waiting {
  std::set<std::string> keys;       // of the recipe; of a map or a list, any value in it
  std::set<std::string> vars, env;  // names under these two
};

struct Template {
  std::string from;  // absolute, on the operator's machine
  std::string to;    // in the release or in shared/; normalised like Shared
  std::optional<unsigned> mode;
  bool shared = false;
  Span span;
};

struct DirectorySource {
  std::string path;                   // absolute; relative paths of the recipe start at the recipe's folder
  std::vector<std::string> excludes;  // .gitignore patterns, in order
};
struct ArchiveSource {
  std::string path;    // absolute
  std::string sha256;  // 64 lower-case hex digits, or empty
  int strip = 0;       // how many leading parts of each name are taken off
};
struct GitSource {
  std::string repository;  // absolute path of this machine, or a URL that git takes
  std::string revision;    // branch, tag or commit; empty: HEAD, of a URL its default branch
  enum class Kind { any, branch, tag } kind = Kind::any;  // of `revision`, where the command line says it
};
struct Source {
  std::optional<DirectorySource> directory;  // exactly one of the three is set
  std::optional<ArchiveSource> archive;
  std::optional<GitSource> git;
};
// Whether `repository` names one that git fetches from, as git tells that from a path.
bool is_remote(std::string_view repository);

// Relative to shared/ and to the release alike; normalised: no leading or trailing slash, no `.`, `..` or empty part.
struct Shared {
  std::vector<std::string> directories;
  std::vector<std::string> files;
};

struct Ssh {
  // What is empty or 0 is as ssh_config has it.
  std::string config;                    // absolute path of the file to read instead of OpenSSH's own, or "none"
  std::string transport;                 // "libssh2", which it is where nobody says, "openssh" or "auto"
  int port = 0;                          // for hosts that name none
  std::optional<bool> accept_new;        // the key of a host that is in no known_hosts file
  std::vector<std::string> known_hosts;  // absolute paths, instead of all others; the first gets new keys
  std::vector<std::string> identities;   // absolute paths of private keys, instead of all others
  std::string password;                  // the name of a secret; empty: none
  std::optional<std::chrono::seconds> connect_timeout;
  std::optional<std::chrono::seconds> keepalive;
  std::optional<bool> forward_agent;     // hosts may use this machine's ssh-agent
  int parallel = 100;                    // hosts that are logged in to, or worked on, at the same time
};

// A host as the stage lists it, ranges not yet expanded.
struct HostEntry {
  std::string address;  // `[user@]name-or-address[:port]`, perhaps with ranges
  std::vector<std::string> roles;
  bool primary = false;
  std::optional<int> port;
  std::string user;     // empty: the recipe's
  std::string transport{};  // likewise
  std::map<std::string, std::string> vars;
  Span span;
};

enum class Transfer { delta, tarball, rsync };

struct Recipe {
  std::string file;    // path of the recipe, as it was found
  std::string folder;  // absolute; relative local paths start here
  std::string stage;
  std::set<std::string> roles;  // that a host of any stage has
  std::string application;
  std::string deploy_to;  // absolute, normalised, on the hosts
  int keep_releases = 5;
  std::uint64_t limit_rate = 0;  // bytes per second of payload to all hosts together; 0: no limit
  std::string user;       // empty: as ssh_config has it
  std::string become_password;  // the name of a secret, for tasks with `become` that name none; empty: sudo asks for none
  bool confirm = false;   // ask before changing this stage
  std::map<std::string, std::string> vars;  // exported to every command; never in an argv
  std::map<std::string, std::string> env;   // likewise, after vars; PATH may be here
  std::map<std::string, SecretSource> secrets;  // by the name that commands have them under
  std::vector<Prompt> prompts;                  // in the recipe's order; what was answered is in vars too, unless it is secret
  Waiting waiting;
  Source source;
  Transfer transfer = Transfer::delta;
  bool reuse_links = false;  // files that a host has are linked, not copied
  bool verify_full = false;  // and their sums are compared
  std::string compression = "auto";  // that, "zstd", "gzip" or "none"
  Shared shared;
  std::vector<Template> templates;
  std::vector<std::string> copied;  // taken over from the live release before the build hooks; normalised like Shared
  std::vector<std::string> logs;    // log files on the hosts, absolute or relative to `current`; with * ? [
  std::map<std::string, Task> tasks;
  std::map<HookPoint, std::vector<std::string>> hooks;  // task names, in order
  Ssh ssh;
  std::vector<HostEntry> hosts;  // at least one
};

// The names of the secrets that are passwords of ours: no command and no template has them.
std::set<std::string> passwords_of(const Recipe& recipe);

// The shared files that must be on a host already: those that no template makes.
std::vector<std::string> files_to_bring(const Recipe& recipe);

}  // namespace kirikae::recipe
