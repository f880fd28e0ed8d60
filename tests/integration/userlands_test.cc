// Hosts whose sessions see nothing but a small userland of their own, and homes that are missing, foreign or closed.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "integration/whole_life.h"
#include "support/account.h"
#include "support/catch.h"
#include "support/farm.h"
#include "support/file_mode.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/thorough.h"

using namespace kirikae::test;

namespace {

namespace fs = std::filesystem;

std::string path_of(const std::string& program) {
  for (const char* folder : {"/usr/bin/", "/bin/"}) {
    if (::access((folder + program).c_str(), X_OK) == 0) return folder + program;
  }
  return {};
}

// A root with one program under many names, and what that is linked with; others as copies of this machine's.
class Root {
 public:
  Root() { ::chmod(folder_.path().c_str(), 0755); }
  [[nodiscard]] std::string path() const { return folder_.path().string(); }

  void add(const std::string& program) const {
    const std::string text =
        "mkdir -p \"$1/bin\" \"$1/tmp\" && cp -L \"$2\" \"$1/bin/\" && ldd \"$2\" 2>/dev/null | grep -o '/[^ ]*' | while read -r f; do"
        " mkdir -p \"$1${f%/*}\" && cp -L \"$f\" \"$1$f\"; done";
    REQUIRE(run_program({"/bin/sh", "-c", text, "sh", path(), path_of(program)}).status == 0);
  }
  void link(const std::string& program, const std::string& name) const {
    fs::create_symlink(program, folder_.path() / "bin" / name);
  }
  void write(const std::string& name, const std::string& script) const { folder_.write("bin/" + name, script, 0755); }
  void remove(const std::string& name) const { REQUIRE(fs::remove(folder_.path() / "bin" / name)); }
  // The names that `program` lists are links to it.
  void link_all(const std::string& program, const std::vector<std::string>& listing) const {
    std::string names = run_program(listing).output;
    for (std::size_t from = 0; from < names.size();) {
      const auto to = std::min(names.find_first_of(" \n", from), names.size());
      const std::string name = names.substr(from, to - from);
      if (!name.empty() && !fs::exists(fs::symlink_status(folder_.path() / "bin" / name))) link(program, name);
      from = to + 1;
    }
  }

 private:
  TempDir folder_;
};

void fill_with_busybox(const Root& root) {
  root.add("busybox");
  root.link_all("busybox", {"busybox", "--list"});
}

bool lacks(const std::vector<std::string>& programs) {
  if (is_skipped(!can_replace_files(), "sessions with a file system of their own need root and the right to mount")) return true;
  for (const auto& program : programs) {
    if (is_skipped(path_of(program).empty(), program + " is not installed")) return true;
  }
  return false;
}

std::string mode_text(const fs::path& path) {
  return fmt::format("{:o}", mode_of(path));
}

// Whatever the umask is: what is in the live release, and its record.
void check_modes_of_release(const FarmHost& host) {
  const auto release = host.tree() / "releases" / host.live();
  CHECK(mode_text(release / "VERSION") == "644");
  CHECK(mode_text(release / "bin/serve") == "755");
  CHECK(mode_text(release / "pages") == "755");
  CHECK(mode_text(host.tree() / ".kirikae/releases" / host.live()) == "644");
}

}  // namespace

TEST_CASE("a host whose whole file system is busybox, without a home, is deployed to, again, and back", "[slow]") {
  if (lacks({"busybox"})) return;
  const Root root;
  fill_with_busybox(root);
  SECTION("with all its names") {}
  SECTION("without sha256sum") { root.remove("sha256sum"); }
  World world({.root = root.path()});
  whole_life(world);
}

TEST_CASE("a host with mksh as /bin/sh and busybox's tools is deployed to, again, and back", "[slow]") {
  if (lacks({"busybox", "mksh"})) return;
  const Root root;
  root.add("mksh");
  root.link("mksh", "sh");
  fill_with_busybox(root);
  World world({.root = root.path()});
  whole_life(world);
}

TEST_CASE("a host with bash as /bin/sh, and functions that others have exported, is deployed to, again, and back", "[slow]") {
  if (lacks({"busybox", "bash"})) return;
  const Root root;
  root.add("bash");
  root.write("sh", "#!/bin/bash\ncd() { builtin cd \"$@\" && ls /; }\nrm() { echo \"not removed: $*\"; }\nexport -f cd rm\nexec bash \"$@\"\n");
  fill_with_busybox(root);
  World world({.root = root.path()});
  whole_life(world);
}

