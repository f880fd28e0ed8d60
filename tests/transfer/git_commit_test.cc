// Git sources of this machine: which commit is taken, and what it is as files.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "support/catch.h"
#include "support/process.h"
#include "transfer/git_taking.h"
#include "transfer/packing.h"

using namespace kirikae;
using namespace kirikae::test;
using Catch::Matchers::ContainsSubstring;
using Kind = recipe::GitSource::Kind;
namespace fs = std::filesystem;

TEST_CASE("a commit is taken as it is, not as the work tree or the index is, and the repository is left as it was") {
  const GitTaking taking("[tar]\n umask = 0077\n[core]\n autocrlf = true\n[init]\n templateDir = /nonexistent\n");
  const GitRepo repo(taking / "work");
  repo.write("index.html", "one\n");
  repo.write("bin/run", "#!/bin/sh\n", 0755);
  repo.write("odd/new\nline", "1");
  repo.write("odd/bytes\xff\xfe", "2");
  repo.write("odd/-rf", "3");
  repo.write(std::string(120, 'd') + "/" + std::string(200, 'f'), "long");
  fs::create_symlink("../index.html", repo.path() / "odd/link");
  const std::string sha = repo.commit("One");
  const std::string when = repo.git({"log", "-1", "--format=%ct"});
  repo.write("index.html", "changed\n");
  repo.write("staged", "new");
  repo.git({"add", "staged"});
  fs::remove(repo.path() / "bin/run");
  const auto before = snapshot(repo.path().string(), Times::all);
  ::umask(0077);
  const auto taken = taking.take(repo);
  REQUIRE(taken);
  CHECK(taken->sha == sha);
  CHECK(taken->summary().revision == sha);
  CHECK(taken->summary().files == 7);
  CHECK(taken->summary().bytes == 4 + 10 + 3 + 4);
  const std::string deep(120, 'd');
  CHECK(entries_of(*taken) == std::vector<std::string>{"bin/run: 755 a8076d3d", "bin: 755 ", deep + '/' + std::string(200, 'f') + ": 644 fc66f021",
                                                       deep + ": 755 ", "index.html: 644 2c8b08da", "odd/-rf: 644 4e074085",
                                                       "odd/bytes\xff\xfe: 644 d4735e3a", "odd/link: -> ../index.html",
                                                       "odd/new\nline: 644 6b86b273", "odd: 755 "});
  const auto listed = transfer::list_source(taken->as_archive(), taking.cache(), {});
  REQUIRE(listed);
  for (const auto& each : listed->entries) CHECK(std::to_string(each.entry.mtime) == when);
  CHECK(snapshot(repo.path().string(), Times::all) == before);
  // The same commit gives the same bytes, from the index of no matter whom.
  const auto packed = pack_all(taken->as_archive(), transfer::Encoding::none, taking.cache());
  const auto again = taking.take(repo.path().string() + "/odd", sha);
  REQUIRE((packed && again));
  CHECK(pack_all(again->as_archive(), transfer::Encoding::none, taking.cache())->sha256 == packed->sha256);
  CHECK(fs::is_empty(taking.cache()));  // and nothing lies about
}

TEST_CASE("what this repository alone shows in the place of a commit isn't deployed as it (git replace)") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("file", "one");
  const std::string one = repo.commit("One");
  const auto entries = entries_of(taking.must(repo));
  repo.write("file", "two");
  const std::string two = repo.commit("Two");
  repo.git({"replace", one, two});
  CHECK(entries_of(taking.must(repo, one)) == entries);
}

TEST_CASE(".gitattributes of the commit leave files out and fill others in") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write(".gitattributes", "/tests export-ignore\n.git* export-ignore\nVERSION export-subst\n");
  repo.write("tests/a", "1");
  repo.write("VERSION", "$Format:%H$\n");
  const std::string sha = repo.commit("One");
  repo.write(".gitattributes", "VERSION export-ignore\n");  // not committed
  const auto taken = taking.take(repo);
  REQUIRE(taken);
  CHECK(paths_of(*taken) == std::vector<std::string>{"VERSION"});
  const auto packed = pack_all(taken->as_archive(), transfer::Encoding::none, taking.cache());
  REQUIRE(packed);
  CHECK_THAT(packed->bytes, ContainsSubstring(sha + "\n"));
}

