// SshdFixture: a real sshd on loopback, started as an ordinary user would, that lives as long as the object.
//
//   SshdFixture sshd;                                         // one host, 127.0.0.1:<free port>, ed25519 host key
//   SshdFixture sshd({.host_keys = {"rsa"}, .config = {"Ciphers aes256-ctr"}});
//   SshdFixture sshd({.login_shell = "/usr/bin/fish"});       // commands are run by `fish -c COMMAND`
//   SshdFixture sshd({.home = {{".bashrc", "echo noise\n"}}});
//   SshdFixture sshd({.addresses = {"127.0.0.1", "127.0.0.2"}, .ports = 3});   // six hosts of one server
//
// Log in as user() with client_key(); known_hosts() is a file that names every host of hosts(). HOME of the sessions is
// home(), an empty folder but for what `home` puts there, so that no rc file of this machine is read. The constructor returns
// when the server listens and throws where it can't be started. The destructor kills it with all sessions and all that they
// have started. Keys are made once per process.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/replaced_files.h"
#include "support/temp_dir.h"

namespace kirikae::test {

class SshdFixture {
 public:
  struct Options {
    std::vector<std::string> host_keys{"ed25519"};     // types as ssh-keygen names them: ed25519, ecdsa, rsa
    std::vector<std::string> config{};                 // lines that win over the fixture's own ("MaxStartups 2:100:3")
    std::string login_shell{};                         // program and words; empty: what the user has
    std::map<std::string, std::string> home{};         // files of HOME by relative name
    std::map<std::string, std::string> environment{};  // added to every session's
    std::vector<std::string> addresses{"127.0.0.1"};
    int ports = 1;
    // What this server sees at the place of files and folders of the system: for root, and where the kernel lets us mount
    // (can_replace_files()).
    ReplacedFiles replaced{};
  };
  struct Host {
    std::string address;
    int port = 0;
  };

  SshdFixture() : SshdFixture(Options{}) {}
  explicit SshdFixture(Options options);
  ~SshdFixture();
  SshdFixture(const SshdFixture&) = delete;
  SshdFixture& operator=(const SshdFixture&) = delete;

  [[nodiscard]] const std::vector<Host>& hosts() const { return hosts_; }
  [[nodiscard]] const std::string& address() const { return hosts_.front().address; }
  [[nodiscard]] int port() const { return hosts_.front().port; }
  [[nodiscard]] static std::string user();
  [[nodiscard]] std::string home() const { return folder_ / "home"; }
  [[nodiscard]] std::string known_hosts() const { return folder_ / "known_hosts"; }
  // Lines for a known_hosts file that call this server `name` (`[name]:port` where the port isn't 22).
  [[nodiscard]] std::string known_hosts_lines(std::string_view name, int port) const;
  [[nodiscard]] static std::string client_key();  // private key file; FILE.pub beside it
  [[nodiscard]] std::string log() const;          // what sshd has logged
  [[nodiscard]] const TempDir& folder() const { return folder_; }

  // Lets further keys log in: a public key's line.
  void authorize(std::string_view public_key_line) const;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // The server's processes, one or two for each connection; `listener` too.
  [[nodiscard]] std::vector<pid_t> server_processes(bool listener = false) const;
  // What sessions have started and what still runs, but for the server's own processes.
  [[nodiscard]] std::vector<pid_t> session_processes() const;
  // Stops (SIGSTOP) and continues the processes that serve connections: TCP goes on, SSH is silent.
  void pause() const;
  void resume() const;
  // Kills the processes that serve connections; new ones are taken.
  void kill_sessions() const;
  // What ends with the object, earlier; and again on the same ports.
  void stop();
  void start();

 private:
  void write_config();
  bool listen_once();  // false: a port was taken, or this sshd doesn't know an option that was tried
  [[nodiscard]] std::vector<pid_t> descendants() const;

  TempDir folder_;
  Options options_;
  std::vector<Host> hosts_;
  std::string marker_;
  bool penalties_option_ = true;
  pid_t pid_ = -1;
};

// For Options::replaced: the user has this password, for sshd itself and for PAM. `pam`: the rule that decides there instead. `age`: what
// the shadow file has behind the password.
std::map<std::string, std::string> password_files(const TempDir& folder, const std::string& password,
                                                  const std::string& pam = "pam_unix.so nodelay",
                                                  const std::string& age = "19000:0:99999:7:::");

// A line of a shadow file.
std::string shadow_line(const std::string& user, const std::string& password, const std::string& age = "19000:0:99999:7:::");

// The path of a key pair's private half, made by ssh-keygen once per process: "ed25519", "ecdsa", "rsa". `name` tells pairs of
// one type apart.
std::string key_pair(const std::string& type, const std::string& name);

}  // namespace kirikae::test
