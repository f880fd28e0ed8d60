#include "recipe/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "recipe/schema_hooks.h"
#include "recipe/schema_secrets.h"
#include "recipe/schema_source.h"
#include "recipe/schema_ssh.h"

namespace kirikae::recipe {
namespace {

constexpr Key var_keys[] = {{.name = "*", .type = Type::text}};

constexpr Key shared_keys[] = {
    {.name = "directories",
     .type = Type::texts,
     .summary = "Directories, made on first use. What the first release brings for one becomes its first content.",
     .example = "directories: [log, tmp/pids, public/uploads]",
     .rule = payload_path_rule},
    {.name = "files",
     .type = Type::texts,
     .summary = "Files. Each must be in <deploy_to>/shared before a release can go live; all that are missing are "
                "listed at once.",
     .example = "files: [config/database.yml, .env]",
     .rule = payload_path_rule},
};

constexpr Key task_keys[] = {
    {.name = "run",
     .type = Type::text,
     .summary = "Shell text for /bin/sh -e. Nothing is interpolated in it: commands read environment variables.",
     .example = "run: bin/migrate --to \"$REVISION\"",
     .rule = command_rule,
     .required = true,
     .interpolated = false},
    {.name = "roles",
     .type = Type::texts,
     .summary = "Only on hosts that have one of these roles; without it on every host.",
     .example = "roles: [app, worker]",
     .rule = role_rule,
     .least = 1},
    {.name = "once",
     .type = Type::flag,
     .fallback = "false",
     .summary = "On one host only: the primary one that the roles leave, else the first in the recipe's order. Passed over are hosts that take "
                "no part, as those that run a rollback's target already.",
     .example = "once: true"},
    {.name = "local",
     .type = Type::flag,
     .fallback = "false",
     .summary = "Once on this machine, in the recipe's folder, instead of on hosts.",
     .example = "local: true"},
    {.name = "timeout",
     .type = Type::duration,
     .summary = "The command is stopped and has failed after this time; without it, it may take any time; after a failure, five minutes.",
     .example = "timeout: 10m",
     .least = 1,
     .most = 7 * 86400},
    {.name = "become",
     .type = Type::text,
     .fallback = "who has logged in",
     .summary = "The user of the host that the command runs as, by sudo, which has to let the one who has logged in run /bin/sh so. It has the "
                "same environment but for what sudo sets (HOME, USER, PATH).",
     .example = "become: root",
     .rule = user_rule},
    {.name = "become_password",
     .type = Type::text,
     .fallback = "the recipe's",
     .summary = "The secret (a name of 'secrets') that sudo is given for this task where it asks. Commands and templates don't have it.",
     .example = "become_password: SUDO_PASSWORD",
     .interpolated = false},
    {.name = "pty",
     .type = Type::flag,
     .fallback = "false",
     .summary = "The command has a terminal (TERM=dumb, 80 columns), for what refuses to run without one. Nobody types there: who reads "
                "finds the end of the input. Standard error can't be told from standard output.",
     .example = "pty: true"},
    {.name = "dir",
     .type = Type::text,
     .summary = "Working directory inside the release; of a local task, inside the recipe's folder.",
     .example = "dir: db",
     .rule = inner_path_rule},
};
constexpr Key task_key[] = {{.name = "*", .type = Type::section, .shorthand = "run", .keys = task_keys}};

constexpr Key host_keys[] = {
    {.name = "address",
     .type = Type::text,
     .summary = "[user@]name[:port]. Ranges count up, padded as written; IPv6 with a port or user goes in brackets.",
     .example = "address: \"deploy@app[01-12].example.com:2222\"",
     .required = true},
    {.name = "roles",
     .type = Type::texts,
     .summary =
         "What the host is for; tasks choose by it. Where no host of a stage has roles, every host runs every task.",
     .example = "roles: [app]",
     .rule = role_rule},
    {.name = "primary",
     .type = Type::flag,
     .fallback = "false",
     .summary = "The one that runs 'once' tasks. One host for each role.",
     .example = "primary: true"},
    {.name = "port",
     .type = Type::number,
     .fallback = "ssh.port",
     .summary = "The SSH port.",
     .example = "port: 2222",
     .least = 1,
     .most = 65535},
    {.name = "user",
     .type = Type::text,
     .fallback = "the stage's",
     .summary = "Who to log in as.",
     .example = "user: deploy",
     .rule = user_rule},
    {.name = "transport",
     .type = Type::text,
     .fallback = "ssh.transport",
     .summary = "What carries its sessions.",
     .example = "transport: openssh",
     .rule = transport_rule},
    {.name = "vars",
     .type = Type::named,
     .summary = "More variables for commands on this host; over those of the stage.",
     .example = "vars: {weight: 10}",
     .rule = var_name_rule,
     .keys = var_keys},
};
constexpr Key host_key[] = {{.name = "*", .type = Type::section, .shorthand = "address", .keys = host_keys}};

constexpr Key own_stage_keys[] = {
    {.name = "hosts",
     .type = Type::list,
     .summary = "Where the stage is: addresses, or maps of the keys below.",
     .example = "hosts: [app1.example.com, \"deploy@app2.example.com:2222\"]",
     .required = true,
     .keys = host_key},
};
constexpr Key stage_key[] = {{.name = "*", .type = Type::section, .is_stage = true, .keys = own_stage_keys}};

constexpr Key root_keys[] = {
    {.name = "application",
     .type = Type::text,
     .summary = "The name of what is deployed: letters, digits, - and _.",
     .example = "application: shop",
     .rule = application_rule,
     .required = true},
    {.name = "deploy_to",
     .type = Type::text,
     .summary = "Absolute path on the hosts, which holds releases/, shared/ and the link 'current'.",
     .example = "deploy_to: /srv/${application}",
     .rule = deploy_to_rule,
     .required = true},
    {.name = "keep_releases",
     .type = Type::number,
     .fallback = "5",
     .summary = "How many good releases stay on a host, with the live one; the rollback target stays besides.",
     .example = "keep_releases: 3",
     .least = 1,
     .most = 1000},
    {.name = "limit_rate",
     .type = Type::text,
     .fallback = "0",
     .summary = "Bytes per second that a deploy's packed releases are sent with, to all hosts together; those that take part get equal shares. "
                "A whole number, with k, M or G for 1000, 1000000 or 1000000000 of them, and B behind that or not; at least 1k. 0: no limit.",
     .example = "limit_rate: 5MB",
     .rule = rate_rule},
    {.name = "user",
     .type = Type::text,
     .fallback = "what ssh_config says, else who runs the tool",
     .summary = "Who to log in as on hosts that name nobody.",
     .example = "user: deploy",
     .rule = user_rule},
    {.name = "become_password",
     .type = Type::text,
     .summary = "The secret (a name of 'secrets') that sudo is given where it asks, for tasks with 'become' that name none; without it, it must not ask. "
                "Commands and templates don't have it.",
     .example = "become_password: SUDO_PASSWORD",
     .interpolated = false},
    {.name = "confirm",
     .type = Type::flag,
     .fallback = "false",
     .summary = "Ask on the terminal before this stage is changed; --yes answers.",
     .example = "confirm: true"},
    {.name = "vars",
     .type = Type::named,
     .summary = "Values of your own: ${name} in other values, and environment variables of every command.",
     .example = "vars: {port: 8080, channel: \"${env.CHANNEL:-stable}\"}",
     .rule = var_name_rule,
     .keys = var_keys},
    {.name = "env",
     .type = Type::named,
     .summary = "The environment of commands on the hosts, PATH included. Wins over 'vars'.",
     .example = "env: {PATH: \"/opt/shop/bin:/usr/bin:/bin\"}",
     .rule = env_name_rule,
     .keys = var_keys},
    {.name = "secrets",
     .type = Type::named,
     .summary = "Values that are never shown: environment variables of every command, and usable in templates. Each comes from "
                "'env', 'file' or 'command', one of the three.",
     .example = "secrets: {API_KEY: {command: pass show shop/api-key}}",
     .rule = var_name_rule,
     .keys = secret_key},
    {.name = "prompts",
     .type = Type::named,
     .summary = "Vars whose values are asked for on the terminal before anything is connected. --set NAME=VALUE answers. A var of "
                "the same name gives way; 'env' and 'secrets' must not have it.",
     .example = "prompts: {version: {question: Release version, default: main}}",
     .rule = var_name_rule,
     .keys = prompt_key},
    {.name = "source",
     .type = Type::section,
     .summary = "What is deployed: 'directory', 'archive' or 'git', one of the three.",
     .example = "source: {directory: dist}",
     .required = true,
     .keys = source_keys},
    {.name = "transfer",
     .type = Type::text,
     .fallback = "delta",
     .summary = "How a release gets to the hosts. 'delta': a host takes what is the same from the release it has that saves the most, and is sent the rest. "
                "'tarball': everything is sent each time. 'rsync': by the rsync of this machine and that of the hosts, through the connection that is there; "
                "what is the same comes from the live release, and of a file that has changed only the parts that have. For a 'directory'.",
     .example = "transfer: tarball",
     .rule = transfer_rule},
    {.name = "reuse",
     .type = Type::text,
     .fallback = "copy; with 'transfer: rsync', link",
     .summary = "How files are taken over from another release. 'copy': as copies, which share their blocks where the file system can. 'link': as hard "
                "links, at once and without room on the disk; but what writes into a file of one release then changes the others, the live one too.",
     .example = "reuse: link",
     .rule = reuse_rule},
    {.name = "verify",
     .type = Type::text,
     .fallback = "quick",
     .summary = "What is compared of files that are taken over. 'quick': size, mode and time, with what they were when they had arrived. 'full': also "
                "every file's SHA-256, which reads all of the release. What is sent is always compared by SHA-256.",
     .example = "verify: full",
     .rule = verify_rule},
    {.name = "compression",
     .type = Type::text,
     .fallback = "auto",
     .summary = "What packed releases travel as. 'auto': zstd, else gzip, else a plain tar, the first that all selected hosts can unpack; what can't be made "
                "smaller goes as it is, and so does some of the rest where the line is faster than the compressor. 'zstd', 'gzip': that for all of it, and "
                "a host that lacks it is refused before anything is changed. 'none': a plain tar.",
     .example = "compression: gzip",
     .rule = compression_rule},
    {.name = "shared",
     .type = Type::section,
     .summary = "What outlives releases: it lies in <deploy_to>/shared and is linked into every release.",
     .example = "shared: {directories: [log], files: [.env]}",
     .keys = shared_keys},
    {.name = "templates",
     .type = Type::list,
     .summary = "Files that are made for each host from its values, by mustache, before the build.",
     .example = "templates: [{from: templates/app.conf, to: config/app.conf}]",
     .keys = template_key},
    {.name = "copied",
     .type = Type::texts,
     .summary = "Paths taken over from the live release before the build, such as installed dependencies.",
     .example = "copied: [node_modules]",
     .rule = payload_path_rule},
    {.name = "logs",
     .type = Type::texts,
     .summary = "Log files for 'deploy logs', relative to the live release (as shared paths are) or absolute; with *, ? "
                "and [ ] for several.",
     .example = "logs: [log/production.log, /var/log/nginx/shop.*.log]",
     .rule = log_path_rule},
    {.name = "tasks",
     .type = Type::named,
     .summary = "Commands by name. Text alone is short for 'run'.",
     .example = "tasks: {restart: sudo systemctl reload shop}",
     .rule = task_name_rule,
     .keys = task_key},
    {.name = "hooks",
     .type = Type::section,
     .summary = "Which tasks run when. Those of one hook run one after the other; the next "
                "one begins when every host has done the one before.",
     .example = "hooks: {build: [install, migrate], after_publish: restart}",
     .keys = hook_keys},
    {.name = "ssh",
     .type = Type::section,
     .summary = "How hosts are reached.",
     .example = "ssh: {port: 2222}",
     .keys = ssh_keys},
    {.name = "stages",
     .type = Type::named,
     .summary =
         "Where it is deployed to. A stage may hold every key above, too: maps merge, lists replace, null removes.",
     .example = "stages: {production: {hosts: [app1.example.com], keep_releases: 10}}",
     .rule = stage_name_rule,
     .required = true,
     .keys = stage_key},
};

}  // namespace

std::span<const Key> recipe_keys() { return root_keys; }

std::span<const Key> stage_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all(std::begin(own_stage_keys), std::end(own_stage_keys));
    std::copy_if(std::begin(root_keys), std::end(root_keys), std::back_inserter(all),
                 [](const Key& k) { return k.name != "stages"; });
    return all;
  }();
  return keys;
}

