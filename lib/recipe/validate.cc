#include "recipe/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/suggestion.h"
#include "recipe/host_spec.h"
#include "recipe/rules.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

std::vector<const Node*> items_of(const Node* node) {
  std::vector<const Node*> items;
  if (node == nullptr) return items;
  if (node->kind == Kind::scalar) items.push_back(node);
  for (const Node& item : node->items) items.push_back(&item);
  std::erase_if(items, [](const Node* item) { return item->kind != Kind::scalar || item->unknown; });
  return items;
}

const Node* child(const Node* map, std::string_view name) { return map == nullptr ? nullptr : map->find(name); }

std::string hint_near(const std::string& name, const std::vector<std::string>& known, const std::string& otherwise) {
  const auto near = nearest_name(name, known);
  return near ? fmt::format("did you mean '{}'?", *near) : otherwise;
}

class Validator {
 public:
  Validator(const Recipe& recipe, const Node& tree, const ValidationScene& scene, Problems& problems)
      : recipe_(recipe), tree_(tree), scene_(scene), problems_(problems) {}

  void run() {
    source();
    secrets();
    names_secret(child(tree_.find("ssh"), "password"), "password");
    names_secret(tree_.find("become_password"), "become_password");
    prompts();
    placed_paths();
    shared_templates();
    homes();
    for (const auto& [name, task] : recipe_.tasks) check_task(name, task);
    for (int i = 0; i < hook_point_count; ++i) hook(static_cast<HookPoint>(i));
    hosts();
  }

 private:
  void note(Place place, std::string message, std::string hint = {}) {
    problems_.push_back({place, std::move(message), std::move(hint)});
  }

  void source() {
    const Node* source = tree_.find("source");
    if (source == nullptr || source->kind != Kind::map) return;
    std::vector<std::string> kinds;
    for (const std::string kind : {"directory", "archive", "git"}) {
      if (source->find(kind) != nullptr) kinds.push_back(kind);
    }
    if (kinds.empty()) return note(source->place, "'source' has neither 'directory' nor 'archive' nor 'git'", "such as `directory: dist`");
    if (kinds.size() > 1) {
      return note(source->find(kinds[1])->place, fmt::format("'source' has both '{}' and '{}'", kinds[0], kinds[1]),
                  fmt::format("keep one; a stage takes the other away by `{}: null`", kinds[0]));
    }
    for (const auto& [name, belongs_to] : {std::pair{"exclude", "directory"}, {"sha256", "archive"}, {"strip", "archive"}}) {
      const Node* more = source->find(name);
      if (more == nullptr || kinds[0] == belongs_to) continue;
      note(more->place, fmt::format("'{}' does nothing with '{}'", name, kinds[0]),
           fmt::format("remove it{}; a stage takes it away by `{}: null`",
                       kinds[0] == "git" && belongs_to == std::string_view("directory") ? "; `export-ignore` in .gitattributes leaves files out" : "", name));
    }
    if (const Node* transfer = tree_.find("transfer"); recipe_.transfer == Transfer::rsync && kinds[0] != "directory") {
      note(transfer->place, fmt::format("rsync sends a directory, and 'source' is {}", kinds[0] == "git" ? "a git commit" : "an archive"),
           "set `transfer: delta`, or build into a folder and deploy that");
    }
  }

  void secrets() {
    const Node* secrets = tree_.find("secrets");
    if (secrets == nullptr) return;
    for (const auto& entry : secrets->entries) {
      if (entry.value.kind != Kind::map) continue;
      std::vector<std::string> sources;
      for (const std::string name : {"env", "file", "command"}) {
        if (entry.value.find(name) != nullptr) sources.push_back(name);
      }
      if (sources.empty()) {
        note(entry.place, fmt::format("the secret {} has neither 'env' nor 'file' nor 'command'", in_quotes(entry.key)),
             fmt::format("such as `{0}: {{env: {0}}}`", entry.key));
      } else if (sources.size() > 1) {
        note(entry.value.find(sources[1])->place,
             fmt::format("the secret {} has both '{}' and '{}'", in_quotes(entry.key), sources[0], sources[1]),
             fmt::format("keep one; a stage takes the other away by `{}: null`", sources[0]));
      }
      one_meaning(entry);
    }
  }

  // What stands there instead may be a secret itself: it isn't shown.
  void names_secret(const Node* node, std::string_view key) {
    if (node == nullptr || node->kind != Kind::scalar || recipe_.secrets.contains(node->text)) return;
    std::vector<std::string> known;
    for (const auto& [name, unused] : recipe_.secrets) known.push_back(name);
    problems_.push_back({node->place, fmt::format("{} names no secret: what stands there is not under 'secrets'", in_quotes(key)),
                         hint_near(node->text, known, known.empty() ? "such as `secrets: {LOGIN_PASSWORD: {env: LOGIN_PASSWORD}}`"
                                                                    : fmt::format("known there: {}", fmt::join(known, ", "))),
                         true});
  }

