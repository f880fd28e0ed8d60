// World: a person's machine and the hosts of a stage, for tests that run the built program against real servers.
//
//   World world({.hosts = 3});
//   world.write_app("1");                                  // the source: a small site, with a manifest of its own
//   world.write_recipe("keep_releases: 2\n");              // what is added to the usual recipe
//   const Ran ran = world.deploy({"production"});
//   INFO(ran);
//   REQUIRE(ran.status == 0);
//   world.host(0).live();                                  // looks at the host's files, not at what the program says
//
// The hosts are 127.0.0.1, 127.0.0.2 …, all served by one sshd (or one each: `own_servers`). They have the folder
// deploy_to() in common, as real hosts have: it goes through a link to /proc/self/fd/9, which the server opens for each
// session according to the address that was connected to. Tests see a host's own folder as host(i).tree().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "support/account.h"
#include "support/relay.h"
#include "support/small_server.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

namespace kirikae::test {

// What a run of the program came to.
struct Ran {
  int status = 0;  // exit status, or 128 + n
  std::string out, err;
  double seconds = 0;
  long peak_kilobytes = 0;
};
std::ostream& operator<<(std::ostream& stream, const Ran& ran);

// The program while it runs. Destroyed before wait(): killed.
class Running {
 public:
  Running(pid_t pid, std::filesystem::path out, std::filesystem::path err);
  ~Running();
  Running(Running&& other) noexcept;
  Running& operator=(Running&&) = delete;

  [[nodiscard]] std::string out() const;  // so far
  [[nodiscard]] std::string err() const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool has_ended() const;
  void signal(int number) const;
  Ran wait(std::chrono::seconds patience = std::chrono::minutes(3));  // then it is killed, and the status says so

 private:
  pid_t pid_;
  std::filesystem::path out_, err_;
  double start_;
};

// One host as its own disk shows it.
class FarmHost {
 public:
  FarmHost(std::string name, std::filesystem::path tree) : name_(std::move(name)), tree_(std::move(tree)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& tree() const { return tree_; }  // what deploy_to() is there
  [[nodiscard]] std::filesystem::path operator/(std::string_view below) const { return tree_ / below; }

  [[nodiscard]] bool untouched() const;                          // deploy_to was not even made
  [[nodiscard]] std::string live() const;                        // what `current` points to; empty: there is none
  [[nodiscard]] std::vector<std::string> releases() const;       // ascending
  [[nodiscard]] std::string state(std::string_view id) const;    // from its record; empty: there is none
  [[nodiscard]] bool exists(std::string_view below) const;       // links are not followed
  [[nodiscard]] std::string read(std::string_view below) const;  // throws where it can't
  void write(std::string_view below, std::string_view content) const;
  [[nodiscard]] std::string version() const;  // of the application that is live: what write_app was told
  // Everything there is: paths, types, modes, link targets, and the sums of files. Equal: nothing has changed.
  [[nodiscard]] std::string snapshot() const;

 private:
  std::string name_;
  std::filesystem::path tree_;
};

class World {
 public:
  struct Options {
    int hosts = 1;
    bool own_servers = false;   // an sshd for each host
    // More hosts than one sshd can have addresses: it tells them apart by where they are connected from, which an ssh_config has.
    bool by_client = false;
    std::string login_shell{};  // program and words that run `-c COMMAND`
    std::string path{};         // PATH of the sessions; empty: the server's
    std::vector<std::string> sshd_config{};
    std::map<std::string, std::string> home{};  // files of HOME on the hosts
    std::map<std::string, std::string> replaced{};  // SshdFixture::Options
    bool shims = false;  // tests/shim stands between sshd and each host's shell: see break_at()
    // The one host's server is another one than OpenSSH's; `login_shell` is a path then, and the user database's.
    std::optional<SmallServer::Kind> small_server{};
    // A folder that is all that the one host's sessions see of the file system (ChrootDirectory), but for /proc, /dev and their own
    // `srv`: for root, where can_replace_files().
    std::string root{};
    const Account* account = nullptr;  // who logs in, instead of who runs the tests; outlives the world
  };

