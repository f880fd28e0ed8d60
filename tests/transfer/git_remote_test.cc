// Git sources of elsewhere: the mirror of a remote repository, and submodules.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "core/fd.h"
#include "support/catch.h"
#include "support/process.h"
#include "transfer/git_submodules.h"
#include "transfer/git_taking.h"

using namespace kirikae;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using Kind = recipe::GitSource::Kind;
using Paths = std::vector<std::string>;
namespace fs = std::filesystem;

namespace {

// What a mirror's lock is called; there must be one mirror.
std::string lock_of(const GitTaking& taking) {
  for (const auto& each : fs::directory_iterator(taking.cache() + "/git")) {
    if (each.path().extension() == ".lock") return each.path().string();
  }
  return {};
}

mode_t mode_of(const std::string& path) {
  struct stat info = {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

const std::string files_allowed = "[protocol \"file\"]\n allow = always\n";

}  // namespace

TEST_CASE("a remote repository is mirrored, privately, and what is new there is fetched") {
  const GitTaking taking;
  const GitRepo remote(taking / "remote");
  remote.write("file", "1");
  const std::string one = remote.commit("One");
  remote.git({"tag", "v1"});
  ::umask(0);
  auto taken = taking.take(remote.url());
  ::umask(022);
  REQUIRE(taken);
  CHECK(taken->sha == one);  // the default branch
  CHECK(paths_of(*taken) == Paths{"file"});
  CHECK(taken->remarks.empty());
  CHECK(mode_of(taking.cache() + "/git") == 0700);
  CHECK(mode_of(taken->git_dir) == 0700);
  CHECK(mode_of(lock_of(taking)) == 0600);
  remote.write("file", "2");
  const std::string two = remote.commit("Two");
  CHECK(taking.must(remote.url(), "main").sha == two);
  CHECK(taking.must(remote.url(), "v1").sha == one);
  // A branch and a tag that were moved, and a branch in the place of others.
  remote.git({"tag", "-f", "v1"});
  remote.git({"branch", "a"});
  CHECK(taking.must(remote.url(), "a").sha == two);
  remote.git({"branch", "-D", "a"});
  remote.git({"branch", "a/b"});
  remote.git({"checkout", "-q", "-b", "trunk", one});
  remote.git({"branch", "-f", "main", one});
  CHECK(taking.must(remote.url(), "v1").sha == two);
  CHECK(taking.must(remote.url(), "main").sha == one);
  CHECK(taking.must(remote.url(), "a/b").sha == two);
  CHECK_THAT(taking.error_of(remote.url(), "a"), ContainsSubstring("there is no branch, tag or commit 'a' in repository '" + remote.url() + "'"));
  remote.write("file", "3");
  const std::string three = remote.commit("Three");
  CHECK(taking.must(remote.url()).sha == three);  // of the branch that is checked out there
  // What the mirror has needs nobody to be asked.
  fs::rename(remote.path(), taking / "away");
  CHECK(taking.must(remote.url(), two).sha == two);
  const std::string gone = taking.error_of(remote.url(), "main");
  CHECK_THAT(gone, ContainsSubstring("'" + remote.url() + "' can't be fetched: ") && ContainsSubstring("does not appear to be a git repository") &&
                       ContainsSubstring("`git ls-remote`"));
}

TEST_CASE("a remote repository that names its objects by SHA-256 is mirrored as one, also in the place of another") {
  const GitTaking taking;
  for (const std::string format : {"sha256", "sha1", "sha256"}) {
    CAPTURE(format);
    fs::remove_all(taking / "remote");
    const GitRepo remote(taking / "remote", format);
    remote.write("file", format);
    const std::string sha = remote.commit("One");
    CHECK(sha.size() == (format == "sha256" ? 64 : 40));
    for (int i = 0; i < 2; ++i) CHECK(taking.must(remote.url()).sha == sha);
    CHECK(paths_of(taking.must(remote.url(), sha)) == Paths{"file"});
  }
}

TEST_CASE("HEAD and @ of a remote repository are its default branch, not what the mirror began with") {
  const GitTaking taking("[init]\n defaultBranch = main\n");
  const GitRepo remote(taking / "remote");
  remote.write("file", "1");
  const std::string one = remote.commit("One");
  remote.git({"checkout", "-q", "-b", "trunk"});
  remote.write("file", "2");
  const std::string two = remote.commit("Two");
  for (const std::string name : {"HEAD", "@", "HEAD^{commit}", "HEAD~0", "@{0}"}) {
    CAPTURE(name);
    CHECK(taking.must(remote.url(), name).sha == two);
  }
  for (const std::string name : {"HEAD~1", "@~1", "HEAD^", "@^"}) {
    CAPTURE(name);
    CHECK(taking.must(remote.url(), name).sha == one);
  }
  // It moves, and a branch may be called so, too.
  remote.git({"checkout", "-q", "main"});
  CHECK(taking.must(remote.url(), "HEAD").sha == one);
  remote.git({"branch", "HEAD-2", two});
  CHECK(taking.must(remote.url(), "HEAD-2").sha == two);
  remote.git({"checkout", "-q", "--detach"});
  CHECK_THAT(taking.error_of(remote.url(), "@"), ContainsSubstring("has no default branch"));
  CHECK_THAT(taking.error_of(remote.url()), ContainsSubstring("has no default branch"));
}

TEST_CASE("a commit that no branch and no tag leads to is fetched by its name where the server gives it") {
  const GitTaking taking("[protocol]\n version = 0\n");  // later ones give everything
  const GitRepo remote(taking / "remote");
  remote.write("file", "1");
  remote.commit("One");
  remote.git({"checkout", "-q", "--detach"});
  const std::string lost = remote.commit("Lost");
  remote.git({"checkout", "-q", "main"});
  CHECK_THAT(taking.error_of(remote.url(), lost), ContainsSubstring("there is no branch, tag or commit '" + lost + "'"));
  remote.git({"config", "uploadpack.allowAnySHA1InWant", "true"});
  CHECK(taking.must(remote.url(), lost).sha == lost);
}

TEST_CASE("runs that want the same mirror wait for each other, and a stop ends the waiting") {
  const GitTaking taking;
  const GitRepo remote(taking / "remote");
  remote.write("file", "1");
  const std::string one = remote.commit("One");
  std::vector<std::string> shas(4);
  {
    std::vector<std::jthread> threads;
    for (std::string& sha : shas) {
      threads.emplace_back([&] {
        const auto taken = taking.take(remote.url(), "main");
        sha = taken ? taken->sha : to_text(taken.error());
      });
    }
  }
  CHECK(shas == std::vector<std::string>(4, one));
  const Fd lock(::open(lock_of(taking).c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);  // nobody has it any more
  std::stop_source stop;
  std::optional<ErrorCode> code;
  std::jthread waiting([&] {
    const auto taken = taking.take(remote.url(), "main", {}, stop.get_token());
    if (!taken) code = taken.error().code;
  });
  stop.request_stop();
  waiting.join();
  CHECK(code == ErrorCode::cancelled);
}

TEST_CASE("submodules of the operator's repository come as they were checked out, at the commits that are recorded") {
  const GitTaking taking;
  const GitRepo inner(taking / "inner"), library(taking / "library"), repo(taking / "work");
  inner.write("deep", "1");
  inner.commit("Inner");
  library.write("lib.c", "1");
  library.write("tests/t.c", "1");
  library.write(".gitattributes", "/tests export-ignore\n/.git* export-ignore\n");
  fs::create_symlink("../../main.c", library.path() / "link");  // leads out of it, and stays in the whole
  library.add_submodule(inner.url(), "ext/inner");
  library.commit("Library");
  repo.write("main.c", "1");
  repo.write(".gitattributes", "/.git* export-ignore\n/left export-ignore\n");
  repo.add_submodule(library.url(), "vendor/library");
  repo.add_submodule(inner.url(), "left");
  repo.commit("All");
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("submodule 'vendor/library/ext/inner' can't be had: its commit ") &&
                                        ContainsSubstring("`git submodule update --init --recursive` brings it"));
  repo.git({"submodule", "--quiet", "update", "--init", "--recursive"});
  const Paths all = {"main.c", "vendor", "vendor/library", "vendor/library/ext", "vendor/library/ext/inner", "vendor/library/ext/inner/deep",
                     "vendor/library/lib.c", "vendor/library/link"};
  CHECK(paths_of(taking.must(repo)) == all);
  CHECK(taking.must(repo).summary().files == 4);
  // Newer commits of the submodule that the repository doesn't record, and a work tree that lacks it, change nothing.
  const GitRepo checked_out(repo.path() / "vendor/library");
  checked_out.write("later", "1");
  checked_out.commit("Later");
  repo.git({"submodule", "--quiet", "deinit", "--all", "--force"});
  CHECK(paths_of(taking.must(repo)) == all);
  library.write("newest", "1");
  const std::string newest = library.commit("Newest");
  repo.git({"update-index", "--cacheinfo", "160000," + newest + ",vendor/library"});
  repo.git({"commit", "-q", "-m", "Recorded before it is here"});
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("submodule 'vendor/library' can't be had: its commit " + newest.substr(0, 12) + " is not in '"));
  repo.git({"clone", "-q", "--bare", ".", (taking / "bare").string()});
  CHECK_THAT(taking.error_of((taking / "bare").string()),
             ContainsSubstring("name a clone that `git clone --recurse-submodules` has made instead"));
}

TEST_CASE("a submodule that was cloned in place before it was added is taken from there, and one in it likewise") {
  const GitTaking taking;
  const GitRepo inner(taking / "inner"), library(taking / "library"), repo(taking / "work");
  inner.write("deep", "1");
  inner.commit("Inner");
  library.write("lib.c", "1");
  library.commit("Library");
  repo.git({"clone", "-q", library.url(), "lib"});
  const GitRepo checked_out(repo.path() / "lib");
  checked_out.git({"clone", "-q", inner.url(), "ext"});
  checked_out.add_submodule(inner.url(), "ext");
  checked_out.commit("With it");
  repo.add_submodule(library.url(), "lib");
  repo.write("sub/main.c", "1");
  const std::string sha = repo.commit("All");
  REQUIRE_FALSE(fs::exists(repo.path() / ".git/modules"));
  const Paths all = {".gitmodules", "lib", "lib/.gitmodules", "lib/ext", "lib/ext/deep", "lib/lib.c", "sub", "sub/main.c"};
  CHECK(paths_of(taking.must(repo)) == all);
  CHECK(paths_of(taking.must(repo.path().string() + "/sub", sha)) == all);
  fs::remove_all(repo.path() / "lib");
  fs::create_directory(repo.path() / "lib");  // now it lies in the outer one
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("submodule 'lib' can't be had: its commit ") && ContainsSubstring(".git/modules/lib'"));
}

