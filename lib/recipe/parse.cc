#include "recipe/parse.h"

#include <algorithm>
#include <string>

#include "core/letters.h"
#include "recipe/schema.h"

namespace kirikae::recipe {
namespace {

using Kind = Node::Kind;

std::string without_user(const std::string& address) { return address.substr(address.rfind('@') + 1); }

std::string without_port(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto name = address.rfind('@') + 1;
  if (colon == std::string::npos || colon <= name) return address;
  const bool bracketed = address[name] == '[' && address[colon - 1] == ']';
  return bracketed || address.find(':', name) == colon ? address.substr(0, colon) : address;  // a bare IPv6 address has no port
}

class Parser {
 public:
  explicit Parser(const ParseScene& scene) : scene_(scene) {}

  Recipe stage(const Node& tree) {
    Recipe recipe;
    recipe.file = scene_.document.path;
    recipe.folder = scene_.folder;
    recipe.stage = scene_.stage;
    recipe.application = text(tree, "application");
    recipe.deploy_to = normalised(text(tree, "deploy_to"));
    recipe.keep_releases = number(tree, "keep_releases", key_at("keep_releases"));
    recipe.limit_rate = to_rate(text(tree, "limit_rate")).value_or(0);
    recipe.user = text(tree, "user");
    recipe.become_password = text(tree, "become_password");
    recipe.confirm = flag(tree, "confirm", key_at("confirm"));
    recipe.vars = named(tree, "vars");
    recipe.env = named(tree, "env");
    if (const Node* given = tree.find("prompts")) prompts(*given, recipe);
    if (const Node* given = tree.find("secrets")) secrets(*given, recipe);
    if (const Node* given = tree.find("source")) recipe.source = source(*given);
    const std::string transfer = text(tree, "transfer"), reuse = text(tree, "reuse");
    recipe.transfer = transfer == "rsync" ? Transfer::rsync : transfer == "tarball" ? Transfer::tarball : Transfer::delta;
    recipe.reuse_links = reuse == "link" || (reuse.empty() && transfer == "rsync");
    recipe.verify_full = text(tree, "verify") == "full";
    if (scalar(tree, "compression") != nullptr) recipe.compression = text(tree, "compression");
    if (const Node* given = tree.find("shared")) {
      recipe.shared = {paths(*given, "directories"), paths(*given, "files")};
    }
    if (const Node* given = tree.find("templates")) templates(*given, recipe);
    recipe.copied = paths(tree, "copied");
    recipe.logs = paths(tree, "logs");
    if (const Node* given = tree.find("tasks")) tasks(*given, recipe);
    if (const Node* given = tree.find("hooks")) hooks(*given, recipe);
    const Node none;
    const Node* given = tree.find("ssh");
    recipe.ssh = ssh(given == nullptr ? none : *given);
    if (const Node* given_hosts = tree.find("hosts")) {
      for (const Node& item : given_hosts->items) {
        auto entry = host(item);
        if (!entry) continue;
        give_way(*entry, tree);
        recipe.hosts.push_back(*std::move(entry));
      }
    }
    return recipe;
  }

 private:
  static const Node* scalar(const Node& map, std::string_view name) {
    const Node* node = map.find(name);
    return node != nullptr && node->kind == Kind::scalar && !node->unknown ? node : nullptr;
  }

  static std::string text(const Node& map, std::string_view name) {
    const Node* node = scalar(map, name);
    return node == nullptr ? "" : node->text;
  }

  static int number(const Node& map, std::string_view name, const Key& key) {
    const Node* node = scalar(map, name);
    return (node == nullptr ? std::nullopt : to_number(node->text)).value_or(to_number(key.fallback).value_or(0));
  }

  static bool flag(const Node& map, std::string_view name, const Key& key) {
    const Node* node = scalar(map, name);
    return (node == nullptr ? std::nullopt : to_flag(node->text)).value_or(to_flag(key.fallback).value_or(false));
  }

  static std::chrono::seconds duration(const Node& map, std::string_view name, const Key& key) {
    const Node* node = scalar(map, name);
    return (node == nullptr ? std::nullopt : to_duration(node->text))
        .value_or(to_duration(key.fallback).value_or(std::chrono::seconds(0)));
  }