  World() : World(Options{}) {}
  explicit World(Options options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The operator's machine. site() is the folder of deploy.yml and the working directory; `app` in it is the source.
  [[nodiscard]] std::filesystem::path site() const { return folder_.path() / "site"; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view below) const { return folder_.path() / below; }
  void write(std::string_view below_site, std::string_view content, mode_t mode = 0644) const;
  [[nodiscard]] std::string read(std::string_view below) const { return folder_.read(below); }
  // A small application that knows its own files: MANIFEST has their sums.
  void write_app(std::string_view version) const;
  void write_manifest() const;  // anew, after files were added

  // The usual recipe (application shop, source app, one stage `production` with all hosts) and more keys. `hosts`
  // replaces the usual list: what stands behind `hosts:`.
  void write_recipe(std::string_view more = {}, std::string_view hosts = {}) const;
  [[nodiscard]] std::string deploy_to() const { return (folder_.path() / "srv/shop").string(); }
  [[nodiscard]] std::string known_hosts() const { return (folder_.path() / "known_hosts").string(); }

  // The program, with arguments; no terminal, an empty home, no agent. `environment` is added: NAME=VALUE.
  [[nodiscard]] Running start(const std::vector<std::string>& arguments) const;
  [[nodiscard]] Ran deploy(const std::vector<std::string>& arguments) const { return start(arguments).wait(); }
  std::vector<std::string> environment;
  std::filesystem::path working_folder;  // empty: site()
  ReplacedFiles replaced;                // what it sees at the place of this machine's files: where can_replace_files()
  // A line of shell text as the person would type it: `deploy` is found.
  [[nodiscard]] Running start_typed(std::string_view line) const;
  [[nodiscard]] Ran type(std::string_view line) const { return start_typed(line).wait(); }

  [[nodiscard]] const FarmHost& host(std::size_t index) const { return hosts_.at(index); }
  [[nodiscard]] const std::vector<FarmHost>& hosts() const { return hosts_; }
  [[nodiscard]] int port() const { return port_; }  // of all hosts, but for own_servers and relays
  [[nodiscard]] SshdFixture& sshd(std::size_t index = 0) const {
    return *servers_.at(servers_.size() == 1 ? 0 : index);
  }
  // From now on the recipe leads to host `index` by a relay; call it before write_recipe().
  Relay& relay(std::size_t index);

  // With `shims`: what tests/shim/host_shim.cc calls `kind` happens on host `index` at the `nth` step (from 1) that comes to it
  // from now on, once. Steps are counted on all hosts anew.
  void break_at(std::size_t index, int nth, std::string_view kind) const;
  [[nodiscard]] bool has_broken(std::size_t index) const;
  [[nodiscard]] std::vector<std::string> steps(std::size_t index) const;  // the host functions that each calls

  // What a run has left in the program's cache folder, but for the lists that it keeps there.
  [[nodiscard]] std::vector<std::string> left_in_cache() const;

  // tests/faults/observe.sh on all hosts: an empty text means that every invariant holds.
  // `crashed`: a run has just died, and what it was busy with may lie about.
  [[nodiscard]] std::string broken_invariants(bool crashed = false) const;

 private:
  struct Place {
    std::string address;
    int port;
  };
  void start_servers(const Options& options);
  void log_in_as(const Account& account, SshdFixture::Options& server);
  // What a server sees that shuts its sessions in a folder.
  [[nodiscard]] ReplacedFiles shut_in(const std::string& root) const;
  [[nodiscard]] std::filesystem::path shim_folder(std::size_t index) const;
  void write_enter(const Options& options) const;
  void write_ssh_config() const;
  void write_known_hosts() const;
  [[nodiscard]] std::string host_list() const;
  [[nodiscard]] std::vector<std::string> environment_of_program() const;
  [[nodiscard]] Running launch(const std::vector<std::string>& argv, const std::vector<std::string>& env) const;

  TempDir folder_;
  std::vector<std::unique_ptr<SshdFixture>> servers_;
  std::unique_ptr<SmallServer> small_server_;
  std::vector<Place> places_;
  std::vector<FarmHost> hosts_;
  std::vector<std::unique_ptr<Relay>> relays_;
  int port_ = 0;
  std::string user_ = SshdFixture::user();
  bool shims_ = false;
  bool by_client_ = false;
  mutable int runs_ = 0;
};

}  // namespace kirikae::test
