#include "host/command.h"

#include <algorithm>
#include <iterator>

#include "core/shell_quote.h"

namespace kirikae::host {

// Functions that only one verb needs travel with its command, not in the script that every channel gets.
std::string_view embedded_script(std::string_view name);

namespace {

// The function of path_function(): shells read a text byte by byte, several of them one after the other, so it is short.
constexpr std::string_view set_paths = "kk_paths ";
std::string paths(const release::Layout& layout) { return std::string(set_paths) + shell_quote(layout.root()) + '\n'; }

// A record's value, or a line of a log: one line, without control characters.
std::string one_line(std::string_view value, std::size_t limit = std::string_view::npos) {
  const auto end = std::min(limit, value.find_first_of(std::string_view("\n\r\0", 3)));
  std::string line(value.substr(0, end));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

constexpr std::size_t longest_value = 200;  // of a record's line

// Less than this, sha256sum has hashed before openssl has begun to: it takes 4 ms to start, and then is about five times as fast.
constexpr std::uint64_t small_payload = 1'000'000;

std::string record(const ReleaseInfo& info) {
  return shell_assign("kk_release", info.id) + shell_assign("kk_revision", one_line(info.revision, longest_value)) +
         shell_assign("kk_by", one_line(info.by, longest_value)) + shell_assign("kk_previous", info.previous);
}

std::string lock_values(const LockInfo& info) {
  return shell_assign("kk_token", info.token) + shell_assign("kk_name", one_line(info.name, longest_value)) +
         shell_assign("kk_by", one_line(info.by, longest_value)) + shell_assign("kk_since", one_line(info.since, longest_value)) +
         shell_assign("kk_what", one_line(info.what, longest_value)) + shell_assign("kk_url", one_line(info.url, longest_value));
}

std::string sync_with(const release::Facts& facts) {
  return shell_assign("kk_syncfs", facts.sync_file_system ? "yes" : "no");
}

std::string call(std::string_view function, const std::vector<std::string>& arguments = {}) {
  std::string text(function);
  for (const auto& argument : arguments) text += ' ' + shell_quote(argument);
  return text + '\n';
}

std::string exports(const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  std::string text;
  for (const auto& [key, value] : environment) text += "export " + shell_assign(key, value);
  if (secrets == nullptr) return text;
  for (const auto& [key, value] : secrets->values()) text += "export " + shell_assign(key, value.reveal());
  return text;
}

// For a task that has them in a process of its own.
std::string environment_function(const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  return "kk_environment() {\n:\n" + exports(environment, secrets) + "}\n";
}

// What the shell of another user reads for a task, but for the call that begins it.
std::string other_users_program(const std::string& run, const std::string& folder, const std::map<std::string, std::string>& environment,
                           const SecretSet* secrets) {
  return "unset LC_ALL\n" + std::string(embedded_script("fail")) + std::string(embedded_script("task")) +
         std::string(embedded_script("other_user")) + shell_assign("kk_folder", folder) + shell_assign("kk_run", run) +
         environment_function(environment, secrets);
}

// What brings it there.
std::string by_sudo(const Become& become, const std::string& program) {
  return std::string(embedded_script("become")) + shell_assign("kk_become", become.user) +
         shell_assign("kk_count", std::to_string(std::count(program.begin(), program.end(), '\n'))) + shell_assign("kk_program", program);
}

// A name as parse_facts reads it back: what isn't plain text of one line is written %XX.
std::string percent_encoded(std::string_view name) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && byte != '%') {
      text += c;
    } else {
      text += {'%', digits[byte / 16], digits[byte % 16]};
    }
  }
  return text;
}

// Of kk_f.
constexpr std::string_view say_packed = R"(gzip -1 2>/dev/null <"$kk_f" || cat "$kk_f")";

std::string kept_file(const release::Layout& layout, const std::string& id, std::string_view name) {
  return paths(layout) + shell_assign("kk_release", id) + "kk_f=\"$kk_own/manifests/$kk_release/" + std::string(name) + "\"\n";
}

}  // namespace