TEST_CASE("a submodule without a name, or with one that leads out of .git, is refused") {
  const GitTaking taking;
  const GitRepo inner(taking / "inner"), repo(taking / "work");
  inner.write("file", "1");
  const std::string sha = inner.commit("Inner");
  repo.write("main.c", "1");
  repo.git({"add", "main.c"});
  repo.git({"update-index", "--add", "--cacheinfo", "160000," + sha + ",lib"});
  repo.git({"commit", "-q", "-m", "One"});
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("submodule 'lib' can't be had: .gitmodules of repository '") && ContainsSubstring("doesn't name it"));
  for (const std::string name : {"../../../inner/.git", "a/../../../../inner/.git", "..\\x"}) {
    CAPTURE(name);
    repo.write(".gitmodules", "");
    repo.git({"config", "-f", ".gitmodules", "submodule." + name + ".path", "lib"});
    repo.git({"config", "-f", ".gitmodules", "submodule." + name + ".url", inner.url()});
    repo.git({"add", ".gitmodules"});
    repo.git({"commit", "-q", "-m", "Named"});
    CHECK_THAT(taking.error_of(repo), ContainsSubstring("submodule 'lib' can't be had: .gitmodules gives it the name '" + name + "', which leads elsewhere"));
  }
}

TEST_CASE("submodules of a remote repository have mirrors of their own; by a path of this machine only where git is told so") {
  const GitTaking taking(files_allowed);
  const GitRepo inner(taking / "inner"), library(taking / "library"), remote(taking / "remote");
  inner.write("deep", "1");
  inner.commit("Inner");
  library.write("lib.c", "1");
  library.add_submodule("../inner", "ext");  // relative to where the test's git finds it: see below
  library.commit("Library");
  remote.write("main.c", "1");
  remote.add_submodule(library.url(), "vendor/a");
  remote.add_submodule("./../library", "vendor/b");
  remote.commit("All");
  CHECK(paths_of(taking.must(remote.url())) == Paths{".gitmodules", "main.c", "vendor", "vendor/a", "vendor/a/.gitmodules", "vendor/a/ext",
                                                      "vendor/a/ext/deep", "vendor/a/lib.c", "vendor/b", "vendor/b/.gitmodules", "vendor/b/ext",
                                                      "vendor/b/ext/deep", "vendor/b/lib.c"});
  const GitTaking usual;
  CHECK_THAT(usual.error_of(remote.url()), ContainsSubstring("submodule 'vendor/a': '" + library.url() + "' can't be fetched: ") &&
                                               ContainsSubstring("transport 'file' not allowed"));
}

