#include <string>

#include "release/release.h"
#include "support/catch.h"

namespace kirikae::release {

TEST_CASE("A release id is the UTC time in 14 digits") {
  CHECK(release_id_at(0) == "19700101000000");
  CHECK(release_id_at(1795311000) == "20261122013000");
  CHECK(release_id_at(1709251199) == "20240229235959");
  CHECK(release_id_at(253402300799) == "99991231235959");
  CHECK(release_id_at(-5) == "19700101000000");

  CHECK(is_release_id("20261122013000"));
  for (const auto* other :
       {"", "2026112201300", "202611220130000", "2026112201300a", "2026-11-22 013", " 0261122013000"}) {
    CHECK_FALSE(is_release_id(other));
  }
}

TEST_CASE("The next release id sorts behind the newest one, whatever the clock says") {
  const struct {
    std::int64_t now;
    std::string newest, next;
  } cases[] = {
      {1795311000, "", "20261122013000"},
      {1795311000, "20261122012959", "20261122013000"},
      {1795311000, "20261122013000", "20261122013001"},
      {1795311000, "20261231235959", "20270101000000"},
      {1795311000, "20280228235959", "20280229000000"},
      {0, "20261122013000", "20261122013001"},
      // Folders that bear 14 digits and no date.
      {1795311000, "20270000000000", "20270000000001"},
      {1795311000, "20271399999999", "20271400000000"},
      {1795311000, "20270101000099", "20270101000140"},
      {1795311000, "no release id", "20261122013000"},
  };
  for (const auto& one : cases) {
    INFO(one.newest);
    CHECK(next_release_id(one.now, one.newest) == one.next);
    CHECK((!is_release_id(one.newest) || next_release_id(one.now, one.newest) > one.newest));
  }
}

TEST_CASE("Every state has a name, and every name a state") {
  for (const auto* name : {"preparing", "ready", "good", "bad", "failed"}) {
    INFO(name);
    REQUIRE(state_from(name));
    CHECK(name_of(*state_from(name)) == name);
  }
  for (const auto* other : {"", "Good", "good ", "-", "unknown"}) CHECK_FALSE(state_from(other));
}

}  // namespace kirikae::release