// Debian's toybox has no shell, no dd, and an mv that can't rename over a link to a folder.
TEST_CASE("a host with toybox's tools, and a shell, dd and mv beside, is deployed to, again, and back", "[slow]") {
  if (lacks({"toybox", "dash", "busybox"})) return;
  const Root root;
  for (const char* program : {"toybox", "dash", "busybox"}) root.add(program);
  root.link("dash", "sh");
  root.link_all("toybox", {"toybox"});
  root.remove("mv");
  for (const char* name : {"dd", "mv"}) root.link("busybox", name);
  World world({.root = root.path()});
  SECTION("with all of these") { whole_life(world); }
  const auto refused = [&](const std::string& lacking, int status, const std::string& words) {
    root.remove(lacking);
    if (lacking == "mv") root.link("toybox", "mv");
    world.write_app("1");
    const Ran ran = world.deploy({"production"});
    INFO(ran);
    CHECK(ran.status == status);
    CHECK_THAT(ran.err, Catch::Matchers::ContainsSubstring("[127.0.0.1]") && Catch::Matchers::ContainsSubstring(words));
    CHECK(world.host(0).untouched());
  };
  SECTION("without dd") { refused("dd", 5, "there is no dd"); }
  SECTION("with toybox's mv") { refused("mv", 1, "'mv' can't replace a link here: install coreutils or perl"); }
}

TEST_CASE("a host whose account has no home, or one that nobody can write to, is deployed to, again, and back", "[slow]") {
  const std::string home = GENERATE(from_range(some_of(std::vector<std::string>{"/no/such/folder", "/proc/self", ""}, 2)));
  INFO("HOME=" << home);
  World world({.sshd_config = {"SetEnv HOME=" + home}});
  whole_life(world);
}

TEST_CASE("under a umask that keeps others out, what a release holds has its modes, and the folders around it keep others out") {
  World world({.login_shell = "/bin/sh"});
  world.write("../enter", "#!/bin/sh\numask 077\nexec /bin/sh \"$@\"\n", 0755);
  whole_life(world);
  const auto& host = world.host(0);
  check_modes_of_release(host);
  CHECK(mode_text(host.tree() / "releases") == "700");
  CHECK(mode_text(host.tree() / ".kirikae") == "700");
  CHECK(mode_text(host.tree() / "releases" / host.live()) == "700");
}

// bash reads .bashrc where sshd has started it, as Debian builds it.
TEST_CASE("a login shell whose rc file sets an odd umask leaves sane modes, for an ordinary user too", "[slow]") {
  if (is_skipped_without_mounts()) return;
  using Case = std::pair<std::string, std::string>;
  const auto [umask, folders] = GENERATE(from_range(some_of(std::vector<Case>{{"0777", "700"}, {"0000", "775"}, {"0722", "755"}}, 2)));
  INFO("umask " << umask);
  const Account account({.shell = "/bin/bash", .home = {{".bashrc", "umask " + umask + "\ntouch ~/rc-was-read\n"}}});
  World world({.account = &account});
  whole_life(world);
  REQUIRE(fs::exists(fs::path(account.home()) / "rc-was-read"));
  const auto& host = world.host(0);
  check_modes_of_release(host);
  for (const char* folder : {"releases", ".kirikae", ".kirikae/releases"}) {
    INFO(folder);
    CHECK(mode_text(host.tree() / folder) == folders);
  }
  CHECK(mode_text(host.tree() / "releases" / host.live()) == folders);
  CHECK(mode_text(host.tree() / ".kirikae/tmp") == "700");
}

TEST_CASE("an ordinary user whose home is somebody else's, or closed to it, is deployed to, again, and back", "[slow]") {
  if (is_skipped_without_mounts()) return;
  using Case = std::pair<mode_t, std::string>;
  const auto [mode, shell] =
      GENERATE(from_range(some_of(std::vector<Case>{{0755, "/bin/sh"}, {0755, "/bin/bash"}, {0700, "/bin/sh"}, {0700, "/bin/bash"}}, 3)));
  INFO("home of root, " << std::oct << mode << ", " << shell);
  const Account account({.shell = shell});
  REQUIRE(::chown(account.home().c_str(), 0, 0) == 0);
  REQUIRE(::chmod(account.home().c_str(), mode) == 0);
  World world({.account = &account});
  whole_life(world);
  CHECK(fs::is_empty(account.home()));
  CHECK(world.sshd().log().find("Accepted publickey for " + std::string(Account::name)) != std::string::npos);
}