TEST_CASE("a revision is a branch, a tag or a commit; without one, what is checked out") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("file", "1");
  const std::string one = repo.commit("One");
  repo.git({"tag", "light"});
  repo.git({"tag", "-a", "v1.0", "-m", "x"});
  repo.git({"checkout", "-q", "-b", "feature/x"});
  const std::string two = repo.commit("Two");
  repo.git({"update-ref", "refs/remotes/origin/theirs", one});
  repo.git({"checkout", "-q", "main"});
  for (const auto& [revision, sha] : std::map<std::string, std::string>{
           {"", one}, {"main", one}, {"light", one}, {"v1.0", one}, {"feature/x", two}, {"theirs", one}, {"origin/theirs", one},
           {"refs/heads/feature/x", two}, {two, two}, {two.substr(0, 10), two}, {"feature/x~1", one}}) {
    CAPTURE(revision);
    const auto taken = taking.take(repo, revision);
    REQUIRE(taken);
    CHECK(taken->sha == sha);
  }
  repo.git({"checkout", "-q", "feature/x"});
  CHECK(taking.must(repo).sha == two);
  CHECK(taking.error_of(repo, "v1.0", Kind::branch) == "there is no branch 'v1.0' in repository '" + repo.path().string() + "'\n"
                                                        "  `git fetch --tags` brings what others have made");
  CHECK_THAT(taking.error_of(repo, "feature/x", Kind::tag), ContainsSubstring("there is no tag 'feature/x' in"));
  CHECK_THAT(taking.error_of(repo, one, Kind::tag), ContainsSubstring("there is no tag '" + one + "' in"));
  CHECK_THAT(taking.error_of(repo, "feture/x"), ContainsSubstring("there is no branch, tag or commit 'feture/x' in") &&
                                                    ContainsSubstring("did you mean 'feature/x'?"));
  CHECK_THAT(taking.error_of(repo, std::string(40, 'a')), ContainsSubstring("there is no branch, tag or commit 'aaaa"));
  CHECK_THAT(taking.error_of(repo, "--output=x"), ContainsSubstring("there is no branch, tag or commit '--output=x'"));
}

TEST_CASE("a name that a tag and a branch have is told, with both commits, unless it is said which") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  const std::string empty = repo.commit("Nothing");
  repo.write("file", "1");
  const std::string one = repo.commit("One");
  repo.git({"tag", "v1"});
  repo.write("file", "2");
  const std::string two = repo.commit("Two");
  repo.git({"branch", "v1"});
  CHECK(taking.error_of(repo, "v1") == "'v1' is both a tag (" + one.substr(0, 12) + ") and a branch (" + two.substr(0, 12) + ") of repository '" +
                                           repo.path().string() +
                                           "'\n  --tag v1 or --branch v1 says which; in a recipe, `revision: refs/tags/v1` or `refs/heads/v1`");
  CHECK(taking.must(repo, "v1", Kind::tag).sha == one);
  CHECK(taking.must(repo, "v1", Kind::branch).sha == two);
  CHECK(taking.must(repo, "refs/tags/v1").sha == one);
  CHECK_THAT(taking.error_of(repo, empty), ContainsSubstring("commit " + empty.substr(0, 12)) && ContainsSubstring("it has nothing to deploy"));
}