Command joined(std::string name, const std::vector<Command>& commands) {
  Command all{std::move(name), {}, true};
  std::string_view before;
  for (const auto& command : commands) {
    // Where they are of the same paths, these are said once.
    std::string_view text = command.text;
    const auto first = text.substr(0, text.find('\n') + 1);
    if (first == before && first.starts_with(set_paths)) text.remove_prefix(first.size());
    before = first;
    all.text += text;
    all.ours = all.ours && command.ours;
  }
  return all;
}

std::string path_function() {
  const release::Layout layout("$1");
  std::string text = "kk_paths() {\n";
  for (const auto& [variable, path] : std::initializer_list<std::pair<const char*, std::string>>{
           {"kk_root", layout.root()},
           {"kk_current", layout.current()},
           {"kk_releases", layout.releases()},
           {"kk_shared", layout.shared()},
           {"kk_own", layout.own()},
           {"kk_states", layout.states()},
           {"kk_log_file", layout.log()},
           {"kk_revisions_log", layout.revisions_log()}}) {
    text += std::string(variable) + '=' + path + '\n';
  }
  return text + "}\n";
}

Command facts(const release::Layout& layout, const Wanted& wanted) {
  std::vector<std::string> arguments;
  const auto add = [&](const std::vector<std::string>& names, const std::string& kind) {
    for (const auto& name : names) arguments.insert(arguments.end(), {name, kind.empty() ? "=" + percent_encoded(name) : kind});
  };
  add(wanted.files, "");
  add(wanted.directories, "made");
  add(wanted.written, "written");
  return {"facts", paths(layout) + (wanted.unpacks ? "" : shell_assign("kk_unpackers", "")) + call("kk_facts", arguments), true};
}

Command lock(const release::Layout& layout, const LockInfo& info, bool despite_freeze) {
  return {"lock", paths(layout) + lock_values(info) + shell_assign("kk_despite", despite_freeze ? "yes" : "no") + call("kk_lock"), true};
}

std::string hold(const release::Layout& layout, const std::string& token) {
  return paths(layout) + shell_assign("kk_token", token);
}

Command unlock(const release::Layout& layout, const std::string& token) {
  return {"unlock", hold(layout, token) + call("kk_unlock"), true};
}

std::string guard(const release::Layout& layout, const std::string& token) { return hold(layout, token) + call("kk_guard"); }

Command freeze(const release::Layout& layout, const LockInfo& info) {
  return {"freeze", std::string(embedded_script("freeze")) + paths(layout) + lock_values(info) + call("kk_freeze"), true};
}

Command thaw(const release::Layout& layout, const std::string& freeze, const std::string& lock) {
  return {"unlock", std::string(embedded_script("freeze")) + paths(layout) + shell_assign("kk_frozen", freeze) +
                        shell_assign("kk_locked", lock) + call("kk_thaw"), true};
}

Command prepare(const release::Layout& layout, const ReleaseInfo& info, const std::string& application) {
  return {"prepare", paths(layout) + record(info) + shell_assign("kk_application", one_line(application, longest_value)) + call("kk_prepare"), true};
}

Command receive(const release::Layout& layout, const std::string& id, const std::string& encoding,
                const release::Facts& facts, std::uint64_t bytes) {
  const bool small = bytes < small_payload && !facts.small_hash.empty();
  return {"receive", paths(layout) + shell_assign("kk_release", id) + shell_assign("kk_encoding", encoding) +
                         shell_assign("kk_stream_hash", small ? facts.small_hash : facts.hash) + call("kk_receive"), true};
}

Command receive(const release::Layout& layout, const std::string& id, const std::string& encoding, const release::Facts& facts,
                const Rebuild& rebuild, std::uint64_t bytes) {
  Command command = receive(layout, id, encoding, facts, bytes);
  command.text += shell_assign("kk_gnu", facts.gnu ? "yes" : "no") + shell_assign("kk_hash_tool", facts.hash) + shell_assign("kk_part", rebuild.part) +
                 shell_assign("kk_manifest", rebuild.manifest) + shell_assign("kk_base", rebuild.base) +
                 shell_assign("kk_base_manifest", rebuild.base_manifest) + shell_assign("kk_how", rebuild.link ? "link" : "copy") +
                 shell_assign("kk_full", rebuild.full ? "yes" : "no") + call("kk_rebuild");
  return command;
}

