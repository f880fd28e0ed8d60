#include "support/farm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <thread>

#include "support/file_text.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_addresses = 16;  // sshd's own limit

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string shell_output(const std::string& text, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/bin/sh", "-c", text, "sh"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const ProgramEnd end = run_program(argv);
  if (end.status != 0) throw std::runtime_error("this failed: " + text);
  return end.output;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Ran& ran) {
  const auto shortened = [](const std::string& text) {
    return text.size() < 20'000 ? text : text.substr(0, 20'000) + "…\n";
  };
  return stream << "status " << ran.status << " after " << ran.seconds << " s\n--- out\n"
                << shortened(ran.out) << "--- err\n"
                << shortened(ran.err) << "---";
}

Running::Running(pid_t pid, fs::path out, fs::path err)
    : pid_(pid), out_(std::move(out)), err_(std::move(err)), start_(now()) {}

Running::Running(Running&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      start_(other.start_) {}

Running::~Running() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Running::out() const { return file_text(out_); }
std::string Running::err() const { return file_text(err_); }

bool Running::has_ended() const {
  siginfo_t info{};
  return pid_ <= 0 ||
         (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_);
}

void Running::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

Ran Running::wait(std::chrono::seconds patience) {
  if (!eventually([&] { return has_ended(); }, patience)) signal(SIGABRT);
  int raw = 0;
  rusage usage{};
  ::wait4(std::exchange(pid_, -1), &raw, 0, &usage);
  return {WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw), out(), err(), now() - start_, usage.ru_maxrss};
}

bool FarmHost::untouched() const { return !fs::exists(fs::symlink_status(tree_)); }

std::string FarmHost::live() const {
  std::error_code none;
  return fs::read_symlink(tree_ / "current", none).filename().string();
}

