// What `--output json` wrote: each line validated by docs/events.schema.json, then parsed.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/subprocess.h"
#include "support/catch.h"

namespace kirikae::test {

using Events = std::vector<nlohmann::ordered_json>;

inline Events validated_events(const std::string& out) {
  SubprocessCall call;
  call.argv = {KIRIKAE_SOURCE_DIR "/tests/support/validate_events", KIRIKAE_SOURCE_DIR "/docs/events.schema.json"};
  call.input = out;
  call.deadline = Deadline::in(std::chrono::minutes(2));
  std::string breaches;
  call.on_output = [&](bool, std::string_view bytes) { breaches += bytes; };
  const auto ended = run_subprocess(call);
  CAPTURE(out);
  REQUIRE(ended);
  REQUIRE(breaches.empty());
  REQUIRE(ended->status == 0);
  Events events;
  for (std::size_t from = 0; from < out.size();) {
    const auto end = out.find('\n', from);
    events.push_back(nlohmann::ordered_json::parse(out.substr(from, end - from)));
    from = end + 1;
  }
  return events;
}

// The events of one name.
inline Events only(const Events& events, const std::string& name) {
  Events those;
  for (const auto& event : events) {
    if (event["event"] == name) those.push_back(event);
  }
  return those;
}

}  // namespace kirikae::test
