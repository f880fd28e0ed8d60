#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/fd.h"
#include "recipe/rules.h"
#include "recipe/starter.h"
#include "ui/terminal.h"
#include "verb.h"

namespace kirikae::cmd {
namespace {

constexpr const char* file_name = "deploy.yml";

bool name_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

// The current folder's name, as far as an application may be called that.
std::string folder_name() {
  std::error_code failed;
  std::string name = std::filesystem::current_path(failed).filename().string();
  std::ranges::replace_if(
      name, [](char c) { return !name_character(c); }, '-');
  name.erase(0, name.find_first_not_of("-_"));
  return name.empty() ? "application" : name;
}

Error unwritable() {
  return {ErrorCode::local, fmt::format("'{}' can't be written: {}", file_name, std::strerror(errno))};
}

Result<void> write_new(const std::string& text) {
  const Fd file(::open(file_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid() && errno == EEXIST) {
    return std::unexpected(Error(ErrorCode::usage, fmt::format("'{}' is here already; it was left as it is", file_name),
                                 "'deploy help recipe' explains its keys"));
  }
  if (!file.valid()) return std::unexpected(unwritable());
  if (ui::write_all(file.get(), text)) return {};
  const Error error = unwritable();
  ::unlink(file_name);
  return std::unexpected(error);
}

}  // namespace

Ended run_init(const Call& call) {
  const std::string application = call.options.argument.empty() ? folder_name() : call.options.argument;
  if (const std::string against = recipe::application_rule(application); !against.empty()) {
    return std::unexpected(Errors{{ErrorCode::usage, against}});
  }
  if (auto written = write_new(recipe::starter_recipe(application)); !written)
    return std::unexpected(Errors{written.error()});
  ui::write_all(STDOUT_FILENO, fmt::format("wrote {} for '{}'\n"
                                           "next: put your hosts into it, then\n"
                                           "  deploy config production   # the recipe as it is understood\n"
                                           "  deploy plan production     # what a deploy would change\n"
                                           "  deploy production\n",
                                           file_name, application));
  return event::Report{};
}

}  // namespace kirikae::cmd