TEST_CASE("a repository that git reads for its owner alone is told with git's way out, which helps") {
  if (::geteuid() != 0) return;  // nobody else can give a folder away
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("below/file", "1");
  const std::string sha = repo.commit("One");
  REQUIRE(::chown(repo.path().c_str(), 65534, 65534) == 0);
  const std::string error = taking.error_of((repo.path() / "below").string());
  CHECK_THAT(error, ContainsSubstring("detected dubious ownership"));
  const auto command = error.find("git config --global");
  REQUIRE(command != std::string::npos);
  REQUIRE(run_program({"/bin/sh", "-c", error.substr(command)}).status == 0);
  CHECK(taking.must(repo).sha == sha);
}

TEST_CASE("what is no repository, has no commit, or can't be asked is told as that") {
  const GitTaking taking;
  const std::string missing = (taking / "missing").string();
  CHECK_THAT(taking.error_of(missing), ContainsSubstring("repository '" + missing + "' can't be entered"));
  fs::create_directories(taking / "plain");
  ::setenv("GIT_CEILING_DIRECTORIES", (taking / "").c_str(), 1);
  CHECK_THAT(taking.error_of((taking / "plain").string()), ContainsSubstring("plain' is in no git repository"));
  const GitRepo repo(taking / "work");
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("repository '" + repo.path().string() + "' has no commit yet"));
  repo.write("file", "1");
  repo.commit("One");
  // A clone that has the newest commit only.
  GitRepo(taking / "shallow").git({"fetch", "-q", "--depth=1", repo.url(), "main:refs/heads/here"});
  CHECK_THAT(taking.error_of((taking / "shallow").string(), std::string(40, 'a')), ContainsSubstring("git fetch --unshallow"));
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (taking / "plain").c_str(), 1);
  const std::string without = taking.error_of(repo);
  ::setenv("PATH", path.c_str(), 1);
  CHECK(without == "there is no 'git' on this machine, which the source needs\n  install git, or deploy a directory or an archive");
}

TEST_CASE("neither the caller's environment nor the repository's configuration leads git elsewhere, or starts anything") {
  const GitTaking taking;
  const GitRepo repo(taking / "work"), other(taking / "other");
  repo.write(".gitattributes", "*.bin filter=lfs\n");
  repo.write("file", "1");
  repo.write("a.bin", "plain");
  const std::string sha = repo.commit("One");
  other.write("else", "2");
  other.commit("Else");
  repo.write("trap", "#!/bin/sh\ntouch \"$(dirname \"$0\")/sprung\"; cat\n", 0755);
  const std::string trap = (repo.path() / "trap").string();
  for (const char* name : {"core.fsmonitor", "filter.lfs.smudge"}) repo.git({"config", name, trap});
  for (const char* name : {"reference-transaction", "post-checkout"}) fs::copy(trap, repo.path() / ".git/hooks" / name);
  const std::vector<std::pair<const char*, std::string>> variables = {{"GIT_DIR", (other.path() / ".git").string()},
                                                                      {"GIT_WORK_TREE", other.path().string()},
                                                                      {"GIT_OBJECT_DIRECTORY", (other.path() / ".git/objects").string()},
                                                                      {"GIT_INDEX_FILE", "/nonexistent"},
                                                                      {"GIT_NAMESPACE", "x"},
                                                                      {"GIT_CONFIG_PARAMETERS", "'tar.umask=0777'"}};
  for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
  const auto taken = taking.take(repo);
  for (const auto& [name, value] : variables) ::unsetenv(name);
  REQUIRE(taken);
  CHECK(taken->sha == sha);
  CHECK(std::ranges::count(entries_of(*taken), "file: 644 6b86b273") == 1);
  CHECK_FALSE(fs::exists(repo.path() / "sprung"));
}