TEST_CASE("a remote repository's .gitmodules starts nothing and reads no path of this machine") {
  const GitTaking taking(files_allowed + "[protocol \"ext\"]\n allow = always\n");
  const GitRepo secret(taking / "secret"), remote(taking / "remote");
  secret.write("file", "1");
  const std::string sha = secret.commit("Secret");
  remote.write("main.c", "1");
  remote.git({"add", "main.c"});
  remote.git({"update-index", "--add", "--cacheinfo", "160000," + sha + ",lib"});
  const std::string sprung = (taking / "sprung").string();
  for (const auto& [url, why] : std::vector<std::pair<std::string, std::string>>{
           {secret.path().string(), "a remote repository may not lead to '" + secret.path().string() + "', a path of this machine"},
           {"ext::sh -c touch% " + sprung, "is no URL that is fetched from"},
           {"ssh://-oProxyCommand=touch " + sprung + "/x", "is no URL that is fetched from"},
           {"-u./payload", "a remote repository may not lead to '-u./payload'"}}) {
    CAPTURE(url);
    remote.write(".gitmodules", "");
    remote.git({"config", "-f", ".gitmodules", "submodule.lib.path", "lib"});
    remote.git({"config", "-f", ".gitmodules", "submodule.lib.url", url});
    remote.git({"config", "-f", ".gitmodules", "submodule.lib.update", "!touch " + sprung});
    remote.git({"add", ".gitmodules"});
    remote.git({"commit", "-q", "-m", "Hostile"});
    CHECK_THAT(taking.error_of(remote.url()), ContainsSubstring("submodule 'lib' can't be had: ") && ContainsSubstring(why));
    CHECK_FALSE(fs::exists(sprung));
  }
}

