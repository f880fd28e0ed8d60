#include <array>
#include <utility>

#include "release/release.h"

namespace kirikae::release {

namespace {
constexpr std::array<std::pair<State, std::string_view>, 5> names{{{State::preparing, "preparing"},
                                                                   {State::ready, "ready"},
                                                                   {State::good, "good"},
                                                                   {State::bad, "bad"},
                                                                   {State::failed, "failed"}}};
}  // namespace

std::string_view name_of(State state) {
  for (const auto& [known, name] : names) {
    if (known == state) return name;
  }
  return {};
}

std::optional<State> state_from(std::string_view name) {
  for (const auto& [state, known] : names) {
    if (known == name) return state;
  }
  return std::nullopt;
}

}  // namespace kirikae::release