std::vector<std::string> FarmHost::releases() const {
  std::set<std::string> names;
  if (fs::exists(tree_ / "releases")) {
    for (const auto& entry : fs::directory_iterator(tree_ / "releases")) names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

std::string FarmHost::state(std::string_view id) const {
  std::ifstream record(tree_ / ".kirikae/releases" / id);
  std::string key, value;
  while (record >> key && std::getline(record >> std::ws, value)) {
    if (key == "state") return value;
  }
  return {};
}

bool FarmHost::exists(std::string_view below) const { return fs::exists(fs::symlink_status(tree_ / below)); }

std::string FarmHost::read(std::string_view below) const {
  if (!fs::is_regular_file(tree_ / below)) throw std::runtime_error(name_ + " has no file " + std::string(below));
  return file_text(tree_ / below);
}

void FarmHost::write(std::string_view below, std::string_view content) const {
  fs::create_directories((tree_ / below).parent_path());
  std::ofstream out(tree_ / below, std::ios::binary | std::ios::trunc);
  if (!out.write(content.data(), static_cast<std::streamsize>(content.size())))
    throw std::runtime_error("can't write " + std::string(below));
  out.close();
  struct stat folder {};
  if (::stat(tree_.parent_path().c_str(), &folder) == 0 && folder.st_uid != ::geteuid()) Account::give(tree_.string());
}

std::string FarmHost::version() const {
  return fs::exists(tree_ / "current/VERSION") ? read("current/VERSION") : std::string();
}

std::string FarmHost::snapshot() const {
  return shell_output(
      "[ -e \"$1\" ] || exit 0; cd \"$1\"; find . -printf '%p %y %m %l\\n' | sort;"
      " find . -type f -print0 | sort -z | xargs -0r sha256sum",
      {tree_.string()});
}

World::World(Options options) {
  fs::create_directories(site() / "app");
  fs::create_directories(folder_.path() / "home");
  fs::create_directories(folder_.path() / "bin");
  for (int i = 0; i < options.hosts; ++i) {
    const std::string name = "127.0.0." + std::to_string(i + 1);
    fs::create_directories(folder_.path() / "hosts" / name);
    hosts_.emplace_back(name, folder_.path() / "hosts" / name / "shop");
  }
  // A lone host needs no trick. (csh closes descriptors that it doesn't know.)
  if (options.hosts == 1) {
    fs::create_directory_symlink(folder_.path() / "hosts/127.0.0.1", folder_.path() / "srv");
  } else {
    fs::create_directory_symlink("/proc/self/fd/9", folder_.path() / "srv");
  }
  shims_ = options.shims;
  by_client_ = options.by_client;
  write_enter(options);
  start_servers(options);
  if (by_client_) write_ssh_config();
  write_known_hosts();
  write_recipe();
}

World::~World() = default;

ReplacedFiles World::shut_in(const std::string& root) const {
  const std::string place = "/mnt", srv = (folder_.path() / "srv").string();  // no folder above it may be others' to write to
  for (const std::string& folder : {std::string("/proc"), std::string("/dev"), srv}) fs::create_directories(root + folder);
  // sshd takes the shell's path from the user database.
  const std::string users = folder_.write("passwd", SshdFixture::user() + ":x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n");
  return {{"/etc/passwd", users},
          {place, root},
          {place + "/dev", "/dev"},
          {place + "/proc", "/proc"},
          {place + srv, (folder_.path() / "hosts/127.0.0.1").string()}};
}

// Everything above a host's folder is ours.
void World::log_in_as(const Account& account, SshdFixture::Options& server) {
  user_ = Account::name;
  fs::permissions(folder_.path(), fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add);
  for (const auto& host : hosts_) Account::give(host.tree().parent_path().string());
  server.replaced.insert(account.files().begin(), account.files().end());
  server.config.push_back("AuthorizedKeysFile " + account.authorized_keys());
  server.config.push_back("SetEnv HOME=" + account.home());
}

void World::start_servers(const Options& options) {
  if (options.small_server) {
    small_server_ = std::make_unique<SmallServer>(
        SmallServer::Options{.kind = *options.small_server, .login_shell = options.login_shell.empty() ? "/bin/sh" : options.login_shell});
    places_.push_back({"127.0.0.1", small_server_->port()});
    return;
  }
  SshdFixture::Options server;
  server.config = options.sshd_config;
  server.home = options.home;
  server.replaced = options.replaced;
  if (options.account != nullptr) log_in_as(*options.account, server);
  if (!options.root.empty()) {
    server.replaced = shut_in(options.root);
    server.config.emplace_back("ChrootDirectory /mnt");
  }
  if (!options.path.empty()) server.environment["PATH"] = options.path;
  if (options.hosts > 1 || options.shims || !options.login_shell.empty() || !options.path.empty())
    server.login_shell = (folder_.path() / "enter").string();
  if (options.own_servers) {
    for (const auto& host : hosts_) {
      server.addresses = {host.name()};
      servers_.push_back(std::make_unique<SshdFixture>(server));
      places_.push_back({host.name(), servers_.back()->port()});
    }
  } else {
    server.addresses.clear();
    for (const auto& host : hosts_) {
      if (!by_client_ || server.addresses.size() < most_addresses) server.addresses.push_back(host.name());
    }
    servers_.push_back(std::make_unique<SshdFixture>(server));
    port_ = servers_.back()->port();
    for (const auto& host : hosts_) places_.push_back({host.name(), port_});
  }
}

void World::write_enter(const Options& options) const {
  std::string text = "#!/bin/sh\n";
  text += options.by_client ? "host=${SSH_CONNECTION%% *}\n" : "host=${SSH_CONNECTION#* * }\nhost=${host% *}\n";
  if (options.hosts > 1) text += "exec 9<" + (folder_.path() / "hosts").string() + "/\"$host\"\n";
  if (!options.path.empty()) text += "PATH=" + options.path + "\nexport PATH\n";
  const std::string shim =
      options.shims ? KIRIKAE_HOST_SHIM " " + (folder_.path() / "shims").string() + "/\"$host\" " : std::string();
  text += "exec " + shim + (options.login_shell.empty() ? std::string("/bin/sh") : options.login_shell) + " \"$@\"\n";
  folder_.write("enter", text, 0755);
}

void World::write_ssh_config() const {
  std::string text;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    text += "Host " + hosts_[i].name() + "\n  HostName " + hosts_[i % most_addresses].name() + "\n  BindAddress " + hosts_[i].name() + "\n";
  }
  folder_.write("ssh_config", text);
}

void World::write_known_hosts() const {
  std::string lines;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto& [address, port] = places_[i];
    lines += small_server_ ? small_server_->known_hosts_lines(address, port) : sshd(i).known_hosts_lines(address, port);
  }
  folder_.write("known_hosts", lines);
}

Relay& World::relay(std::size_t index) {
  relays_.push_back(std::make_unique<Relay>(hosts_.at(index).name(), sshd(index).port()));
  places_.at(index) = {"127.0.0.1", relays_.back()->port()};
  write_known_hosts();
  return *relays_.back();
}

std::string World::host_list() const {
  std::string list = "[";
  for (const auto& place : places_) {
    list += (list.size() > 1 ? ", " : "") + ('"' + place.address) +
            (place.port == port_ ? "" : ":" + std::to_string(place.port)) + '"';
  }
  return list + "]";
}

void World::write_recipe(std::string_view more, std::string_view hosts) const {
  std::string text = "application: shop\ndeploy_to: " + deploy_to() + "\n";
  if (more.find("\nsource:") == std::string_view::npos && !more.starts_with("source:"))
    text += "source: {directory: app}\n";
  text += "user: " + user_ + "\n";
  text += "ssh:\n  config: " + (by_client_ ? folder_ / "ssh_config" : std::string("none")) + "\n  known_hosts_file: " + known_hosts() + "\n  identity: " + SshdFixture::client_key() + "\n";
  if (port_ != 0) text += "  port: " + std::to_string(port_) + "\n";
  text += std::string(more);
  text += "stages:\n  production:\n    hosts: " + (hosts.empty() ? host_list() : std::string(hosts)) + "\n";
  write("deploy.yml", text);
}

void World::write(std::string_view below_site, std::string_view content, mode_t mode) const {
  folder_.write("site/" + std::string(below_site), content, mode);
}

