// Which hosts the system's ssh is asked about, and which are like another one.
#include <cstdlib>

#include "ssh/ssh_config_support.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/variable.h"

namespace kirikae::ssh {
namespace {

// `ssh` notes how often it is called, for as long as this lives.
class CountedSsh {
 public:
  explicit CountedSsh(const TempDir& folder)
      : calls_(folder / "calls"), usual_(std::getenv("PATH")), path_("PATH", folder / "bin:" + usual_) {
    folder.write("bin/ssh", "#!/bin/sh\necho \"$*\" >>" + calls_ + "\nPATH=" + usual_ + " exec ssh \"$@\"\n", 0755);
  }
  // Without the one about ssh's defaults.
  [[nodiscard]] int calls() const {
    return std::stoi(test::run_program({"sh", "-c", "grep -c -v localhost \"$1\" || :", "sh", calls_}).output);
  }

 private:
  std::string calls_, usual_;
  test::Variable path_;
};

std::vector<SshConfig::Wanted> names(int count) {
  std::vector<SshConfig::Wanted> all;
  for (int i = 0; i < count; ++i) all.push_back({"App" + std::to_string(i), 0, ""});
  return all;
}

}  // namespace

TEST_CASE("hosts that ssh_config doesn't tell apart are asked about once") {
  const TempDir folder;
  const CountedSsh ssh(folder);
  SshConfig config = config_of(folder, "Host db github.com app*\n  HostName %h.example.com\nHost *\n  User deploy\n  IdentityFile ~/%h\n  ControlPath ~/%C\n");
  const auto all = config.of(names(20), {});
  for (int i = 0; i < 20; ++i) {
    REQUIRE(all[static_cast<std::size_t>(i)]);
    const HostSettings& host = *all[static_cast<std::size_t>(i)];
    CHECK(host.address == "app" + std::to_string(i));
    CHECK(host.user == "deploy");
    CHECK(host.identities == Names{"/lab/ada/app" + std::to_string(i)});
  }
  CHECK(ssh.calls() == 1);
  CHECK(config.of({"db", 0, ""}, {})->address == "db.example.com");
  CHECK(config.of({"App1", 23, ""}, {})->port == 23);
  CHECK(ssh.calls() == 3);
}

TEST_CASE("hosts that ssh_config may tell apart are asked about one by one") {
  const TempDir folder;
  const std::string text = GENERATE(as<std::string>(), "Host App?\n  User u\nHost *\n  Port 23\n", "Match user nobody\n  Port 23\n",
                                         "HostName %h.example.com\n", "UserKnownHostsFile ~/hosts/%h\n", "CanonicalizeHostname yes\n",
                                         "IdentityAgent ~/agents/%n\n", "ForwardAgent ~/agents/%n\n", "Host * !App9\n  User u\n", "HOST\t\"App*\"\n  User u\n",
                                         "Host x\n  Include ${KEYS}\n", "Host 'App1'\n  User u\n", "Host A\"pp\"1\n  User u\n",
                                         "Host App\\1\n  User u\n", "\"Host\" App?\n  User u\n", "=Host App?\n  User u\n");
  INFO(text);
  const CountedSsh ssh(folder);
  SshConfig config = config_of(folder, text);
  for (const auto& settings : config.of(names(3), {})) {
    INFO((settings ? "" : to_text(settings.error())));
    CHECK(settings);
  }
  CHECK(ssh.calls() == 3);
}

TEST_CASE("a host whose block has its name in quotes has that block's settings, and no other one has them") {
  const TempDir folder;
  const std::string pattern = GENERATE(as<std::string>(), "'App1'", "A\"pp\"1", "\"App1\"", "App1 # App0 App2");
  INFO(pattern);
  SshConfig config = config_of(folder, "Host " + pattern + "\n  HostName 127.0.0.1\n  User alice\n  Port 2201\nHost *\n  User all\n");
  const auto all = config.of({{"App1", 0, ""}, {"App0", 0, ""}, {"App2", 0, ""}}, {});
  CHECK(all[0]->address == "127.0.0.1");
  CHECK(all[0]->user == "alice");
  CHECK(all[0]->port == 2201);
  CHECK(all[1]->address == "app0");
  CHECK(all[1]->user == "all");
  CHECK(all[2]->address == "app2");
  CHECK(all[2]->port == 22);
}

TEST_CASE("an ssh that reads another file than the usual ones is asked about each host") {
  const TempDir folder;
  const std::string other = folder.write("other", "Host app2\n  User two\nHost *\n  User all\n");
  folder.write("bin/ssh", "#!/bin/sh\nfor word; do last=$word; done\nexec /usr/bin/ssh -v -F '" + other + "' -G -- \"$last\"\n", 0755);
  const test::Variable path("PATH", (folder / "bin") + ":/usr/bin:/bin");
  SshConfig config = config_of(folder, "User nobody\n");
  const auto all = config.of({{"app1", 0, ""}, {"app2", 0, ""}, {"app3", 0, ""}}, {});
  CHECK(all[0]->user == "all");
  CHECK(all[1]->user == "two");
  CHECK(all[2]->user == "all");
}

TEST_CASE("an included file's blocks count, whatever folder it is in") {
  const TempDir folder;
  folder.write("more/one", "Host app1\n  User one\n");
  const CountedSsh ssh(folder);
  SshConfig config = config_of(folder, "Include " + (folder / "more/*") + "\nHost *\n  User all\n");
  const auto all = config.of({{"app1", 0, ""}, {"app2", 0, ""}, {"app3", 0, ""}}, {});
  CHECK(all[0]->user == "one");
  CHECK(all[1]->user == "all");
  CHECK(ssh.calls() == 2);
}

}  // namespace kirikae::ssh