  static std::vector<std::string> texts(const Node& map, std::string_view name) {
    std::vector<std::string> values;
    const Node* node = map.find(name);
    if (node == nullptr) return values;
    const auto add = [&](const Node& item) {
      if (item.kind == Kind::scalar && !item.unknown) values.push_back(item.text);
    };
    add(*node);
    for (const Node& item : node->items) add(item);
    return values;
  }

  static std::vector<std::string> paths(const Node& map, std::string_view name) {
    auto values = texts(map, name);
    std::transform(values.begin(), values.end(), values.begin(), [](const auto& path) { return normalised(path); });
    return values;
  }

  static std::map<std::string, std::string> named(const Node& map, std::string_view name) {
    std::map<std::string, std::string> values;
    const Node* node = map.find(name);
    if (node == nullptr) return values;
    for (const auto& entry : node->entries) {
      if (entry.value.kind == Kind::scalar && !entry.value.unknown) values[entry.key] = entry.value.text;
    }
    return values;
  }

  // On the operator's machine, absolute.
  [[nodiscard]] std::string local_path(const std::string& path) const {
    if (path.starts_with('/')) return normalised(path);
    if (path == "~" || path.starts_with("~/")) return normalised(scene_.home + '/' + path.substr(1));
    return normalised(scene_.folder + '/' + path);
  }

  [[nodiscard]] std::vector<std::string> local_paths(const Node& map, std::string_view name) const {
    auto values = texts(map, name);
    std::transform(values.begin(), values.end(), values.begin(), [&](const auto& path) { return local_path(path); });
    return values;
  }

  void prompts(const Node& map, Recipe& recipe) const {
    for (const auto& entry : map.entries) {
      if (entry.value.kind != Kind::map) continue;
      Prompt prompt;
      prompt.name = entry.key;
      prompt.question = text(entry.value, "question");
      if (const Node* fallback = entry.value.find("default")) {
        if (const Node* given = scalar(*fallback, "text")) prompt.fallback = given->text;
        prompt.fallback_command = text(*fallback, "command");
      }
      prompt.secret = flag(entry.value, "secret", key_at("prompts.*.secret"));
      prompt.span = span_of(scene_.document, entry.place);
      recipe.prompts.push_back(std::move(prompt));
    }
  }

  void templates(const Node& list, Recipe& recipe) const {
    for (const Node& item : list.items) {
      if (item.kind != Kind::map || scalar(item, "from") == nullptr) continue;
      Template made{local_path(text(item, "from")), normalised(text(item, "to")), {},
                    flag(item, "shared", key_at("templates.*.shared")), span_of(scene_.document, item.place)};
      if (const Node* mode = scalar(item, "mode"); mode != nullptr && mode_rule(mode->text).empty()) {
        made.mode = static_cast<unsigned>(std::stoul(mode->text, nullptr, 8));
      }
      recipe.templates.push_back(std::move(made));
    }
  }

  void secrets(const Node& map, Recipe& recipe) const {
    for (const auto& entry : map.entries) {
      if (entry.value.kind != Kind::map) continue;
      SecretSource source{text(entry.value, "env"), "", text(entry.value, "command"), span_of(scene_.document, entry.place)};
      if (scalar(entry.value, "file") != nullptr) source.file = local_path(text(entry.value, "file"));
      recipe.secrets.emplace(entry.key, std::move(source));
    }
  }

  [[nodiscard]] Source source(const Node& map) const {
    Source source;
    if (scalar(map, "directory") != nullptr) {
      source.directory = DirectorySource{local_path(text(map, "directory")), texts(map, "exclude")};
    }
    if (scalar(map, "archive") != nullptr) {
      source.archive = ArchiveSource{local_path(text(map, "archive")), lower(text(map, "sha256")), number(map, "strip", key_at("source.strip"))};
    }
    if (const Node* git = map.find("git"); git != nullptr && git->kind == Kind::map) {
      const Node* repository = scalar(*git, "repository");
      const std::string where = repository == nullptr ? "." : repository->text;
      source.git = GitSource{is_remote(where) ? where : local_path(where), text(*git, "revision"), {}};
    }
    return source;
  }