TEST_CASE("pointers of git-lfs are refused, the first of them by name") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, '0') + "\nsize 12345\n";
  repo.write("docs/lfs.md", "about version https://git-lfs.github.com/spec/v1\n");
  repo.write("long", pointer + std::string(1024, 'x'));
  repo.write("version", "version https://git-lfs.github.com/spec/v2\n");
  repo.commit("None");
  CHECK_FALSE(taking.must(repo).sha.empty());
  repo.write("a.bin", pointer);
  const std::string one = repo.commit("One");
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("commit " + one.substr(0, 12) + " of repository ") &&
                                        ContainsSubstring(": a pointer of git-lfs instead of a file: 'a.bin'\n") && ContainsSubstring("git lfs pull"));
  for (const char* name : {"b.bin", "c.bin", "d.bin", "e.bin"}) repo.write(name, pointer);
  repo.commit("Five");
  CHECK_THAT(taking.error_of(repo), ContainsSubstring("5 pointers of git-lfs instead of files: 'a.bin', 'b.bin', 'c.bin' and 2 more\n"));
  repo.write(".gitattributes", "*.bin export-ignore\n");
  repo.commit("Left out");
  CHECK_FALSE(taking.must(repo).sha.empty());
}

TEST_CASE("what no archive may have, no commit may have: it is named, with what helps in a repository") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("file", "1");
  fs::create_symlink("/etc/passwd", repo.path() / "evil");
  const std::string sha = repo.commit("Evil");
  CHECK(taking.error_of(repo) == "commit " + sha.substr(0, 12) + " of repository '" + repo.path().string() +
                                     "': 'evil' is a link to '/etc/passwd', which may leave the release\n  remove it from the repository, or leave it "
                                     "out by `export-ignore` in .gitattributes");
}

TEST_CASE("what is not committed, and what is not pushed, is remarked on") {
  const GitTaking taking;
  const GitRepo origin(taking / "origin"), repo(taking / "work");
  repo.write("file", "1");
  const std::string one = repo.commit("One");
  const std::string name = "repository '" + repo.path().string() + "'";
  CHECK(taking.must(repo).remarks.empty());  // no remote: nowhere to push to
  repo.git({"remote", "add", "origin", origin.url()});
  CHECK(taking.must(repo).remarks.empty());  // none of whose branches is known
  origin.commit("Theirs");
  repo.git({"fetch", "-q", "origin"});
  CHECK(taking.must(repo).remarks ==
        std::vector<std::string>{"commit " + one.substr(0, 12) + " is on no remote branch that " + name + " knows of: it is not pushed"});
  repo.git({"push", "-q", "origin", "main:theirs"});
  CHECK(taking.must(repo).remarks.empty());
  repo.write("new", "1");
  CHECK(taking.must(repo).remarks ==
        std::vector<std::string>{"the work tree of " + name + " has changes that are not committed (one file): they are not deployed"});
  repo.write("file", "2");
  CHECK_THAT(taking.must(repo).remarks.at(0), ContainsSubstring("(2 files)"));
}

TEST_CASE("of a commit that a CI job has checked out it isn't said that it is not pushed, where its branches aren't here") {
  const GitTaking taking;
  const GitRepo origin(taking / "origin"), alone(taking / "alone"), shallow(taking / "shallow");
  origin.write("file", "1");
  origin.commit("One");
  origin.git({"tag", "v1"});
  origin.commit("Two");
  origin.git({"checkout", "-q", "-b", "asked"});
  origin.commit("Asked to be merged");
  for (const GitRepo* repo : {&alone, &shallow}) repo->git({"remote", "add", "origin", origin.url()});
  alone.git({"fetch", "-q", "--no-tags", "origin", "+refs/heads/asked:refs/pipelines/1"});
  alone.git({"checkout", "-q", "refs/pipelines/1"});
  CHECK(taking.must(alone).remarks.empty());
  shallow.git({"fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main"});  // of an earlier job
  shallow.git({"fetch", "-q", "--depth=1", "--no-tags", "origin", "+refs/tags/v1:refs/tags/v1"});
  shallow.git({"checkout", "-q", "v1"});
  CHECK(taking.must(shallow).remarks.empty());
}

