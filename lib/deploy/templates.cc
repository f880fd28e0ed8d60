#include "deploy/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace kirikae::deploy {
namespace {

constexpr std::size_t longest_template = std::size_t{1} << 20U;

Result<std::string> read_template(const recipe::Template& spec) {
  const auto failed = [&](const std::string& why) {
    Error error(ErrorCode::recipe, fmt::format("can't read the template '{}': {}", spec.from, why));
    error.span = spec.span;
    return std::unexpected(std::move(error));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(spec.from, ignored)) return failed("it is a directory");
  errno = 0;
  std::ifstream file(spec.from, std::ios::binary);
  if (!file) return failed(std::generic_category().message(errno));
  std::string text(longest_template + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failed(std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > longest_template) return failed("it is larger than 1 MiB");
  return text;
}

// As people know it: relative to the recipe's folder where it lies in it.
std::string shown_path(const recipe::Recipe& recipe, const std::string& path) {
  return path.starts_with(recipe.folder + '/') ? path.substr(recipe.folder.size() + 1) : path;
}

}  // namespace

std::vector<inventory::Host> stage_hosts(const Request& request) {
  auto hosts = inventory::expand(request.recipe);
  std::vector<inventory::Host> all = request.hosts;
  all.insert(all.end(), request.other_hosts.begin(), request.other_hosts.end());
  if (!hosts) return all;
  // As they were selected from: by name, in the recipe's order.
  std::vector<inventory::Host> ordered;
  for (const auto& host : *hosts) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.name == host.name; });
    if (same != all.end()) ordered.push_back(*same);
  }
  return ordered.size() == all.size() ? ordered : all;
}

std::expected<std::vector<plan::TemplateFile>, std::vector<Error>> read_templates(const Request& request) {
  std::vector<plan::TemplateFile> files;
  std::vector<Error> errors;
  for (const recipe::Template& spec : request.recipe.templates) {
    auto text = read_template(spec);
    auto parsed = text ? MustacheTemplate::parse(*std::move(text), shown_path(request.recipe, spec.from))
                       : Result<MustacheTemplate>(std::unexpected(std::move(text).error()));
    if (!parsed) {
      errors.push_back(std::move(parsed).error());
      continue;
    }
    files.push_back({spec, std::make_shared<const MustacheTemplate>(*std::move(parsed))});
  }
  auto wrong = plan::check_templates(request.recipe, files, request.hosts, stage_hosts(request), request.secrets.get());
  std::move(wrong.begin(), wrong.end(), std::back_inserter(errors));
  if (!errors.empty()) return std::unexpected(std::move(errors));
  for (auto& file : files) {
    if (!file.spec.mode) file.spec.mode = plan::names_secret(request.recipe, *file.text) ? 0640U : 0644U;
  }
  return files;
}

}  // namespace kirikae::deploy
