// What is said to a host: shell text for the script that runs there (lib/host/*.sh). Pure: values in, text out.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret_set.h"
#include "release/layout.h"
#include "release/release.h"

namespace kirikae::host {

// One step. `text` is calls of `kk_paths`, assignments of quoted values and one call of a function of the script; it travels through the control
// shell's standard input, never in an argv.
struct Command {
  std::string name;  // for messages: "facts", "publish", "task migrate"
  std::string text;
  // It runs functions of the script and nothing else, which leave no process behind. Any other text finds of them only what every step may call.
  bool ours = false;
  bool terminal = false;  // it needs one: a channel of its own, whose streams are one; without `input`
  std::string input{};  // lines for its standard input, which is empty otherwise: what may stand in no environment either
};

// Several in one round trip; the first that fails ends the step.
Command joined(std::string name, const std::vector<Command>& commands);

// The script for the control shell, and the one for the others, which run one command each; and the line that starts what reads it, which every
// login shell passes on unharmed. It is given packed(), and where it can't unpack that, says `plain_wanted`, forgets what has come behind it, and waits for plain(). The protocol spoken from there on is in docs/design.md.
std::string_view control_script();
std::string_view data_script();
std::string start_line();
std::string packed(std::string_view script);
std::string plain(std::string_view script);
inline constexpr std::string_view plain_wanted = "kirikae-plain";

// The same on a channel with a terminal, which is made fit for the script first: nothing may be sent before it has said `terminal_ready`, and
// then at_terminal() alone: the script, and the one step. Standard output and standard error are one there, and standard error's frames are not sent.
std::string terminal_line();
std::string at_terminal(std::string_view script, std::string_view nonce, std::uint64_t id, std::string_view text);
inline constexpr std::string_view terminal_ready = "kirikae-terminal";

// The remote command of `ssh` for a person: a login shell in `current`, else in deploy_to, else at home. Every login shell passes it
// on unharmed, whatever deploy_to is called.
std::string interactive_line(const release::Layout& layout);

// What releases need of a host, besides a tree.
struct Wanted {
  std::vector<std::string> files{};        // shared files that have to be there
  std::vector<std::string> directories{};  // shared directories, made where they are missing
  std::vector<std::string> written{};      // of shared/, what templates make anew each time
  bool unpacks = true;                     // what unpacks payloads has to be there
};
// Reads everything: tools, room, clock, `current`, releases and their states, missing shared files. Changes nothing: a host
// that was never deployed to stays untouched. Output: release::parse_facts.
Command facts(const release::Layout& layout, const Wanted& wanted);

// Who takes the run lock, or freezes. All texts are one line.
struct LockInfo {
  std::string token;  // of the run and, behind a dot, of the host in it: hex digits
  std::string name;   // of the host, as the run calls it
  std::string by;     // user@machine
  std::string since;  // UTC, as people read it
  std::string what;   // "deploy production", or why
  std::string url;    // of the CI job; empty: none
};
// Takes the run lock for the control shell that runs it (which has been told `hold` before). Status 0: the output has
// `locked=yes`, or there can't be a lock, and the facts have the problem. 3, 7 and 8: lib/host/lock.sh; the output is for
// release::parse_holder.
Command lock(const release::Layout& layout, const LockInfo& info, bool despite_freeze);
// Assignments for the control shell's `hold` (ssh::Transport::hold): which lock it frees when it ends.
std::string hold(const release::Layout& layout, const std::string& token);
// Frees the lock, if it is the control shell's.
Command unlock(const release::Layout& layout, const std::string& token);
// In front of a step's text: it ends with status 9, and nothing is done, where the lock is not ours any more; then it has said
// `lost=TOKEN`.
std::string guard(const release::Layout& layout, const std::string& token);
// Where somebody else has frozen it meanwhile, the answer says so as that of `lock` does, and nothing is changed.
Command freeze(const release::Layout& layout, const LockInfo& info);
// Ends the freeze with the token `freeze`. `lock`: the token of the run lock that goes as well, whoever has it; empty: none does. Fails
// where they are others by now.
Command thaw(const release::Layout& layout, const std::string& freeze, const std::string& lock);

// Makes the tree where it is missing, the release's folder, and its record `preparing`. Fails if the release exists.
struct ReleaseInfo {
  std::string id;
  std::string revision;  // REVISION's first line
  std::string by;        // user@machine of the operator
  std::string previous;  // live release before; empty: none
};
// `application`: whose tree it is from now on, if nobody has said so before; empty: that isn't said.
Command prepare(const release::Layout& layout, const ReleaseInfo& info, const std::string& application = {});

// For the data channel: unpacks the tar stream on standard input, `encoding` zstd | gzip | none, into the release. Prints
// `sha256=<64 hex digits>` of the stream as received, hashed on the host. `bytes`: about so many it is.
Command receive(const release::Layout& layout, const std::string& id, const std::string& encoding,
                const release::Facts& facts, std::uint64_t bytes = UINT64_MAX);

// What a release's files come from besides the upload (lib/host/rebuild.sh).
struct Rebuild {
  std::string part;           // the folder in the payload that says what to do
  std::string manifest;       // the digest of the release's list of files
  std::string base;           // the release that has the rest; empty: everything was sent
  std::string base_manifest;  // the digest of its list
  bool link = false;          // by hard links instead of copies
  bool full = false;          // compare all sums
};
// `receive`, and then the rest of the release. Status `base_changed`: the output has lines `changed=PATH`, or `changed=*`.
inline constexpr int base_changed = 10;
Command receive(const release::Layout& layout, const std::string& id, const std::string& encoding, const release::Facts& facts,
                const Rebuild& rebuild, std::uint64_t bytes = UINT64_MAX);
// A payload that comes by rsync (lib/host/rsync.sh).
struct Rsync {
  std::string manifest{}; // the digest of the release's list of files
  std::string base{};     // the release beside it that has the rest; empty: none has
  bool link = false;      // by hard links instead of copies
  bool full = false;      // compare all sums
  bool checksum = false;  // rsync looks at contents, not at times and sizes
};
// For the data channel: reads the list, `size` bytes, prints `rsync_begins`, and runs `words`: rsync as it wants to be called. Status
// `base_changed`: standard error has lines `changed=PATH`, or `changed=*`.
inline constexpr std::string_view rsync_begins = "kirikae-rsync";
Command rsync(const release::Layout& layout, const std::string& id, const release::Facts& facts, const Rsync& rsync, std::size_t size,
              const std::vector<std::string>& words);

// The list of a release's files: release::parse_manifest, once it is unpacked.
Command manifest(const release::Layout& layout, const std::string& id);
// The chunks of its large files: release::parse_chunks, likewise. Nothing where it has none.
Command chunks(const release::Layout& layout, const std::string& id);
// What these two have printed, as text; it came by gzip where the host has that. Nullopt: it is cut off or damaged, or more than `most` bytes.
std::optional<std::string> unpacked_answer(std::string answer, std::size_t most);

// After the upload: refuses where the stream's sha256, as the host computed and noted it, is not `sha256`.
Command verify(const release::Layout& layout, const std::string& id, const std::string& sha256);

// Links shared directories and files into the release, takes over `copied` paths from info.previous, writes REVISION. Symlinked
// parents inside the release are refused.
Command link(const release::Layout& layout, const ReleaseInfo& info, const std::vector<std::string>& directories,
             const std::vector<std::string>& files, const std::vector<std::string>& copied);

// A file made from a template, put in place whole, with its mode; `to` is in the release, or in shared/. Parents that are links are
// refused. The content must be free of NUL bytes.
Command place_template(const release::Layout& layout, const std::string& id, const std::string& to, bool shared, unsigned mode,
                       std::string_view content);
// The step fails there with this message.
Command failure(std::string name, std::string_view message);

// A command of the recipe: `sh -e` in `folder`, with `environment` and, unless null, `secrets` exported.
Command task(const std::string& name, const std::string& run, const std::string& folder,
             const std::map<std::string, std::string>& environment, const SecretSet* secrets = nullptr);

// The same with a terminal.
Command task_at_terminal(const std::string& name, const std::string& run, const std::string& folder,
                         const std::map<std::string, std::string>& environment, const SecretSet* secrets = nullptr);

// As `task`, as another user of the host, by sudo.
struct Become {
  std::string user;
  std::string_view password{};  // of who logs in, which sudo may ask for; empty: it must not ask
};
Command task_as(const Become& become, const std::string& name, const std::string& run, const std::string& folder,
                const std::map<std::string, std::string>& environment, const SecretSet* secrets = nullptr);

// The same with a terminal, for sudo too. The password is in the text, which is in no environment there.
Command task_at_terminal_as(const Become& become, const std::string& name, const std::string& run, const std::string& folder,
                            const std::map<std::string, std::string>& environment, const SecretSet* secrets = nullptr);

// A command that somebody typed: `sh -e` in `current`, or in the home folder where there is none. RELEASE, RELEASE_PATH and
// REVISION are of what is live there, whatever `environment` says.
Command run(const release::Layout& layout, const std::string& text, const std::map<std::string, std::string>& environment,
            const SecretSet* secrets = nullptr);

// Prints the last `lines` lines of files, and where `follow` is set what is added to them, until it is ended; one that isn't there is
// told, and waited for. `patterns` as Recipe::logs.
Command logs(const release::Layout& layout, const std::vector<std::string>& patterns, bool follow, int lines);

// Syncs the release's data to disk, then its record becomes `ready`, with what `info` says by now.
Command seal(const release::Layout& layout, const ReleaseInfo& info, const release::Facts& facts);

// Switches `current` to `id`, and notes first that a rollback leaves `left` for it, where that is not empty: unique temporary link, rename, read back. Refuses a `current` that is no link, and (unless
// `expected_live` is nullopt) one that isn't what preflight saw. What stands in an older note is lost with it: where `condemned` is not empty, that
// release's record becomes `bad` before anything else.
Command publish(const release::Layout& layout, const std::string& id, const release::Facts& facts,
                const std::optional<std::string>& expected_live, const std::string& left = {}, const std::string& condemned = {});

// That note goes: all went well, or the way back is done.
Command end_rollback(const release::Layout& layout);

// The undo of a first release: `current` becomes a link to `target`, whatever that is, or goes where that is empty. Done where it
// is so already. Refuses as publish does.
Command unpublish(const release::Layout& layout, const release::Facts& facts, const std::optional<std::string>& expected_live,
                  const std::string& target);

// The record of a release becomes `state`, written to a unique temporary file, synced, renamed.
Command mark(const release::Layout& layout, const std::string& id, release::State state, const release::Facts& facts);

// Appends one line to log.jsonl and, where not empty, one to revisions.log (Capistrano's format). `json` is one line.
Command log(const release::Layout& layout, const std::string& json, const std::string& revisions_line);

// The last `lines` lines of log.jsonl, none where there is no such file.
Command audit(const release::Layout& layout, int lines);
// The same of the lines of deploys and rollbacks that were good or undone, whatever is logged besides.
Command last_switches(const release::Layout& layout, int lines);

// Lists the release `id` file by file, for release::parse_tree; an empty list where `id` is empty.
Command tree(const release::Layout& layout, const std::string& id, const release::Facts& facts);

// Removes releases and their records: record first marked failed, then renamed away, then deleted. Prints `removed=<id>` for
// each; what can't be removed is named on standard error and the status is not 0, the rest is removed all the same.
Command prune(const release::Layout& layout, const std::vector<std::string>& ids);

}  // namespace kirikae::host