TEST_CASE("where git can't say what is only remarked on, nothing is, and the commit is taken all the same") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("file", "1");
  const std::string one = repo.commit("One");
  repo.write("new", "1");
  fs::create_directories(taking / "bin");
  const GitRepo scripts(taking / "bin");
  const std::string path = std::getenv("PATH");
  // Gone with the first question that is only for a remark: the next one can't be asked at all.
  scripts.write("git", "#!/bin/sh\nPATH='" + path + "'\ncase \" $* \" in *' status '*) rm \"$0\"; exit 1 ;; esac\nexec git \"$@\"\n", 0755);
  ::setenv("PATH", (taking / "bin").c_str(), 1);
  const auto taken = taking.take(repo);
  ::setenv("PATH", path.c_str(), 1);
  CHECK_FALSE(fs::exists(taking / "bin/git"));
  INFO((taken ? "" : to_text(taken.error())));
  REQUIRE(taken);
  CHECK(taken->sha == one);
  CHECK(taken->remarks.empty());
}

TEST_CASE("neither a password nor a token of a URL stands in what git has said") {
  const GitTaking taking;
  const GitRepo scripts(taking / "bin");
  scripts.write("git", "#!/bin/sh\necho \"fatal: unable to access 'https://t0ken@h/x', http://ann:t0ken@h:80/, ssh://ann:t0ken@h/y or ssh://git@h/z@1\" >&2\nexit 1\n",
                0755);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", ((taking / "bin").string() + ":" + path).c_str(), 1);
  const std::string error = taking.error_of((taking / "work").string());
  ::setenv("PATH", path.c_str(), 1);
  CHECK_THAT(error, ContainsSubstring("unable to access 'https://h/x', http://h:80/, ssh://ann@h/y or ssh://git@h/z@1"));
}

TEST_CASE("commits between what is live and what would be are counted both ways, and the newest ones listed") {
  const GitTaking taking;
  const GitRepo repo(taking / "work");
  repo.write("file", "1");
  const std::string one = repo.commit("One");
  std::string last;
  for (int i = 0; i < 60; ++i) last = repo.commit("Step " + std::to_string(i));
  const auto taken = taking.take(repo);
  const auto forth = transfer::commits_since(one, *taken, {});
  REQUIRE((forth && *forth));
  CHECK((*forth)->ahead == 60);
  CHECK((*forth)->behind == 0);
  REQUIRE((*forth)->commits.size() == transfer::most_listed);
  CHECK((*forth)->commits[0].sha == last);
  CHECK((*forth)->commits[0].subject == "Step 59");
  const auto old = taking.take(repo, one);
  const auto back = transfer::commits_since(last, *old, {});
  REQUIRE((back && *back));
  CHECK((*back)->ahead == 0);
  CHECK((*back)->behind == 60);
  CHECK((*back)->commits.empty());
  for (const std::string& live : {std::string(), std::string(40, 'a'), one + "-dirty", std::string("main"), std::string("--all")}) {
    const auto none = transfer::commits_since(live, *taken, {});
    REQUIRE(none);
    CHECK_FALSE(*none);
  }
}

TEST_CASE("in a shallow clone commits are counted only where one of the two is known to come before the other") {
  const GitTaking taking;
  const GitRepo origin(taking / "origin"), repo(taking / "work");
  origin.write("file", "1");
  const std::string one = origin.commit("One");
  repo.git({"fetch", "-q", "--depth=1", origin.url(), "main"});
  origin.commit("Two");
  const std::string three = origin.commit("Three"), four = origin.commit("Four");
  repo.git({"fetch", "-q", "--depth=2", origin.url(), "main"});
  const auto taken = taking.take(repo, four);
  REQUIRE(taken);
  const auto between = [&](const std::string& live) {
    const auto range = transfer::commits_since(live, *taken, {});
    REQUIRE(range);
    return *range;
  };
  CHECK_FALSE(between(one));
  REQUIRE(between(three));
  CHECK(between(three)->ahead == 1);
  CHECK(between(three)->behind == 0);
  REQUIRE(between(four));
  CHECK(between(four)->ahead == 0);
}
