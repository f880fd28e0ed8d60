#include "plan/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/letters.h"
#include "core/shell_quote.h"
#include "core/suggestion.h"
#include "plan/tasks.h"

namespace kirikae::plan {
namespace {

// A step's text is one string of a process's environment there, which Linux limits to 128 KiB.
constexpr std::size_t longest = std::size_t{64} << 10U;
constexpr unsigned most_open_with_secret = 0640;

const std::vector<std::string> host_fields = {"name", "address", "user", "port", "primary", "roles"};

MustacheValue host_names(const inventory::Host& host) {
  std::vector<MustacheValue> roles;
  for (const auto& role : host.roles) roles.push_back(MustacheValue::of(role));
  return MustacheValue::of_map({{"name", MustacheValue::of(host.name)},
                                {"address", MustacheValue::of(host.address)},
                                {"user", MustacheValue::of(host.user)},
                                {"port", MustacheValue::of(std::to_string(host.port))},
                                {"primary", MustacheValue::of_flag(host.primary)},
                                {"roles", MustacheValue::of_list(std::move(roles))}});
}

std::set<std::string> secret_names(const recipe::Recipe& recipe) {
  std::set<std::string> names;
  const auto passwords = recipe::passwords_of(recipe);
  for (const auto& [name, source] : recipe.secrets) {
    if (!passwords.contains(name)) names.insert(name);
  }
  for (const auto& prompt : recipe.prompts) {
    if (prompt.secret) names.insert(prompt.name);
  }
  return names;
}

bool lists_hosts(const std::string& section) { return section == "hosts" || section.starts_with("roles."); }

// Dotted names of everything that stands in `names`.
std::vector<std::string> all_names(const MustacheValue& names) {
  std::vector<std::string> all;
  for (const auto& [name, value] : names.names) {
    all.push_back(name);
    if (value.kind != MustacheValue::Kind::map) continue;
    for (const auto& [inner, unused] : value.names) all.push_back(name + '.' + inner);
  }
  return all;
}

class Check {
 public:
  Check(const recipe::Recipe& recipe, const std::vector<inventory::Host>& hosts, std::vector<MustacheValue> names)
      : hosts_(hosts), names_(std::move(names)), secrets_(secret_names(recipe)) {
    std::set<std::string> known;
    for (const auto& each : names_) {
      for (auto& name : all_names(each)) known.insert(std::move(name));
    }
    known_.assign(known.begin(), known.end());
  }

  void file(const TemplateFile& file) {
    const std::size_t before = errors_.size();
    for (const MustacheTag& tag : file.text->tags()) check_name(tag);
    if (errors_.size() > before) return;
    const bool with_secret = std::any_of(file.text->tags().begin(), file.text->tags().end(),
                                         [&](const MustacheTag& tag) { return secrets_.contains(tag.name); });
    if (with_secret && file.spec.mode && (*file.spec.mode & ~most_open_with_secret) != 0) {
      Error error(ErrorCode::recipe,
                  fmt::format("the template for '{}' names a secret, and its mode is {:04o}", file.spec.to, *file.spec.mode),
                  "0640 is the most");
      error.span = file.spec.span;
      errors_.push_back(std::move(error));
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      auto text = render(file, names_[i]);
      if (text) continue;
      const auto same = [&](const Error& other) { return to_text(other) == to_text(text.error()); };
      if (std::none_of(errors_.begin(), errors_.end(), same)) errors_.push_back(std::move(text).error());
    }
  }

  std::vector<Error> take() { return std::move(errors_); }

 private:
  void check_name(const MustacheTag& tag) {
    const bool in_hosts = std::any_of(tag.sections.begin(), tag.sections.end(), lists_hosts);
    if (tag.name == "." && !tag.sections.empty()) return;
    if (in_hosts && std::find(host_fields.begin(), host_fields.end(), tag.name) != host_fields.end()) return;
    if (std::find(known_.begin(), known_.end(), tag.name) != known_.end()) return;
    auto near = nearest_name(tag.name, known_);
    if (!near) near = nearest_name(upper(tag.name), known_);  // as names of commands are
    Error error(ErrorCode::recipe, fmt::format("nothing is named '{}'", tag.name),
                near ? fmt::format("did you mean '{}'?", *near) : "set it under 'vars'");
    error.span = tag.span;
    errors_.push_back(std::move(error));
  }

