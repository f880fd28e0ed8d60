#include <string>
#include <vector>

#include "release/release.h"
#include "support/catch.h"

namespace kirikae::release {

namespace {

std::string id(int day) { return "202601" + std::string(day < 10 ? "0" : "") + std::to_string(day) + "000000"; }

// "1g 2b 3g*": releases by day with their states (preparing, ready, good, bad, failed, - for no record); * is live.
Facts host(const std::string& text) {
  Facts facts;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t used = 0;
    const int day = std::stoi(text.substr(at), &used);
    at += used;
    ReleaseOnHost release;
    release.id = id(day);
    switch (text.at(at++)) {
      case 'p':
        release.state = State::preparing;
        break;
      case 'r':
        release.state = State::ready;
        break;
      case 'g':
        release.state = State::good;
        break;
      case 'b':
        release.state = State::bad;
        break;
      case 'f':
        release.state = State::failed;
        break;
      default:
        break;
    }
    if (at < text.size() && text[at] == '*') {
      facts.live = release.id;
      ++at;
    }
    facts.releases.push_back(release);
    if (at < text.size()) ++at;
  }
  return facts;
}

std::vector<Facts> hosts(const std::vector<std::string>& texts) {
  std::vector<Facts> all;
  for (const auto& text : texts) {
    all.push_back(host(text));
    all.back().host = "web" + std::to_string(all.size());
  }
  return all;
}

}  // namespace

TEST_CASE("The previous release is the newest good one before the live one that all hosts have") {
  const struct {
    std::vector<std::string> hosts;
    int previous;
  } cases[] = {
      {{"1g 2g*"}, 1},
      {{"1g 2g 3g*"}, 2},
      {{"1g 2b 3g*"}, 1},
      {{"1g 2f 3p 4r 5- 6g*"}, 1},
      {{"1g 2g* 3b"}, 1},  // after a rollback: further back, never forward to what was left
      {{"1g 2g* 3g"}, 1},
      {{"1g 2b*"}, 1},  // the live one may be bad itself
      {{"1g 2-*"}, 1},  // or another tool's
      {{"1g 2g*", "1g 2g*"}, 1},
      {{"1g 2g 3g*", "1g 3g*"}, 1},
      {{"1g 2g 3g*", "1g 2g* 3f"}, 2},  // the second host is there already
      {{"1g 2g*", "1g 2g"}, 1},         // one without a live release
      {{"1g 2b 3g*", "1g 2g 3g*"}, 1},
  };
  for (const auto& one : cases) {
    INFO(one.hosts.front() << " … " << one.hosts.back());
    const auto previous = previous_release(hosts(one.hosts));
    REQUIRE(previous);
    CHECK(*previous == id(one.previous));
  }
}

TEST_CASE("A rollback that has died behind its switch is finished before another goes further back") {
  const auto previous = [](std::vector<Facts> all) { return previous_release(all).value_or("error"); };
  auto all = hosts({"1g 2g* 3g", "1g 2g* 3g"});
  CHECK(previous(all) == id(1));
  all[1].unsettled = id(3);
  CHECK(previous(all) == id(2));
  all[0] = host("1g 2g 3g*");  // not yet switched there
  CHECK(previous(all) == id(2));
  all[0] = host("1g 2g 4g*");
  CHECK(previous(all) == id(2));
  all[0] = host("1g 2b*");  // bad on another host
  CHECK(previous(all) == id(1));
}

TEST_CASE("Without a previous release the error says what was looked for and what each host has") {
  const struct {
    std::vector<std::string> hosts;
    std::string text;
  } cases[] = {
      {{""},
       "no release is live, so there is none to go back to: the host has nothing\n"
       "  deploy a release first"},
      {{"1g 2f", ""},
       "no release is live, so there is none to go back to: web1 has 20260101000000 good, 20260102000000 failed; web2 "
       "has "
       "nothing\n  name the release to switch to with --to"},
      {{"1g*"},
       "no good release older than '20260101000000' is on the host: the host has 20260101000000 good (live)\n"
       "  deploy a release, or name one with --to"},
      {{"1b 2g*", "1b 2g*"},
       "no good release older than '20260102000000' is on every selected host: every host has 20260101000000 bad, "
       "20260102000000 good (live)\n  deploy a release, or name one with --to"},
      {{"1g 3g*", "2g 3g*", "1g 3g*"},
       "no good release older than '20260103000000' is on every selected host: web[1,3] have 20260101000000 good, "
       "20260103000000 good (live); web2 has 20260102000000 good, 20260103000000 good (live)\n"
       "  deploy a release, or name one with --to"},
      {{"1- 2g*"},
       "no good release older than '20260102000000' is on the host: the host has 20260101000000 without a record, "
       "20260102000000 good (live)\n  deploy a release, or name one with --to"},
  };
  for (const auto& one : cases) {
    const auto previous = previous_release(hosts(one.hosts));
    REQUIRE_FALSE(previous);
    CHECK(previous.error().code == ErrorCode::preflight);
    CHECK(to_text(previous.error()) == one.text);
  }
}

