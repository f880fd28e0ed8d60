// What a host tells of a release's list and chunks, and what it takes to keep them.
#include "host/releases.h"
#include "support/catch.h"

namespace kirikae::test {

TEST_CASE("a release's list and its large files' chunks are told packed, and as they are where there is no gzip") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const std::string list(5000, 'l'), chunks(5000, 'c');
  site.disk.write("srv/app/.kirikae/manifests/" + id1 + "/files", list);
  site.disk.write("srv/app/.kirikae/manifests/" + id1 + "/chunks", chunks);
  site.disk.write("srv/app/.kirikae/manifests/" + id2 + "/files", list);
  const auto told = [&](host::Command command, bool has_gzip) {
    if (!has_gzip) command.text = "gzip() { return 127; }\n" + command.text;
    const auto ended = site.control.run(command);
    INFO(ended);
    CHECK(ended.status == 0);
    CHECK((ended.out.size() < 1000) == (has_gzip || ended.out.empty()));
    return host::unpacked_answer(ended.out, 5000);
  };
  for (const bool has_gzip : {true, false}) {
    CHECK(told(host::manifest(site.layout(), id1), has_gzip) == list);
    CHECK(told(host::chunks(site.layout(), id1), has_gzip) == chunks);
    CHECK(told(host::chunks(site.layout(), id2), has_gzip) == "");
  }
  CHECK(site.control.run(host::manifest(site.layout(), id3)).status != 0);
}

TEST_CASE("a payload without what was to come with it is an error") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  REQUIRE(site.control.run(host::prepare(site.layout(), Site::info(id1))).status == 0);
  const host::Rebuild rebuild{".other", std::string(64, 'a'), {}, {}, false, false};
  const auto stream = tar({{".part/files", ""}, {"x", "1"}});
  const auto ended = send(shell, site.disk, host::receive(site.layout(), id1, "none", site.facts(), rebuild), stream);
  INFO(ended);
  CHECK(ended.status == 1);
  CHECK(ended.err.ends_with("what was to come with the payload of release '" + id1 + "' is not there: deploy again\n"));
}

}  // namespace kirikae::test
