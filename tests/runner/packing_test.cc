// Hosts while the payload is still being packed.
#include "runner/runner.h"

#include "run_world.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::test;

namespace {

// A payload whose packing ends when the test says so.
class SlowArtifact final : public transfer::Artifact {
 public:
  explicit SlowArtifact(std::function<void()> asked) : asked_(std::move(asked)) {}
  std::unique_ptr<ByteSource> reader() override {
    struct Empty : ByteSource {
      Result<Piece> read(std::span<char>, const std::shared_ptr<Waker>&) override { return Piece{}; }
    };
    return std::make_unique<Empty>();
  }
  [[nodiscard]] std::uint64_t total() const override { return ended_ ? 1 : 0; }
  Result<std::string> sha256() override {
    if (!ended_) return std::unexpected(Error(ErrorCode::internal, "a host's thread would wait here"));
    return std::string(64, 'a');
  }
  bool has_ended(const std::shared_ptr<Waker>& waker) override {
    waker_ = waker;
    asked_();
    return false;
  }
  void end() {
    ended_ = true;
    waker_->wake();
  }

 private:
  std::function<void()> asked_;
  std::shared_ptr<Waker> waker_;
  std::atomic<bool> ended_ = false;
};

struct OnePayload final : runner::Payloads {
  explicit OnePayload(transfer::Artifact& an_artifact) : artifact(an_artifact) {}
  transfer::Artifact& of(std::size_t) override { return artifact; }
  Result<plan::Unpack> again(std::size_t, const plan::Unpack&, const std::vector<std::string>&) override {
    return std::unexpected(Error(ErrorCode::internal, "there is only one"));
  }
  transfer::Artifact& artifact;
};

// One host, up to its sealed release, with a payload so small that its sum is waited for.
runner::RunState upload(RunWorld& world, transfer::Artifact& artifact) {
  OnePayload payloads(artifact);
  plan::HostFacts host{world.request.hosts[0], {}};
  host.facts.mv = "T";
  const auto plan = plan::build_deploy({world.request.recipe, {host}, 1795410000, "r1", 1, 6, "ada@desk"});
  REQUIRE(plan);
  const runner::Emitter emit(world.events);
  runner::TaskGroup group(1, 1);
  group.run({0}, [&](std::size_t, runner::Station& station) {
    station.transport = *world.connector.connect({"web1", "web1", 22, "deploy"}, {}, {});
  });
  runner::Runner runner(*plan, group, &payloads, emit, {});
  runner.run();
  return runner.state();
}

}  // namespace

TEST_CASE("a host that waits for the packing of its payload goes on when that is done") {
  RunWorld world(1);
  SlowArtifact* slow = nullptr;
  SlowArtifact artifact([&] { slow->end(); });
  slow = &artifact;
  CHECK_FALSE(upload(world, artifact).failed());
  CHECK(world.was_told(0, "publish"));
}

TEST_CASE("a host that waits for the packing of its payload is looked after meanwhile, so that its loss is noticed") {
  RunWorld world(1);
  SlowArtifact artifact([&] { world.hosts[0]->lose(); });
  const auto state = upload(world, artifact);
  REQUIRE(state.hosts[0].error);
  CHECK(state.hosts[0].error->code == ErrorCode::lost);
  CHECK_FALSE(world.was_told(0, "receive"));
}