void World::write_app(std::string_view version) const {
  fs::remove_all(site() / "app");
  write("app/VERSION", version);
  write("app/index.html", "<p>Version " + std::string(version) + "</p>\n");
  write("app/bin/serve", "#!/bin/sh\necho serving " + std::string(version) + "\n", 0755);
  write("app/config/defaults.ini", "[shop]\n");
  write("app/log/from-payload.log", "");
  std::string page;
  for (int i = 0; i < 2000; ++i) page += "line " + std::to_string(i) + " of " + std::string(version) + "\n";
  write("app/pages/long.txt", page);
  write_manifest();
}

std::vector<std::string> World::left_in_cache() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "cache/kirikae")) {
    const std::string name = entry.path().filename();
    if (name != "chunks" && name != "lists" && name != "sums") names.push_back(name);
  }
  return names;
}

void World::write_manifest() const {
  shell_output(
      "cd \"$1\" && find . -type f ! -name MANIFEST ! -path './log/*' -print0 | sort -z | xargs -0 sha256sum "
      ">../manifest.new &&"
      " mv ../manifest.new MANIFEST",
      {(site() / "app").string()});
}

std::vector<std::string> World::environment_of_program() const {
  const char* path = std::getenv("PATH");
  std::vector<std::string> all{"PATH=" + std::string(path != nullptr ? path : "/usr/bin:/bin"),
                               "HOME=" + (folder_.path() / "home").string(),
                               "XDG_CACHE_HOME=" + (folder_.path() / "cache").string(),
                               "USER=ada",
                               "LANG=C.UTF-8",
                               "TERM=dumb"};
  // What sanitizers are told by ctest.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name); value != nullptr) all.push_back(std::string(name) + '=' + value);
  }
  for (const auto& entry : environment) {
    const auto name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(all, [&](const std::string& usual) { return usual.starts_with(name); });
    all.push_back(entry);
  }
  return all;
}

Running World::launch(const std::vector<std::string>& argv, const std::vector<std::string>& env) const {
  const std::string number = std::to_string(++runs_);
  const fs::path out = folder_.path() / ("out." + number), err = folder_.path() / ("err." + number);
  const std::string folder = working_folder.empty() ? site().string() : working_folder.string();
  auto words = argv, variables = env;
  const auto word_pointers = pointers(words), variable_pointers = pointers(variables);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("can't fork");
  if (pid == 0) {
    ::setsid();  // no terminal
    for (const int each : {SIGINT, SIGHUP}) ::signal(each, SIG_DFL);  // whoever runs the tests in the background ignores some
    if (!replace_files(replaced)) ::_exit(125);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    if (::dup2(::open("/dev/null", O_RDONLY), 0) < 0 || ::dup2(::open(out.c_str(), flags, 0600), 1) < 0 ||
        ::dup2(::open(err.c_str(), flags, 0600), 2) < 0 || ::chdir(folder.c_str()) != 0) {
      ::_exit(126);
    }
    ::closefrom(3);
    ::execve(word_pointers[0], word_pointers.data(), variable_pointers.data());
    ::_exit(127);
  }
  return {pid, out, err};
}

Running World::start(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{KIRIKAE_DEPLOY};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Running running = launch(argv, environment_of_program());
  for (std::size_t i = 0; shims_ && i < hosts_.size(); ++i)
    std::ofstream(shim_folder(i) / "client") << running.pid() << "\n" << std::flush;
  return running;
}

fs::path World::shim_folder(std::size_t index) const {
  const fs::path folder = folder_.path() / "shims" / hosts_.at(index).name();
  fs::create_directories(folder);
  return folder;
}

void World::break_at(std::size_t index, int nth, std::string_view kind) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    for (const char* file : {"operations", "fault", "fired", "client"}) fs::remove(shim_folder(i) / file);
  }
  std::ofstream(shim_folder(index) / "fault") << kind << ' ' << nth << "\n";
}

bool World::has_broken(std::size_t index) const { return fs::exists(shim_folder(index) / "fired"); }

std::vector<std::string> World::steps(std::size_t index) const {
  std::vector<std::string> names;
  std::ifstream in(shim_folder(index) / "operations");
  for (std::string line; std::getline(in, line);) names.push_back(line);
  return names;
}

Running World::start_typed(std::string_view line) const {
  fs::remove(folder_.path() / "bin/deploy");
  fs::create_symlink(KIRIKAE_DEPLOY, folder_.path() / "bin/deploy");
  auto env = environment_of_program();
  std::erase_if(env, [](const std::string& each) { return each.starts_with("PATH="); });
  env.push_back("PATH=" + (folder_.path() / "bin").string() + ":/usr/bin:/bin");
  return launch({"/bin/sh", "-c", std::string(line)}, env);
}

std::string World::broken_invariants(bool crashed) const {
  std::string all;
  for (const auto& host : hosts_) {
    const ProgramEnd end = run_program({"/bin/sh", std::string(KIRIKAE_SOURCE_DIR) + "/tests/faults/observe.sh",
                                        host.tree().string(), crashed ? "crashed" : "no"});
    if (end.status != 0) all += host.name() + ":\n" + (end.output.empty() ? "observe.sh failed\n" : end.output);
  }
  return all;
}

}  // namespace kirikae::test