  void prompts() {
    const Node* prompts = tree_.find("prompts");
    if (prompts == nullptr) return;
    for (const auto& entry : prompts->entries) {
      const Node* secret = entry.value.find("secret");
      const bool is_secret = secret != nullptr && secret->text == "true";
      // Values would be made of the answer, and commands have the other one.
      const bool taken = is_taken(entry, "a prompt", tree_.find("secrets"), "secrets");
      if (!taken && !is_secret) is_taken(entry, "a prompt", tree_.find("env"), "env");
      const Node* fallback = entry.value.find("default");
      const Node* text = child(fallback, "text");
      if (text != nullptr && fallback->find("command") != nullptr) {
        note(text->place, fmt::format("the default of {} has both 'text' and 'command'", in_quotes(entry.key)),
             "keep one; a stage takes the other away by `text: null`");
      }
      if (!is_secret) continue;
      one_meaning(entry);
      if (text != nullptr) {
        problems_.push_back({text->place, fmt::format("the default of the secret {} stands in the recipe", in_quotes(entry.key)),
                             "use `default: {command: …}`, or none", true});
      }
    }
  }

  // Whether the name stands in `map`, too; that is told there where --set has put it there.
  bool is_taken(const Node::Entry& entry, std::string_view what, const Node* map, std::string_view where) {
    const Node* other = child(map, entry.key);
    if (other == nullptr) return false;
    note(other->place.set >= 0 ? other->place : entry.place, fmt::format("{} is {}, and under '{}' too", in_quotes(entry.key), what, where),
         "rename one of the two");
    return true;
  }

  // A name that is public elsewhere would show the secret, or hide that there is one.
  void one_meaning(const Node::Entry& secret) {
    if (is_taken(secret, "a secret", tree_.find("vars"), "vars") || is_taken(secret, "a secret", tree_.find("env"), "env")) return;
    const Node* hosts = tree_.find("hosts");
    if (hosts == nullptr) return;
    for (const Node& host : hosts->items) {
      if (is_taken(secret, "a secret", host.find("vars"), "vars")) return;
    }
  }

  // Shared and copied paths: none twice, none inside of another.
  void placed_paths() {
    struct Placed {
      std::string path;
      std::string_view what;
      Place place;
    };
    std::vector<Placed> all;
    const auto collect = [&](const Node* list, std::string_view what) {
      for (const Node* item : items_of(list)) {
        if (payload_path_rule(item->text).empty()) all.push_back({normalised(item->text), what, item->place});
      }
    };
    const Node* shared = tree_.find("shared");
    collect(child(shared, "directories"), "shared directory");
    collect(child(shared, "files"), "shared file");
    collect(tree_.find("copied"), "copied path");
    if (const Node* templates = tree_.find("templates")) {
      for (const Node& item : templates->items) {
        const Node* in_shared = item.find("shared");
        if (in_shared == nullptr || in_shared->text != "true") collect(item.find("to"), "template's result");
      }
    }
    std::unordered_map<std::string, const Placed*> first;
    for (const Placed& placed : all) {
      if (const auto [at, is_first] = first.emplace(placed.path, &placed); !is_first) {
        note(placed.place,
             fmt::format("{} is listed twice: it is a {} already", in_quotes(placed.path), at->second->what),
             "keep one of the two");
      }
    }
    for (const Placed& placed : all) {
      for (auto slash = placed.path.find('/'); slash != std::string::npos; slash = placed.path.find('/', slash + 1)) {
        const auto outer = first.find(placed.path.substr(0, slash));
        if (outer == first.end()) continue;
        note(placed.place,
             fmt::format("{} lies inside of the {} {}", in_quotes(placed.path), outer->second->what,
                         in_quotes(outer->first)),
             "keep one of the two");
        break;
      }
    }
  }

  // Files of shared/: each is made once, and is no folder.
  void shared_templates() {
    const Node* templates = tree_.find("templates");
    if (templates == nullptr) return;
    std::map<std::string, const Node*> made;
    for (const Node& item : templates->items) {
      const Node* in_shared = item.find("shared");
      const Node* to = item.find("to");
      if (in_shared == nullptr || in_shared->text != "true" || to == nullptr || !payload_path_rule(to->text).empty()) continue;
      if (made.emplace(normalised(to->text), to).second) continue;
      note(to->place, fmt::format("{} is made by two templates", in_quotes(to->text)), "keep one of the two");
    }
    const Node* shared = tree_.find("shared");
    std::vector<std::string> folders;
    for (const Node* item : items_of(child(shared, "directories"))) folders.push_back(normalised(item->text));
    for (const Node* item : items_of(child(shared, "files"))) folders.push_back(parent_of(normalised(item->text)));
    for (const auto& [path, to] : made) folders.push_back(parent_of(path));
    for (const auto& [path, to] : made) {
      const auto is_folder = [&, &path = path](const std::string& folder) {
        return folder == path || folder.starts_with(path + '/');
      };
      if (std::ranges::none_of(folders, is_folder)) continue;
      note(to->place, fmt::format("{} is a folder of shared/, and can't be a template's result", in_quotes(to->text)), "name a file");
    }
  }