Command rsync(const release::Layout& layout, const std::string& id, const release::Facts& facts, const Rsync& rsync, std::size_t size,
              const std::vector<std::string>& words) {
  return {"rsync", std::string(embedded_script("rsync")) + paths(layout) +
                       shell_assign("kk_release", id) + shell_assign("kk_hash_tool", facts.hash) + shell_assign("kk_size", std::to_string(size)) +
                       shell_assign("kk_begin", rsync_begins) + shell_assign("kk_manifest", rsync.manifest) + shell_assign("kk_base", rsync.base) +
                       shell_assign("kk_full", rsync.full ? "yes" : "no") + shell_assign("kk_by_contents", rsync.checksum ? "yes" : "no") + call("kk_rsync", words), true};
}

Command manifest(const release::Layout& layout, const std::string& id) {
  return {"manifest", kept_file(layout, id, "files") + std::string(say_packed) + '\n'};
}

Command chunks(const release::Layout& layout, const std::string& id) {
  return {"chunks", kept_file(layout, id, "chunks") + "[ ! -f \"$kk_f\" ] || " + std::string(say_packed) + '\n'};
}

Command verify(const release::Layout& layout, const std::string& id, const std::string& sha256) {
  return {"verify",
          paths(layout) + shell_assign("kk_release", id) + shell_assign("kk_expected", sha256) + call("kk_verify"), true};
}

Command link(const release::Layout& layout, const ReleaseInfo& info, const std::vector<std::string>& directories,
             const std::vector<std::string>& files, const std::vector<std::string>& copied) {
  // Sorted, an ancestor stands before what lies in it.
  std::vector<std::string> arguments = directories;
  std::sort(arguments.begin(), arguments.end());
  arguments.insert(arguments.end(), files.begin(), files.end());
  arguments.insert(arguments.end(), copied.begin(), copied.end());
  return {"link", paths(layout) + record(info) + shell_assign("kk_directories", std::to_string(directories.size())) +
                      shell_assign("kk_files", std::to_string(files.size())) + call("kk_link", arguments), true};
}

Command place_template(const release::Layout& layout, const std::string& id, const std::string& to, bool shared, unsigned mode,
                       std::string_view content) {
  constexpr std::string_view digits = "01234567";
  const std::string octal = {'0', digits[mode >> 6U & 7U], digits[mode >> 3U & 7U], digits[mode & 7U]};
  return {"template " + to, std::string(embedded_script("template")) + paths(layout) + shell_assign("kk_release", id) + shell_assign("kk_to", to) +
                                shell_assign("kk_place", shared ? "shared" : "release") + shell_assign("kk_mode", octal) +
                                shell_assign("kk_content", content) + call("kk_template"), true};
}

Command failure(std::string name, std::string_view message) { return {std::move(name), call("kk_fail", {std::string(message)}), true}; }

Command task(const std::string& name, const std::string& run, const std::string& folder,
             const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  // A subshell, so that the environment ends with the task.
  std::string text = "(\n" + shell_assign("kk_folder", folder) + shell_assign("kk_run", run);
  return {"task " + name, text + exports(environment, secrets) + call("kk_task") + ")\n"};
}

Command task_at_terminal(const std::string& name, const std::string& run, const std::string& folder,
                         const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  Command command{"task " + name, std::string(embedded_script("terminal")) +
                                      shell_assign("kk_folder", folder) + shell_assign("kk_run", run) + environment_function(environment, secrets) +
                                      call("kk_at_terminal")};
  command.terminal = true;
  return command;
}

Command task_as(const Become& become, const std::string& name, const std::string& run, const std::string& folder,
                const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  const std::string program = other_users_program(run, folder, environment, secrets) + "kk_as_other\n";
  Command command{"task " + name, "(\n" + by_sudo(become, program) + call("kk_task_as") + ")\n"};
  if (!become.password.empty()) command.input = std::string(become.password) + '\n';
  return command;
}

