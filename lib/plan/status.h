// The status of a stage: what each host runs, since when and by whom, and what is not as it should be. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/audit.h"
#include "plan/plan.h"

namespace kirikae::plan {

struct HostStatus {
  inventory::Host host;
  release::Facts facts;
  HostLog log;  // its last switches
  bool log_unread = false;  // it couldn't be had
};

// What is to be said of a host.
struct Judged {
  const HostStatus* of;
  std::string_view current;  // what `current` is: release, none, elsewhere, directory, file
  std::string state{};       // of the live release; empty: none is live
  std::string revision{}, by{};
  std::optional<std::int64_t> since{};  // unix seconds; none: the log doesn't tell
  bool drift = false;                   // it runs another release than Status::usual
  std::vector<std::string> unfinished{}, failed{};  // releases
  std::vector<std::string> problems{}, notes{};     // as people read them
};

struct Status {
  std::string text;
  std::string usual;          // the release that most run, the newer one of two that equally many run
  std::vector<Judged> hosts;  // of the hosts that it was made from
  // Every host runs one release, the same, which is good and was switched to by us; nothing is unfinished, no dead run's lock is
  // left, nothing is frozen. What a run that lives is busy with does not count.
  bool in_order = true;
};
// What is wrong where `current` leads to none of the releases that are there, as a sentence.
std::string current_problem(const release::Facts& facts);
// `unreached`: hosts of the selection that could not be read; the errors name them. `command`: how the tool is called, for advice.
Status status_of(const recipe::Recipe& recipe, const std::vector<HostStatus>& hosts, std::size_t unreached, const std::string& command);
// As data: a JSON document.
std::string status_json(const Status& status);

}  // namespace kirikae::plan