  static std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
  }

  void homes() {
    if (scene_.has_home) return;
    const Node* source = tree_.find("source");
    const Node* ssh = tree_.find("ssh");
    std::vector<const Node*> lists = {child(source, "directory"), child(source, "archive"), child(child(source, "git"), "repository"), child(ssh, "known_hosts_file"),
                                      child(ssh, "identity")};
    if (const Node* secrets = tree_.find("secrets")) {
      for (const auto& entry : secrets->entries) lists.push_back(entry.value.find("file"));
    }
    if (const Node* templates = tree_.find("templates")) {
      for (const Node& item : templates->items) lists.push_back(item.find("from"));
    }
    for (const Node* list : lists) {
      for (const Node* item : items_of(list)) {
        if (item->text.starts_with('~'))
          note(item->place, "'~' stands for nothing: HOME is not set", "set HOME, or write the path in full");
      }
    }
  }

  void check_task(const std::string& name, const Task& task) {
    const Node* tree = child(tree_.find("tasks"), name);
    const Node* password = child(tree, "become_password");
    names_secret(password, "become_password");
    if (password != nullptr && task.become.empty()) note(password->place, "'become_password' does nothing without 'become'", "remove it");
    if (task.local) {
      if (const Node* roles = child(tree, "roles"))
        note(roles->place, "'roles' does nothing for a local task", "remove it");
      if (task.once)
        note(tree->find("once")->place, "'once' does nothing for a local task: it runs once anyway", "remove it");
      if (const Node* become = child(tree, "become"))
        note(become->place, "'become' is for hosts, and this task is local", "write sudo in 'run', or remove it");
      if (task.pty) note(tree->find("pty")->place, "'pty' is for hosts, and this task is local", "remove it");
      return;
    }
    if (scene_.all_roles.empty()) return;
    for (const Node* role : items_of(child(tree, "roles"))) {
      if (scene_.all_roles.contains(role->text) || !role_rule(role->text).empty()) continue;
      const std::vector<std::string> known(scene_.all_roles.begin(), scene_.all_roles.end());
      note(role->place, fmt::format("no host of any stage has the role {}", in_quotes(role->text)),
           hint_near(role->text, known, "give it to a host, or remove it here"));
    }
  }

  void hook(HookPoint point) {
    for (const Node* item : items_of(child(tree_.find("hooks"), name_of(point)))) {
      const auto task = recipe_.tasks.find(item->text);
      if (task == recipe_.tasks.end()) {
        std::vector<std::string> known;
        for (const auto& [name, unused] : recipe_.tasks) known.push_back(name);
        note(item->place, fmt::format("no task is named {}", in_quotes(item->text)),
             hint_near(item->text, known, "add it under 'tasks'"));
      } else if (point == HookPoint::before_connect && !task->second.local) {
        note(item->place,
             fmt::format("the task {} isn't local, but nothing is connected yet in 'before_connect'",
                         in_quotes(item->text)),
             "use 'after_connect', or make the task local");
      } else {
        needs_somebody(task->second, item->place);
      }
    }
  }

  // A `once` task (a migration) must not be left out in silence.
  void needs_somebody(const Task& task, Place place) {
    if (!task.once || task.local || task.roles.empty()) return;
    const auto& hosts = recipe_.hosts;
    const bool no_roles =
        std::all_of(hosts.begin(), hosts.end(), [](const HostEntry& host) { return host.roles.empty(); });
    const bool found = std::any_of(hosts.begin(), hosts.end(), [&](const HostEntry& host) {
      return std::any_of(task.roles.begin(), task.roles.end(), [&](const std::string& role) {
        return std::find(host.roles.begin(), host.roles.end(), role) != host.roles.end();
      });
    });
    if (no_roles || found) return;
    const bool known =
        std::any_of(task.roles.begin(), task.roles.end(), [&](const auto& r) { return scene_.all_roles.contains(r); });
    if (!known) return;  // told at the task
    note(place,
         fmt::format("the task {} runs once, but no host of the stage {} has its role", in_quotes(task.name),
                     in_quotes(recipe_.stage)),
         fmt::format("give a host of the stage one of: {}; or override the hook in the stage",
                     fmt::join(task.roles, ", ")));
  }

  void hosts() {
    std::vector<ExpandedHost> hosts;
    for (const Error& error : expand_hosts(recipe_.hosts, recipe_.ssh.port, hosts)) {
      note({error.span->line, error.span->column, error.span->length, -1}, error.message, error.hint);
    }
  }

  const Recipe& recipe_;
  const Node& tree_;
  const ValidationScene& scene_;
  Problems& problems_;
};

}  // namespace

void validate(const Recipe& recipe, const Node& tree, const ValidationScene& scene, Problems& problems) {
  Validator(recipe, tree, scene, problems).run();
}

}  // namespace kirikae::recipe
