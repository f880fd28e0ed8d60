// New host keys on their way into known_hosts files: accept-new, and what `deploy trust` writes.
#include "ssh/new_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/fd.h"
#include "ssh/known_hosts_file.h"
#include "ssh/public_key_line.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/file_mode.h"
#include "support/process.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

namespace kirikae::ssh {
namespace {

using test::mode_of;
using test::public_key_line;
using test::PublicKeyLine;
using test::TempDir;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Names = std::vector<std::string>;

// Whether OpenSSH finds the host with that key there.
bool ssh_knows(const std::string& file, const std::string& name, const PublicKeyLine& key) {
  return test::run_program({"ssh-keygen", "-F", name, "-f", file}).output.find(key.line) != std::string::npos;
}

Result<Trusted> trust(const Names& files, const std::string& host, const PublicKeyLine& key, bool replace) {
  return trust_key(files, host, 22, key.blob, HostKeys::load(files).judge(host, 22, key.blob), replace);
}

}  // namespace

TEST_CASE("accept-new makes the file and its folder, adds a host once, and knows it from then on") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const std::string file = folder / "fresh/known_hosts";
  const Names files{file, folder / "other"};
  CHECK(accept_new_key(files, "Web1", 2222, key.blob, "") == true);
  CHECK(folder.read("fresh/known_hosts") == "[web1]:2222 " + key.line + "\n");
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(folder / "fresh") == 0700);
  CHECK_FALSE(std::filesystem::exists(folder / "other"));
  CHECK(ssh_knows(file, "[web1]:2222", key));
  CHECK(accept_new_key(files, "web1", 2222, key.blob, "") == false);
  CHECK(accept_new_key(files, "web1", 22, key.blob, "") == true);
  CHECK(folder.read("fresh/known_hosts") == "[web1]:2222 " + key.line + "\nweb1 " + key.line + "\n");
}

TEST_CASE("accept-new looks at all files, and writes nothing of a host that any of them speaks of") {
  const TempDir folder;
  const PublicKeyLine one = public_key_line("ed25519", "one"), two = public_key_line("ed25519", "two"), rsa = public_key_line("rsa", "one");
  struct Case {
    std::string second;
    const PublicKeyLine& shown;
    std::string says;  // empty: known
  };
  const Case each = GENERATE_REF(
      Case{"web1 " + one.line + "\n", one, ""}, Case{"w* " + one.line + "\n", two, "HAS CHANGED"},
      Case{"web1 " + rsa.line + "\n", one, "HAS CHANGED"}, Case{"@revoked * " + one.line + "\n", one, "is revoked"},
      Case{"@cert-authority web1 " + two.line + "\n", one, "trusts a certificate authority for this host"});
  CAPTURE(each.second);
  const Names files{folder / "first", folder.write("second", each.second)};
  const auto accepted = accept_new_key(files, "web1", 22, each.shown.blob, "");
  if (each.says.empty()) {
    CHECK(accepted == false);
  } else {
    REQUIRE_FALSE(accepted);
    CHECK(accepted.error().code == ErrorCode::host_key);
    CHECK(accepted.error().message.find(each.says) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "first"));
  CHECK(folder.read("second") == each.second);
}

TEST_CASE("a missing last newline is made up for, and names are hashed where all of them are") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), other = public_key_line("ed25519", "two");
  const std::string plain = folder.write("plain", "# ours\nother " + other.line);
  REQUIRE(accept_new_key({plain}, "web1", 22, key.blob, "") == true);
  CHECK(folder.read("plain") == "# ours\nother " + other.line + "\nweb1 " + key.line + "\n");

  const std::string hashed = folder.write("hashed", "other " + other.line + "\n");
  REQUIRE(test::run_program({"ssh-keygen", "-q", "-H", "-f", hashed}).status == 0);
  REQUIRE(accept_new_key({hashed}, "web1", 2222, key.blob, "") == true);
  CHECK(folder.read("hashed").find("web1") == std::string::npos);
  CHECK(ssh_knows(hashed, "[web1]:2222", key));
  CHECK(ssh_knows(hashed, "other", other));
  CHECK(accept_new_key({hashed}, "web1", 2222, key.blob, "") == false);
}

