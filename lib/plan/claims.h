// Claims: the paths in a release that the recipe has for shared paths, copied ones and what templates make; and what of the source stands in
// their way, so that no host could put them there. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "recipe/recipe.h"
#include "release/tree.h"

namespace kirikae::plan {

class Claims {
 public:
  using Kind = release::TreeEntry::Kind;
  explicit Claims(const recipe::Recipe& recipe);

  [[nodiscard]] bool any() const { return !claims_.empty(); }
  // Tells of an entry of the source; what is above it is a folder.
  void see(std::string_view path, Kind kind);
  // Errors (recipe), one for each claim that is hindered. None where tasks run between the upload and the links: they may mend it there.
  [[nodiscard]] std::vector<Error> hindered() const;

 private:
  struct Claim {
    std::string path;
    std::string_view what;  // a shared file …
    std::optional<Kind> hindering;  // what the source can't have there
    std::optional<Span> span{};
  };
  void add(Claim claim);

  std::vector<Claim> claims_;                       // in the recipe's order
  std::set<std::string, std::less<>> paths_;        // of all claims, and what is above them
  std::map<std::string, Kind, std::less<>> there_;  // what of them the source has
};

}  // namespace kirikae::plan
