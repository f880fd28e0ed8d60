// The revision that a directory source gets from git.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "core/digest.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "transfer/listing.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
namespace fs = std::filesystem;

namespace {

std::string git(const std::string& folder, std::vector<std::string> words) {
  std::vector<std::string> argv{
      "git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"};
  argv.insert(argv.end(), words.begin(), words.end());
  const auto end = run_program(argv);
  REQUIRE(end.status == 0);
  return end.output;
}

std::string revision_of(const std::string& folder) {
  const auto summary = transfer::examine(directory_source(folder), {});
  REQUIRE(summary);
  return summary->revision;
}

}  // namespace

TEST_CASE("a directory of a git work tree has its commit as revision, and says where the tree is dirty") {
  const TempDir folder;
  folder.write("work/dist/index.html", "1");
  const auto work = folder / "work";
  CHECK(revision_of(work).empty());
  CHECK(transfer::examine(directory_source(work), {})->untold.empty());
  git(work, {"init", "-q"});
  CHECK(revision_of(work).empty());  // no commit yet
  CHECK(transfer::examine(directory_source(work), {})->untold.empty());
  git(work, {"add", "."});
  git(work, {"commit", "-q", "-m", "one"});
  auto head = git(work, {"rev-parse", "HEAD"});
  head.pop_back();
  CHECK(revision_of(work) == head);
  CHECK(revision_of(work + "/dist") == head);
  folder.write("work/other", "untracked");
  CHECK(revision_of(work + "/dist") == head + "-dirty");

  SECTION("whatever repository the environment names") {
    ::setenv("GIT_DIR", "/nonexistent", 1);
    const auto revision = revision_of(work);
    ::unsetenv("GIT_DIR");
    CHECK(revision == head + "-dirty");
  }
  SECTION("without running the file system monitor that the repository's configuration names") {
    const auto trap = folder.write("trap", "#!/bin/sh\ntouch \"$(dirname \"$0\")/sprung\"\n", 0755);
    git(work, {"config", "core.fsmonitor", trap});
    CHECK(revision_of(work) == head + "-dirty");
    CHECK_FALSE(fs::exists(folder / "sprung"));
  }
  SECTION("without writing into the repository") {
    const auto before = snapshot(work + "/.git", Times::all);
    fs::last_write_time(work + "/dist/index.html",
                        fs::file_time_type::clock::now());  // would make status refresh the index
    CHECK(revision_of(work) == head + "-dirty");
    CHECK(snapshot(work + "/.git", Times::all) == before);
  }
  SECTION("and none, with git's reason, where git doesn't trust the repository") {
    CHECK(transfer::examine(directory_source(work), {})->untold.empty());
    ::setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1", 1);  // git's own way to test that
    const auto summary = transfer::examine(directory_source(work), {});
    const auto listing = transfer::list_source(directory_source(work), folder / "cache", {});
    ::unsetenv("GIT_TEST_ASSUME_DIFFERENT_OWNER");
    REQUIRE((summary && listing));
    CHECK(summary->revision.empty());
    CHECK_THAT(summary->untold, Catch::Matchers::ContainsSubstring("dubious ownership"));
    CHECK(is_sha256(listing->summary.revision));
    CHECK(listing->summary.untold == summary->untold);
  }
  SECTION("and none where git is missing") {
    const std::string path = std::getenv("PATH");
    fs::create_directory(folder / "bin");
    fs::create_symlink("/usr/bin/env", folder / "bin/env");
    ::setenv("PATH", (folder / "bin").c_str(), 1);
    const auto summary = transfer::examine(directory_source(work), {});
    ::setenv("PATH", path.c_str(), 1);
    REQUIRE(summary);
    CHECK(summary->revision.empty());
    CHECK(summary->untold.empty());
  }
}