  void tasks(const Node& map, Recipe& recipe) const {
    for (const auto& entry : map.entries) {
      if (entry.value.kind != Kind::map) continue;
      Task task;
      task.name = entry.key;
      task.run = text(entry.value, "run");
      task.roles = texts(entry.value, "roles");
      task.once = flag(entry.value, "once", key_at("tasks.*.once"));
      task.local = flag(entry.value, "local", key_at("tasks.*.local"));
      if (scalar(entry.value, "timeout") != nullptr)
        task.timeout = duration(entry.value, "timeout", key_at("tasks.*.timeout"));
      task.become = text(entry.value, "become");
      task.become_password = text(entry.value, "become_password");
      task.pty = flag(entry.value, "pty", key_at("tasks.*.pty"));
      task.dir = normalised(text(entry.value, "dir"));
      task.span = span_of(scene_.document, entry.place);
      recipe.tasks.emplace(entry.key, std::move(task));
    }
  }

  static void hooks(const Node& map, Recipe& recipe) {
    for (int i = 0; i < hook_point_count; ++i) {
      const auto point = static_cast<HookPoint>(i);
      auto names = texts(map, name_of(point));
      if (!names.empty()) recipe.hooks.emplace(point, std::move(names));
    }
  }

  [[nodiscard]] Ssh ssh(const Node& map) const {
    Ssh ssh;
    if (scalar(map, "config") != nullptr) ssh.config = text(map, "config");
    if (!ssh.config.empty() && ssh.config != "none") ssh.config = local_path(ssh.config);
    if (scalar(map, "transport") != nullptr) ssh.transport = text(map, "transport");
    ssh.port = number(map, "port", key_at("ssh.port"));
    if (scalar(map, "known_hosts") != nullptr) ssh.accept_new = text(map, "known_hosts") == "accept-new";
    ssh.known_hosts = local_paths(map, "known_hosts_file");
    ssh.identities = local_paths(map, "identity");
    ssh.password = text(map, "password");
    for (const auto& [name, value] : {std::pair{"connect_timeout", &ssh.connect_timeout}, {"keepalive", &ssh.keepalive}}) {
      if (const Node* node = scalar(map, name)) *value = to_duration(node->text);
    }
    if (const Node* node = scalar(map, "forward_agent")) ssh.forward_agent = to_flag(node->text);
    ssh.parallel = number(map, "parallel", key_at("ssh.parallel"));
    return ssh;
  }

  // None for one whose address can't be told.
  [[nodiscard]] std::optional<HostEntry> host(const Node& map) const {
    const Node* address = scalar(map, "address");
    if (address == nullptr) return std::nullopt;
    HostEntry entry;
    entry.address = address->text;
    entry.roles = texts(map, "roles");
    entry.primary = flag(map, "primary", key_at("stages.*.hosts.*.primary"));
    if (const Node* port = scalar(map, "port")) entry.port = to_number(port->text);
    entry.user = text(map, "user");
    entry.transport = text(map, "transport");
    entry.vars = named(map, "vars");
    entry.span = span_of(scene_.document, address->place);
    return entry;
  }

  // What --set says is for all hosts, whatever they say of themselves.
  static void give_way(HostEntry& entry, const Node& tree) {
    const auto is_set = [](const Node* map, std::string_view name) {
      const Node* node = map == nullptr ? nullptr : map->find(name);
      return node != nullptr && node->place.set >= 0;
    };
    if (is_set(&tree, "user")) {
      entry.user.clear();
      entry.address = without_user(entry.address);
    }
    const Node* ssh = tree.find("ssh");
    if (is_set(ssh, "port")) {
      entry.port.reset();
      entry.address = without_port(entry.address);
    }
    if (is_set(ssh, "transport")) entry.transport.clear();
  }

  const ParseScene& scene_;
};

}  // namespace

Recipe parse_stage(const Node& tree, const ParseScene& scene) { return Parser(scene).stage(tree); }

}  // namespace kirikae::recipe