  const std::vector<inventory::Host>& hosts_;
  std::vector<MustacheValue> names_;
  std::set<std::string> secrets_;
  std::vector<std::string> known_;
  std::vector<Error> errors_;
};

}  // namespace

std::shared_ptr<const MustacheValue> stage_names(const recipe::Recipe& recipe,
                                                 const std::vector<inventory::Host>& stage_hosts) {
  std::vector<MustacheValue> hosts;
  std::map<std::string, std::vector<MustacheValue>> by_role;
  for (const auto& role : recipe.roles) by_role[role];
  for (const auto& host : stage_hosts) {
    for (const auto& role : host.roles) by_role[role];
  }
  for (const auto& host : stage_hosts) {
    hosts.push_back(host_names(host));
    for (auto& [role, list] : by_role) {
      if (host.has_any_role({role})) list.push_back(hosts.back());
    }
  }
  std::map<std::string, MustacheValue> roles;
  for (auto& [role, list] : by_role) roles.emplace(role, MustacheValue::of_list(std::move(list)));
  return std::make_shared<const MustacheValue>(MustacheValue::of_map(
      {{"hosts", MustacheValue::of_list(std::move(hosts))}, {"roles", MustacheValue::of_map(std::move(roles))}}));
}

MustacheValue template_names(std::map<std::string, std::string> environment, const std::vector<std::string>& own_roles,
                             const MustacheValue& stage, const SecretSet* secrets) {
  MustacheValue names = stage;
  std::map<std::string, MustacheValue> has;
  for (const auto& [role, list] : stage.names.at("roles").names) {
    // Where no host has roles, each is on every list.
    const bool each = own_roles.empty() && list.items.size() == stage.names.at("hosts").items.size();
    has.emplace(role,
                MustacheValue::of_flag(each || std::find(own_roles.begin(), own_roles.end(), role) != own_roles.end()));
  }
  names.names.emplace("has", MustacheValue::of_map(std::move(has)));
  for (auto& [name, value] : environment) names.names.emplace(name, MustacheValue::of(std::move(value)));
  if (secrets == nullptr) return names;
  for (const auto& [name, secret] : secrets->values()) {
    names.names.emplace(name, MustacheValue::of(std::string(secret.reveal())));
  }
  return names;
}

bool names_secret(const recipe::Recipe& recipe, const MustacheTemplate& text) {
  const auto names = secret_names(recipe);
  return std::any_of(text.tags().begin(), text.tags().end(), [&](const MustacheTag& tag) { return names.contains(tag.name); });
}

Result<std::string> render(const TemplateFile& file, const MustacheValue& names) {
  TRY_ASSIGN(std::string text, file.text->render(names));
  std::string why;
  if (shell_quote(text).size() > longest) why = "is longer than 64 KiB";
  if (!why.empty() && text.size() <= longest) why += ", in which a single quote counts as four bytes";
  if (text.find('\0') != std::string::npos) why = "has a NUL byte in it";
  if (why.empty()) return text;
  Error error(ErrorCode::recipe, fmt::format("what the template '{}' comes to {}", file.text->path(), why),
              "let the source bring files of this kind, or a task make them");
  error.span = file.spec.span;
  return std::unexpected(std::move(error));
}

std::vector<Error> check_templates(const recipe::Recipe& recipe, const std::vector<TemplateFile>& files,
                                   const std::vector<inventory::Host>& hosts, const std::vector<inventory::Host>& stage_hosts,
                                   const SecretSet* secrets) {
  const release::Layout layout(recipe.deploy_to);
  const std::vector<PlannedHost> none;
  const TaskScene scene{recipe, layout, "deploy", {}, none};
  const auto stage = stage_names(recipe, stage_hosts);
  std::vector<MustacheValue> names;
  for (const auto& host : hosts) {
    const PlannedHost planned{host, {}};
    auto environment = environment_of(scene, &planned);
    environment.try_emplace("REVISION");
    names.push_back(template_names(std::move(environment), host.roles, *stage, secrets));
    // Whatever they are, or will be answered: their names are known.
    for (const auto& some : {secret_names(recipe), recipe.waiting.vars, recipe.waiting.env}) {
      for (const auto& name : some) names.back().names.emplace(name, MustacheValue::of("******"));
    }
  }
  Check check(recipe, hosts, std::move(names));
  for (const TemplateFile& file : files) check.file(file);
  return check.take();
}

}  // namespace kirikae::plan