TEST_CASE("many threads and processes add hosts to one file, each once and whole") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const std::string file = folder / "known_hosts";
  constexpr int processes = 4, threads = 8, hosts = 10;
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    {
      std::vector<std::jthread> all;
      for (int t = 0; t < threads; ++t) {
        all.emplace_back([&] {
          for (int h = 0; h < hosts; ++h) {
            if (!accept_new_key({file}, "web" + std::to_string(h), 22, key.blob, "")) ::_exit(1);
          }
        });
      }
    }
    ::_exit(0);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  const auto parsed = parse_known_hosts(folder.read("known_hosts"));
  CHECK(parsed.bad_lines.empty());
  Names names;
  for (const auto& line : parsed.lines) names.push_back(line.patterns);
  std::ranges::sort(names);
  Names wanted;
  for (int h = 0; h < hosts; ++h) wanted.push_back("web" + std::to_string(h));
  CHECK(names == wanted);
}

TEST_CASE("a host whose key can't be kept is refused, and the file named") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const auto refused = [&](const std::string& path) {
    const auto accepted = accept_new_key({path}, "web1", 22, key.blob, "");
    REQUIRE_FALSE(accepted);
    CHECK(accepted.error().code == ErrorCode::host_key);
    return accepted.error().message;
  };
  const std::string start =
      "host key of 'web1' is not known (ssh-ed25519 " + fingerprint(key.blob) + "), and can't be kept: can't write '";
  CHECK(refused("/dev/null") == start + "/dev/null': it is not a regular file");
  CHECK(refused(folder / "a/b/c") == start + (folder / "a/b/c") + "': No such file or directory");
  CHECK(refused("/proc/known_hosts").starts_with(start + "/proc/known_hosts'"));
  CHECK(accept_new_key({}, "web1", 22, key.blob, "").error().message.ends_with("there is no file for it"));
}

namespace {

int descriptors_of(const std::string& path) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == path) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a file that another program keeps locked is waited for, and not for ever") {
  const TempDir folder;
  const std::string path = folder.write("known_hosts", "");
  Fd other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  const auto late = KnownHostsFile::open(path, Deadline::in(50ms));
  REQUIRE_FALSE(late);
  CHECK(late.error().message == "can't write '" + path + "': another program keeps it locked");
  const std::jthread release([&] {
    CHECK(test::eventually([&] { return descriptors_of(path) == 2; }));  // it has come, and finds the lock taken
    // As a rename under the lock does it: the file of that name is another one by then.
    folder.write("new", "x\n");
    ::rename((folder / "new").c_str(), path.c_str());
    other.reset();
  });
  auto file = KnownHostsFile::open(path, Deadline::in(20s));
  REQUIRE(file);
  CHECK(file->text() == "x\n");
  const PublicKeyLine key = public_key_line("ed25519", "one");
  REQUIRE(file->append("web1", key.blob));
  CHECK(folder.read("known_hosts") == "x\nweb1 " + key.line + "\n");
}

TEST_CASE("trust adds a key, takes the place of others only by --replace, and leaves lines that name more hosts") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), old = public_key_line("ed25519", "two"), rsa = public_key_line("rsa", "one");
  const std::string first = folder.write(
      "first", "# ours\nother " + old.line + "\nweb1 " + rsa.line + "\n\n@revoked web1 " + old.line + "\n", 0640);
  const std::string second = folder.write("second", "web1,web2 " + old.line + "\nWEB1 " + rsa.line + "\n");
  const Names files{first, second};

  const auto refused = trust(files, "web1", key, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("HAS CHANGED") != std::string::npos);
  CHECK(folder.read("first").find("web1 " + rsa.line) != std::string::npos);

  const auto replaced = trust(files, "web1", key, true);
  REQUIRE(replaced);
  CHECK(replaced->added);
  CHECK(replaced->left == Names{second + ":1"});
  CHECK(folder.read("first") ==
        "# ours\nother " + old.line + "\n\n@revoked web1 " + old.line + "\nweb1 " + key.line + "\n");
  CHECK(folder.read("second") == "web1,web2 " + old.line + "\n");
  CHECK(mode_of(first) == 0640);
  CHECK(HostKeys::load(files).verify("web1", 22, key.blob));
  const auto again = trust(files, "web1", key, true);
  REQUIRE(again);
  CHECK_FALSE(again->added);

  const auto fresh = trust(files, "web9", old, false);
  REQUIRE(fresh);
  CHECK(fresh->added);
  CHECK(HostKeys::load(files).verify("web9", 22, old.blob));
}

