// Which blocks are compressed, on a line that the test makes up.
#include "transfer/pace.h"

#include <algorithm>
#include <functional>

#include "support/catch.h"
#include "transfer/demand.h"

using namespace kirikae::transfer;

namespace {

// A compressor, and a line that takes what it makes: all in MiB and seconds.
struct Scene {
  double compressor;  // a second
  double line;
  double ratio;  // of what is compressed
  int blocks;
  int stored = 0;

  double seconds(const std::function<bool(bool)>& compresses) {
    constexpr double on_its_way = 0.25;  // what the line takes at once
    double now = 0, sent = 0;
    bool dry = false;
    stored = 0;
    for (int i = 0; i < blocks; ++i) {
      const bool compressed = compresses(dry);
      now += 1 / 800.0 + (compressed ? 1 / compressor : 0);
      dry = sent - on_its_way / line < now;
      sent = std::max(now, sent) + (compressed ? ratio : 1) / line;
      if (!compressed) ++stored;
    }
    return std::max(now, sent);
  }
  double all_compressed() {
    return seconds([](bool) { return true; });
  }
  double by_pace() {
    Pace pace;
    return seconds([&](bool dry) { return pace.compress_next(dry); });
  }
};

}  // namespace

TEST_CASE(
    "what is packed is sent sooner where the line is faster than the compressor, and next to never later where it "
    "isn't") {
  for (const double compressor : {73, 266}) {
    for (const double ratio : {0.1, 0.3, 0.6}) {
      for (const double line : {1, 5, 10, 20, 40, 80, 110, 200, 400, 1000}) {
        for (const int blocks : {20, 33, 64, 300, 1000}) {
          Scene scene{compressor, line, ratio, blocks};
          CAPTURE(compressor, ratio, line, blocks);
          const double plain = scene.all_compressed();
          const double paced = scene.by_pace();
          // A block that was stored in vain is the worst of it.
          CHECK(paced <= plain * 1.02 + 4 * (1 - ratio) / line);
          if (blocks <= 32 || line < 0.7 * compressor * ratio) CHECK(scene.stored == 0);
          if (blocks >= 300 && line > 1.4 * compressor) CHECK(paced < 0.72 * plain);
          if (blocks >= 300 && line > 4 * compressor) CHECK(paced < 0.6 * plain);
        }
      }
    }
  }
}

TEST_CASE("readers who always wait get more and more uncompressed, who no longer do all compressed again") {
  Pace pace;
  const auto row = [&](int blocks, bool dry) {
    std::string text;
    for (int i = 0; i < blocks; ++i) text += pace.compress_next(dry) ? 'c' : '.';
    return text;
  };
  CHECK(row(32, true) == std::string(32, 'c'));
  CHECK(row(40, true) == ".c..c....c........c................c....");
  CHECK(row(12, true) == "............");
  CHECK(row(33, false) == std::string(33, 'c'));
  CHECK(row(31, true) == std::string(31, 'c'));  // the patience is doubled
  CHECK(row(4, true) == ".c..");
}

TEST_CASE(
    "a stream has run dry when all of its readers have waited, if only for a moment, and not where one hasn't or there "
    "is none") {
  Demand demand;
  CHECK_FALSE(demand.ran_dry());
  const auto one = demand.join(), other = demand.join();
  CHECK_FALSE(demand.ran_dry());
  demand.note(one, true);
  CHECK_FALSE(demand.ran_dry());
  demand.note(other, true);
  demand.note(other, false);
  CHECK(demand.ran_dry());
  CHECK_FALSE(demand.ran_dry());  // the other one reads, the first still waits
  demand.leave(other);
  CHECK(demand.ran_dry());
  demand.note(one, false);
  CHECK(demand.ran_dry());
  CHECK_FALSE(demand.ran_dry());
  demand.leave(one);
  CHECK_FALSE(demand.ran_dry());
}