TEST_CASE("a relative URL of a submodule is resolved as git does it") {
  for (const auto& [repository, url, whole] : std::vector<std::array<std::string, 3>>{
           {"https://h/a/b.git", "../c.git", "https://h/a/c.git"},
           {"https://h/a/b.git/", "../c.git/", "https://h/a/c.git"},
           {"https://h/a/b.git", "../../c.git", "https://h/c.git"},
           {"https://h/a/b.git", "./c.git", "https://h/a/b.git/c.git"},
           {"git@h:a/b.git", "../c.git", "git@h:a/c.git"},
           {"git@h:b.git", "../c.git", "git@h:c.git"},
           {"git@h:b.git", "https://x/y", "https://x/y"},
           {"git@h:b.git", "https://ann@x/y@z", "https://x/y@z"},
           {"git@h:b.git", "https://ann:word@x/y", "https://ann:word@x/y"},
           {"git@h:b.git", "ssh://ann@x/y", "ssh://ann@x/y"},
           {"git@h:b.git", "/srv/x", "/srv/x"}}) {
    CHECK(transfer::resolved_url(repository, url) == whole);
    // Git's own opinion.
    if (!url.starts_with('.')) continue;
    const GitTaking taking;
    const GitRepo repo(taking / "work");
    repo.git({"remote", "add", "origin", repository});
    repo.git({"update-index", "--add", "--cacheinfo", "160000," + repo.commit("Any") + ",lib"});
    repo.write(".gitmodules", "[submodule \"lib\"]\n path = lib\n url = " + url + "\n");
    repo.git({"submodule", "--quiet", "init"});
    CHECK(repo.git({"config", "submodule.lib.url"}) == whole);
  }
}