Command task_at_terminal_as(const Become& become, const std::string& name, const std::string& run, const std::string& folder,
                            const std::map<std::string, std::string>& environment, const SecretSet* secrets) {
  const std::string terminal(embedded_script("terminal"));
  const std::string program = terminal + other_users_program(run, folder, environment, secrets) + "kk_as_other_at_terminal\n";
  const auto password = become.password.substr(0, become.password.find('\n'));  // what `read` would take of it
  Command command{"task " + name, terminal + by_sudo(become, program) + shell_assign("kk_password", password) + call("kk_task_as_at_terminal")};
  command.terminal = true;
  return command;
}

Command run(const release::Layout& layout, const std::string& text, const std::map<std::string, std::string>& environment,
            const SecretSet* secrets) {
  // What is live is found out before the environment changes PATH.
  std::string step = std::string(embedded_script("unseen")) + std::string(embedded_script("run")) + "(\n" + paths(layout) + shell_assign("kk_run", text) + call("kk_run_find");
  return {"run", step + exports(environment, secrets) + call("kk_run_live") + ")\n"};
}

Command logs(const release::Layout& layout, const std::vector<std::string>& patterns, bool follow, int lines) {
  return {"logs", std::string(embedded_script("logs")) + paths(layout) + shell_assign("kk_follow", follow ? "yes" : "no") +
                      shell_assign("kk_lines", std::to_string(lines)) + call("kk_logs", patterns)};
}

Command seal(const release::Layout& layout, const ReleaseInfo& info, const release::Facts& facts) {
  return {"seal", paths(layout) + sync_with(facts) + record(info) + call("kk_seal"), true};
}

Command publish(const release::Layout& layout, const std::string& id, const release::Facts& facts,
                const std::optional<std::string>& expected_live, const std::string& left, const std::string& condemned) {
  return {"publish", paths(layout) + shell_assign("kk_release", id) +
                                 shell_assign("kk_wanted", layout.link_target(id)) + shell_assign("kk_mv", facts.mv) +
                                 shell_assign("kk_expect", expected_live.value_or("any")) + shell_assign("kk_leaves", left) +
                                 shell_assign("kk_condemned", condemned) + (condemned.empty() ? "" : sync_with(facts)) + call("kk_publish"), true};
}

Command end_rollback(const release::Layout& layout) { return {"end rollback", paths(layout) + call("kk_end_rollback"), true}; }

Command unpublish(const release::Layout& layout, const release::Facts& facts, const std::optional<std::string>& expected_live,
                  const std::string& target) {
  return {"unpublish", paths(layout) + shell_assign("kk_wanted", target) + shell_assign("kk_mv", facts.mv) +
                           shell_assign("kk_expect", expected_live.value_or("any")) + call("kk_unpublish"), true};
}

Command mark(const release::Layout& layout, const std::string& id, release::State state, const release::Facts& facts) {
  return {"mark " + std::string(release::name_of(state)),
          paths(layout) + sync_with(facts) + shell_assign("kk_release", id) +
              shell_assign("kk_to", release::name_of(state)) + call("kk_mark"), true};
}

Command log(const release::Layout& layout, const std::string& json, const std::string& revisions_line) {
  return {"log", paths(layout) + shell_assign("kk_json", one_line(json)) + shell_assign("kk_line", one_line(revisions_line)) +
                     call("kk_log"), true};
}

Command audit(const release::Layout& layout, int lines) {
  return {"audit", std::string(embedded_script("audit")) + paths(layout) + call("kk_audit", {std::to_string(lines)})};
}

Command last_switches(const release::Layout& layout, int lines) {
  return {"audit", std::string(embedded_script("audit")) + paths(layout) + call("kk_audit", {std::to_string(lines), "switches"})};
}

Command tree(const release::Layout& layout, const std::string& id, const release::Facts& facts) {
  if (id.empty()) return {"tree", "printf 'end 0\\n'\n"};
  return {"tree", std::string(embedded_script("tree")) + paths(layout) + shell_assign("kk_release", id) + shell_assign("kk_hash_tool", facts.hash) + call("kk_tree")};
}

Command prune(const release::Layout& layout, const std::vector<std::string>& ids) {
  return {"prune", paths(layout) + call("kk_prune", ids), true};
}

}  // namespace kirikae::host