TEST_CASE("trust --replace takes no old key out before the new one is written, and names one that stays") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), old = public_key_line("ed25519", "two");
  const std::string line = "web1 " + old.line + "\n";
  const std::string kept = folder.write("kept", line);
  SECTION("no folder for it") {
    const auto refused = trust({folder / "no/such/known_hosts", kept}, "web1", key, true);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, ContainsSubstring("can't write '" + (folder / "no/such/known_hosts") + "'"));
    CHECK(folder.read("kept") == line);
  }
  SECTION("an old key that can't be taken out after all is named") {
    // No room for the name of the file that would take this one's place.
    const std::string name(250, 'k');
    const auto left = trust({folder / "first", folder.write(name, line)}, "web1", key, true);
    REQUIRE_FALSE(left);
    CHECK_THAT(left.error().hint, ContainsSubstring("take " + (folder / name) + ":1 out"));
    CHECK(folder.read("first") == "web1 " + key.line + "\n");
    CHECK(folder.read(name) == line);
  }
}

TEST_CASE("trust --replace goes through a link to the file, and takes hashed lines out") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), old = public_key_line("ed25519", "two");
  const std::string real = folder.write("real", "web1 " + old.line + "\nother " + old.line + "\n");
  REQUIRE(test::run_program({"ssh-keygen", "-q", "-H", "-f", real}).status == 0);
  const std::string link = folder / "link";
  std::filesystem::create_symlink("real", link);
  REQUIRE(trust({link}, "web1", key, true));
  CHECK(std::filesystem::is_symlink(link));
  CHECK(ssh_knows(real, "web1", key));
  CHECK_FALSE(ssh_knows(real, "web1", old));
  CHECK(ssh_knows(real, "other", old));
}

TEST_CASE("trust refuses what has changed since it was looked at, and a revoked key whatever is asked for") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), old = public_key_line("ed25519", "two");
  const std::string file = folder.write("known_hosts", "");
  const Judgement seen = HostKeys::load({file}).judge("web1", 22, key.blob);
  folder.write("known_hosts", "web1 " + old.line + "\n");
  const auto late = trust_key({file}, "web1", 22, key.blob, seen, true);
  REQUIRE_FALSE(late);
  CHECK(late.error().message == "what is known of 'web1' has changed meanwhile; nothing was written");
  CHECK(folder.read("known_hosts") == "web1 " + old.line + "\n");

  folder.write("known_hosts", "@revoked web1 " + key.line + "\n");
  const auto revoked = trust({file}, "web1", key, true);
  REQUIRE_FALSE(revoked);
  CHECK(revoked.error().message.find("is revoked") != std::string::npos);
  CHECK(folder.read("known_hosts") == "@revoked web1 " + key.line + "\n");
}

TEST_CASE("advice names the verb that trusts keys, where there is one") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one"), old = public_key_line("ed25519", "two");
  const std::string file = folder.write("known_hosts", "web1 " + old.line + "\nweb2,web3 " + old.line + "\n");
  const HostKeys keys = HostKeys::load({file}, "deploy trust production");
  const auto hint = [&](const std::string& host) { return keys.verify(host, 22, key.blob).error().hint; };
  CHECK(hint("web9").ends_with("prints on the host; if they are the same, run: deploy trust production"));
  CHECK(hint("web1") ==
        "ask whoever runs the host; only if the new fingerprint is its own, run: deploy trust production --replace");
  CHECK(hint("web2") == "ask whoever runs the host; only if the new fingerprint is its own, take " + file +
                            ":2 out with an editor (it speaks of other hosts too), then run: deploy trust production");
}

}  // namespace kirikae::ssh
