#include <fmt/format.h>

#include <algorithm>

#include "core/letters.h"
#include "recipe/load.h"
#include "recipe/rules.h"
#include "recipe/schema.h"

namespace kirikae::recipe {
namespace {

// Read as itself by every YAML reader, 1.1 or 1.2.
bool is_plain(std::string_view text) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view more = "0123456789/._-@";
  static const std::vector<std::string> words = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  const bool begins = !text.empty() && (letters.find(text.front()) != std::string_view::npos || text.front() == '/');
  return begins && std::find(words.begin(), words.end(), lower(text)) == words.end() &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return letters.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
         });
}

std::string double_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string scalar_text(std::string_view text) { return is_plain(text) ? std::string(text) : double_quoted(text); }

// For values in which ${…} would be replaced once more.
std::string value(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) escaped += '$';
    escaped += text[i];
  }
  return scalar_text(escaped);
}

std::string list(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + value(item);
  return '[' + text + ']';
}

std::string duration(std::chrono::seconds seconds) {
  const auto count = seconds.count();
  if (count > 0 && count % 3600 == 0) return fmt::format("{}h", count / 3600);
  if (count > 0 && count % 60 == 0) return fmt::format("{}m", count / 60);
  return fmt::format("{}s", count);
}

// Lines of YAML, two blanks for each level.
class Writer {
 public:
  void line(std::string_view key, std::string_view text) {
    text_ += fmt::format("{:{}}{}: {}\n", "", indent_, key, text);
  }
  void lists(std::string_view key, const std::vector<std::string>& items) {
    if (!items.empty()) line(key, list(items));
  }
  void open(std::string_view key) {
    text_ += fmt::format("{:{}}{}:\n", "", indent_, key);
    indent_ += 2;
  }
  void close() { indent_ -= 2; }
  void named(std::string_view key, const std::map<std::string, std::string>& values) {
    if (values.empty()) return;
    open(key);
    for (const auto& [name, text] : values) line(scalar_text(name), value(text));
    close();
  }
  // Shell text: several lines as a literal block where YAML gives them back unchanged.
  void command(std::string_view key, std::string_view text) {
    const bool several = text.find('\n') != std::string_view::npos;
    const bool odd = text.starts_with(' ') || text.starts_with('\n') || text.ends_with("\n\n") ||
                     std::any_of(text.begin(), text.end(), [](char c) {
                       return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
                     });
    if (!several || odd) return line(key, scalar_text(text));
    line(key, text.ends_with('\n') ? "|" : "|-");
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto each = text.substr(0, end);
      text_ += each.empty() ? "\n" : fmt::format("{:{}}{}\n", "", indent_ + 2, each);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  void item(std::string_view key, std::string_view text) {
    text_ += fmt::format("{:{}}- {}: {}\n", "", indent_, key, text);
  }
  void indent(int by) { indent_ += by; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  int indent_ = 0;
};

void write_source(Writer& out, const Source& source) {
  out.open("source");
  if (source.directory) {
    out.line("directory", value(source.directory->path));
    out.lists("exclude", source.directory->excludes);
  }
  if (source.archive) {
    out.line("archive", value(source.archive->path));
    if (!source.archive->sha256.empty()) out.line("sha256", double_quoted(source.archive->sha256));
    if (source.archive->strip != 0) out.line("strip", std::to_string(source.archive->strip));
  }
  if (source.git) {
    out.open("git");
    out.line("repository", value(source.git->repository));
    if (!source.git->revision.empty()) out.line("revision", value(source.git->revision));
    out.close();
  }
  out.close();
}

// Where they come from; what they are is not known here.
void write_secrets(Writer& out, const std::map<std::string, SecretSource>& secrets) {
  if (secrets.empty()) return;
  out.open("secrets");
  for (const auto& [name, source] : secrets) {
    out.open(scalar_text(name));
    if (!source.env.empty()) out.line("env", scalar_text(source.env));
    if (!source.file.empty()) out.line("file", value(source.file));
    if (!source.command.empty()) out.command("command", source.command);
    out.close();
  }
  out.close();
}

// Those that nobody has answered yet; the others are vars.
void write_prompts(Writer& out, const Recipe& recipe) {
  const auto open = [](const Prompt& prompt) { return !prompt.answered; };
  if (std::none_of(recipe.prompts.begin(), recipe.prompts.end(), open)) return;
  out.open("prompts");
  for (const auto& prompt : recipe.prompts) {
    if (prompt.answered) continue;
    out.open(scalar_text(prompt.name));
    out.line("question", value(prompt.question));
    if (prompt.fallback) out.line("default", value(*prompt.fallback));
    if (!prompt.fallback_command.empty()) {
      out.open("default");
      out.command("command", prompt.fallback_command);
      out.close();
    }
    if (prompt.secret) out.line("secret", "true");
    out.close();
  }
  out.close();
}

void write_templates(Writer& out, const std::vector<Template>& templates) {
  if (templates.empty()) return;
  out.open("templates");
  for (const auto& each : templates) {
    out.item("from", value(each.from));
    out.indent(2);
    out.line("to", value(each.to));
    if (each.mode) out.line("mode", double_quoted(fmt::format("{:04o}", *each.mode)));
    if (each.shared) out.line("shared", "true");
    out.indent(-2);
  }
  out.close();
}

void write_task(Writer& out, const Task& task) {
  out.open(scalar_text(task.name));
  out.command("run", task.run);
  out.lists("roles", task.roles);
  if (task.once) out.line("once", "true");
  if (task.local) out.line("local", "true");
  if (task.timeout) out.line("timeout", duration(*task.timeout));
  if (!task.become.empty()) out.line("become", value(task.become));
  if (!task.become_password.empty()) out.line("become_password", scalar_text(task.become_password));
  if (task.pty) out.line("pty", "true");
  if (!task.dir.empty()) out.line("dir", value(task.dir));
  out.close();
}

void write_host(Writer& out, const HostEntry& host) {
  out.item("address", value(host.address));
  out.indent(2);
  out.lists("roles", host.roles);
  if (host.primary) out.line("primary", "true");
  if (host.port) out.line("port", std::to_string(*host.port));
  if (!host.user.empty()) out.line("user", value(host.user));
  if (!host.transport.empty()) out.line("transport", host.transport);
  out.named("vars", host.vars);
  out.indent(-2);
}

void write_ssh(Writer& out, const Ssh& ssh) {
  out.open("ssh");
  if (!ssh.config.empty()) out.line("config", value(ssh.config));
  out.line("transport", ssh.transport.empty() ? "libssh2" : ssh.transport);
  if (ssh.port != 0) out.line("port", std::to_string(ssh.port));
  if (ssh.accept_new) out.line("known_hosts", *ssh.accept_new ? "accept-new" : "strict");
  out.lists("known_hosts_file", ssh.known_hosts);
  out.lists("identity", ssh.identities);
  if (!ssh.password.empty()) out.line("password", scalar_text(ssh.password));
  if (ssh.connect_timeout) out.line("connect_timeout", duration(*ssh.connect_timeout));
  if (ssh.keepalive) out.line("keepalive", duration(*ssh.keepalive));
  if (ssh.forward_agent) out.line("forward_agent", *ssh.forward_agent ? "true" : "false");
  out.line("parallel", std::to_string(ssh.parallel));
  out.close();
}

}  // namespace

std::string to_yaml(const Recipe& recipe) {
  Writer out;
  out.line("application", scalar_text(recipe.application));
  out.line("deploy_to", value(recipe.deploy_to));
  out.line("keep_releases", std::to_string(recipe.keep_releases));
  if (recipe.limit_rate != 0) out.line("limit_rate", std::to_string(recipe.limit_rate));
  if (!recipe.user.empty()) out.line("user", value(recipe.user));
  if (!recipe.become_password.empty()) out.line("become_password", scalar_text(recipe.become_password));
  out.line("confirm", recipe.confirm ? "true" : "false");
  auto vars = recipe.vars;
  for (const auto& prompt : recipe.prompts) {
    if (!prompt.answered) vars.erase(prompt.name);
  }
  out.named("vars", vars);
  out.named("env", recipe.env);
  write_prompts(out, recipe);
  write_secrets(out, recipe.secrets);
  write_source(out, recipe.source);
  out.line("transfer", recipe.transfer == Transfer::rsync     ? "rsync"
                       : recipe.transfer == Transfer::tarball ? "tarball"
                                                              : "delta");
  out.line("reuse", recipe.reuse_links ? "link" : "copy");
  out.line("verify", recipe.verify_full ? "full" : "quick");
  out.line("compression", recipe.compression);
  if (!recipe.shared.directories.empty() || !recipe.shared.files.empty()) {
    out.open("shared");
    out.lists("directories", recipe.shared.directories);
    out.lists("files", recipe.shared.files);
    out.close();
  }
  write_templates(out, recipe.templates);
  out.lists("copied", recipe.copied);
  out.lists("logs", recipe.logs);
  if (!recipe.tasks.empty()) {
    out.open("tasks");
    for (const auto& [name, task] : recipe.tasks) write_task(out, task);
    out.close();
  }
  if (!recipe.hooks.empty()) {
    out.open("hooks");
    for (const auto& [point, names] : recipe.hooks) out.lists(name_of(point), names);
    out.close();
  }
  write_ssh(out, recipe.ssh);
  out.open("stages");
  out.open(scalar_text(recipe.stage));
  out.open("hosts");
  for (const auto& host : recipe.hosts) write_host(out, host);
  return out.take();
}

}  // namespace kirikae::recipe
