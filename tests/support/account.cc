#include "support/account.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "support/file_text.h"
#include "support/process.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t number = 64123;  // nobody's in Debian

void open_to_all(const fs::path& folder) {
  if (::chmod(folder.c_str(), 0755) != 0) throw std::runtime_error("can't open " + folder.string());
}

}  // namespace

ReplacedFiles sudo_files(const TempDir& folder, const std::string& sudoers, const std::map<std::string, std::string>& passwords,
                         const std::string& first_rule) {
  std::string shadow;
  for (const char* each : {"root", "daemon", "nobody", Account::name}) {
    if (!passwords.contains(each)) shadow += std::string(each) + ":*:19000:0:99999:7:::\n";
  }
  for (const auto& [user, password] : passwords) shadow += shadow_line(user, password);
  return {{"/etc/shadow", folder.write("shadow", shadow, 0600)},
          {"/etc/sudoers.d", fs::path(folder.write("sudoers.d/ours", sudoers, 0440)).parent_path().string()},
          {"/etc/pam.d/sudo", folder.write("sudo", first_rule + "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
                                                               "session required pam_permit.so\n")}};
}

Account::Account(const Options& options) : files_(sudo_files(folder_, options.sudoers, options.passwords)) {
  open_to_all(folder_.path());
  fs::create_directories(home());
  for (const auto& [file, content] : options.home) folder_.write("home/" + file, content);
  give(home());
  files_["/etc/passwd"] = folder_.write("passwd", file_text("/etc/passwd") + name + ":x:" + std::to_string(number) + ":" +
                                                      std::to_string(number) + "::" + home() + ":" + options.shell + "\n");
  folder_.write("authorized_keys", file_text(SshdFixture::client_key() + ".pub"));
}

void Account::give(const std::string& path) {
  if (run_program({"chown", "-hR", std::to_string(number) + ":" + std::to_string(number), path}).status != 0) {
    throw std::runtime_error("can't give away " + path);
  }
}

}  // namespace kirikae::test
