// What packed releases travel as, to real hosts.
#include <nlohmann/json.hpp>

#include <map>
#include <sstream>

#include "integration/live_tree.h"
#include "integration/tools.h"
#include "support/catch.h"
#include "support/dice.h"
#include "support/farm.h"

using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t megabyte = 1'000'000;

// As much text as noise.
void write_text_and_noise(const World& world, std::size_t each) {
  Dice dice(each);
  std::string text;
  while (text.size() < each) text += "line " + std::to_string(dice.below(1'000'000)) + " of a text that shrinks well\n";
  world.write_app("1");
  world.write("app/text", text);
  world.write("app/noise", dice.bytes(each));
  world.write_manifest();
}

// Bytes that each host was sent.
std::vector<std::uint64_t> sent(const Ran& ran) {
  std::vector<std::uint64_t> bytes;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("event") != "run_finished") continue;
    for (const auto& host : event.at("hosts")) bytes.push_back(host.at("bytes"));
  }
  return bytes;
}

}  // namespace

TEST_CASE("a release arrives whole by each way to compress it, and the run says what was sent") {
  World world({.hosts = 2});
  const std::map<std::string, std::pair<std::size_t, std::size_t>> sizes{
      {"auto", {3 * megabyte, 5 * megabyte}}, {"zstd", {3 * megabyte, 5 * megabyte}}, {"gzip", {3 * megabyte, 5 * megabyte}}, {"none", {6 * megabyte, 7 * megabyte}}};
  write_text_and_noise(world, 3 * megabyte);
  for (const auto& [compression, size] : sizes) {
    const Ran ran = world.deploy({"production", "--output", "json", "--set", "compression=" + compression, "--set", "transfer=tarball"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    for (const auto& host : world.hosts()) CHECK(changed_on_the_way(world.site() / "app", host) == "");
    const auto bytes = sent(ran);
    REQUIRE(bytes.size() == 2);
    for (const auto each : bytes) CHECK((each > size.first && each < size.second));
  }
  CHECK(world.broken_invariants().empty());
}

// Where a block of a MiB begins and ends, and a third of the way, it is looked at; what is elsewhere is found by the compressor alone.
TEST_CASE("by itself a run stores what looks packed already, and asked for an encoding it compresses all the same") {
  constexpr std::size_t block = std::size_t{1} << 20, zeros = 160'000;
  World world;
  world.write_app("1");
  Dice dice(3);
  std::string noise = dice.bytes(10 * block);
  for (std::size_t at = 2 * block; at < noise.size(); at += block) noise.replace(at + 450'000, zeros, zeros, '\0');
  world.write("app/noise", noise);
  world.write_manifest();
  const auto bytes_by = [&](const std::string& compression) {
    const Ran ran = world.deploy({"production", "--output", "json", "--set", "compression=" + compression, "--set", "transfer=tarball"});
    INFO(ran);
    REQUIRE(ran.status == 0);
    CHECK(changed_on_the_way(world.site() / "app", world.host(0)) == "");
    return sent(ran).at(0);
  };
  CHECK(bytes_by("auto") > noise.size());
  CHECK(bytes_by("zstd") < noise.size() - 7 * zeros);
  CHECK(bytes_by("gzip") < noise.size() - 7 * zeros);
}

TEST_CASE("a source of many blocks arrives whole, whatever of it is stored for a fast line", "[slow]") {
  World world({.hosts = 2});
  write_text_and_noise(world, 48 * megabyte);
  const TempDir no_zstd;
  tools_without(no_zstd, "*zstd*");
  const std::string tools = GENERATE("both", "gzip");
  if (tools == "gzip") give_second_host(world, no_zstd);
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) CHECK(changed_on_the_way(world.site() / "app", host) == "");
}

TEST_CASE("a host without what the recipe compresses with is named, and nothing is changed anywhere") {
  World world({.hosts = 2});
  write_text_and_noise(world, megabyte);
  const TempDir neither;
  tools_without(neither, "*zstd*|gzip|gunzip|zcat|uncompress|pigz");
  give_second_host(world, neither);
  for (const std::string compression : {"zstd", "gzip"}) {
    for (const bool plan : {true, false}) {
      world.write_recipe("compression: " + compression + "\n");
      const Ran ran = plan ? world.deploy({"plan", "production"}) : world.deploy({"production"});
      INFO(ran);
      REQUIRE(ran.status == 1);
      CHECK_THAT(ran.out + ran.err, ContainsSubstring("there is no '" + compression + "' here, which 'compression: " + compression + "' needs"));
      CHECK_THAT(ran.out + ran.err, ContainsSubstring("install it, or let 'compression: auto' choose"));
      CHECK_THAT(ran.out + ran.err, ContainsSubstring("127.0.0.2"));
      CHECK_THAT(ran.out + ran.err, !ContainsSubstring("[127.0.0.1]"));
    }
    for (const auto& host : world.hosts()) CHECK(host.releases().empty());
  }
  world.write_recipe("compression: none\n");
  CHECK_THAT(world.deploy({"plan", "production"}).out, ContainsSubstring("packed as plain tar"));
  const Ran ran = world.deploy({"production"});
  INFO(ran);
  REQUIRE(ran.status == 0);
  for (const auto& host : world.hosts()) CHECK(changed_on_the_way(world.site() / "app", host) == "");
}
