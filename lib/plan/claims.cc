#include "plan/claims.h"

#include <fmt/format.h>

#include "plan/diff.h"

namespace kirikae::plan {
namespace {

Error in_the_way(const std::string& path, std::string_view what, const std::string& there, release::TreeEntry::Kind kind) {
  return {ErrorCode::recipe, fmt::format("'{}' is {}, and the source has a {} '{}'", path, what, kind_text(kind), there),
          path == there ? "remove one of the two" : "make a folder of that in the source"};
}

}  // namespace

// As lib/host/link.sh and lib/host/template.sh look at a release.
Claims::Claims(const recipe::Recipe& recipe) {
  using recipe::HookPoint;
  if (recipe.hooks.contains(HookPoint::after_upload) || recipe.hooks.contains(HookPoint::before_link)) return;
  for (const std::string& path : recipe.shared.directories) add({path, "a shared directory", Kind::file});
  for (const std::string& path : recipe.shared.files) add({path, "a shared file", Kind::directory});
  for (const std::string& path : recipe.copied) add({path, "a copied path", {}});
  for (const recipe::Template& made : recipe.templates) {
    if (!made.shared) add({made.to, "a template's result", Kind::directory, made.span});
  }
}

void Claims::add(Claim claim) {
  const std::string& path = claim.path;
  paths_.insert(path);
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) paths_.insert(path.substr(0, slash));
  claims_.push_back(std::move(claim));
}

void Claims::see(std::string_view path, Kind kind) {
  if (paths_.empty()) return;
  if (paths_.contains(path)) there_.insert_or_assign(std::string(path), kind);
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    // An archive needn't name its folders.
    if (paths_.contains(path.substr(0, slash))) there_.try_emplace(std::string(path.substr(0, slash)), Kind::directory);
  }
}

std::vector<Error> Claims::hindered() const {
  std::vector<Error> errors;
  const auto look_at = [&](const Claim& claim, const std::string& path, auto hinders) {
    const auto at = there_.find(path);
    if (at == there_.end() || !hinders(at->second)) return false;
    errors.push_back(in_the_way(claim.path, claim.what, path, at->second));
    errors.back().span = claim.span;
    return true;
  };
  for (const Claim& claim : claims_) {
    bool found = false;
    for (auto slash = claim.path.find('/'); slash != std::string::npos && !found; slash = claim.path.find('/', slash + 1)) {
      found = look_at(claim, claim.path.substr(0, slash), [](Kind kind) { return kind != Kind::directory; });
    }
    if (!found) look_at(claim, claim.path, [&](Kind kind) { return kind == claim.hindering; });
  }
  return errors;
}

}  // namespace kirikae::plan