std::span<const Key> keys_of(const Key& section) { return section.is_stage ? stage_keys() : section.keys; }

const Key* find_key(std::span<const Key> keys, std::string_view name) {
  const auto at = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return at == keys.end() ? nullptr : &*at;
}

const Key& key_at(std::string_view path) {
  const Key* key = nullptr;
  for (std::string_view rest = path;;) {
    const auto dot = rest.find('.');
    key = find_key(key == nullptr ? recipe_keys() : keys_of(*key), rest.substr(0, dot));
    if (key == nullptr) throw std::logic_error(fmt::format("no key '{}' in the table", path));
    if (dot == std::string_view::npos) return *key;
    rest.remove_prefix(dot + 1);
  }
}

std::vector<std::string> names_of(std::span<const Key> keys) {
  std::vector<std::string> names;
  for (const Key& key : keys) names.emplace_back(key.name);
  return names;
}

std::string type_text(const Key& key) {
  switch (key.type) {
    case Type::text:
      return "text";
    case Type::number:
      return fmt::format("a whole number from {} to {}", key.least, key.most);
    case Type::flag:
      return "true or false";
    case Type::duration:
      return "a duration such as 30s, 5m or 1h";
    case Type::texts:
      return "a list of texts";
    case Type::section:
      return key.shorthand.empty() ? "a map" : "text or a map";
    case Type::named:
      return "a map of names";
    case Type::list:
      return key.keys.front().shorthand.empty() ? "a list of maps" : "a list of texts or maps";
  }
  return {};
}

}  // namespace kirikae::recipe