TEST_CASE("A named release must be there, and complete, on every host") {
  for (const auto* state : {"1g 2g*", "1b 2g*", "1r 2g*", "1- 2g*"}) {
    INFO(state);
    CHECK(named_release(hosts({state, "1g 2g*"}), id(1)).value_or("error") == id(1));
  }
  CHECK(named_release(hosts({"1g* 2b"}), id(2)).value_or("error") == id(2));
  for (const auto* state : {"1p 2g*", "1f 2g*"}) {
    const auto named = named_release(hosts({state}), id(1));
    REQUIRE_FALSE(named);
    CHECK(named.error().code == ErrorCode::preflight);
    CHECK(named.error().message.find("release '20260101000000' is not complete on the host: the host has ") == 0);
  }
  const auto missing = named_release(hosts({"1g 2g*", "2g*"}), id(1));
  REQUIRE_FALSE(missing);
  CHECK(to_text(missing.error()) ==
        "release '20260101000000' is not on every selected host: web1 has 20260101000000 good, 20260102000000 good "
        "(live); web2 has 20260102000000 good (live)\n  name a release that is");
}

TEST_CASE("Prune takes failed releases and those beyond the keepers, never the live one nor the rollback target") {
  const struct {
    std::string host;
    int target, keep;
    std::vector<int> pruned;
  } cases[] = {
      {"1g 2g 3g 4g*", 3, 2, {1, 2}},
      {"1g 2g 3g 4g*", 3, 9, {}},
      {"1g 2g*", 1, 1, {}},  // the target is kept besides
      {"1g 2g 3g*", 2, 1, {1}},
      {"1g 2f 3p 4g*", 1, 5, {2, 3}},  // unfinished ones are no keepers, and go
      {"1g 2b 3g 4g*", 3, 3, {}},      // a bad one is no keeper, but stays while older ones do
      {"1g 2b 3g 4g*", 3, 2, {1, 2}},
      {"1g 2r 3g 4g*", 3, 5, {2}},  // ready and passed by: it never served
      {"1g 2g 3g", 2, 2, {1}},      // read before the live release was made: it counts all the same
      {"1g 2b 3b 4g*", 1, 2, {}},
      {"1b 2g 3g*", 2, 2, {1}},
      {"1- 2- 3g 4g*", 3, 1, {}},  // another tool's are not ours to remove
      {"1g 2g* 3f 4g", 1, 1, {}},  // nor what is newer than live
      {"1g 2g 3r*", 2, 2, {1}},    // live counts, whatever its record says
      {"1g 2f*", 1, 1, {}},
      {"1g 2g 3g 4g*", 1, 2, {2}},
      {"", 0, 1, {}},
  };
  for (const auto& one : cases) {
    INFO(one.host << " keep " << one.keep);
    const auto facts = host(one.host);
    std::vector<std::string> expected;
    for (const int day : one.pruned) expected.push_back(id(day));
    CHECK(to_prune(facts, facts.live.empty() ? id(9) : facts.live, one.target == 0 ? "" : id(one.target), one.keep) ==
          expected);
  }
}

TEST_CASE("The newest release of any host, live or not") {
  CHECK(newest_release({}).empty());
  CHECK(newest_release(hosts({"", ""})).empty());
  CHECK(newest_release(hosts({"1g 2g*", "1g* 5f"})) == id(5));
  auto dangling = hosts({"1g"});
  dangling[0].live = id(7);  // `current` of a release that somebody has removed
  CHECK(newest_release(dangling) == id(7));
}

TEST_CASE("What somebody's run is at work on is nothing to prune") {
  Facts busy = host("1g 2p 3p 4g*");
  CHECK(to_prune(busy, id(5), id(4), 5) == std::vector<std::string>{id(2), id(3)});
  busy.lock = LockHolder{};
  CHECK(to_prune(busy, id(5), id(4), 5).empty());
}

}  // namespace kirikae::release
