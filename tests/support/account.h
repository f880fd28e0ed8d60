// Account: an ordinary user of a host, with a home, a login shell, and what sudo lets it do, for root, and where the kernel lets us mount
// (can_replace_files()). Only the server that sees its files (World::Options::account) knows of it: nothing of it is on this machine, and
// nothing is left of it, however the test ends.
#pragma once

#include <map>
#include <string>

#include "support/replaced_files.h"
#include "support/temp_dir.h"

namespace kirikae::test {

// What sudo asks: its rules, and the passwords of users (who else has an account has none). `first_rule` is PAM's, before the password's.
// What its own files replace is made in `folder`.
ReplacedFiles sudo_files(const TempDir& folder, const std::string& sudoers, const std::map<std::string, std::string>& passwords,
                         const std::string& first_rule = {});

class Account {
 public:
  struct Options {
    std::string sudoers{};
    std::map<std::string, std::string> passwords{};
    std::string shell{"/bin/sh"};
    std::map<std::string, std::string> home{};  // files of it, by relative name
  };
  static constexpr const char* name = "deployer";

  Account() : Account(Options{}) {}
  explicit Account(const Options& options);

  [[nodiscard]] std::string home() const { return folder_ / "home"; }  // the account's own, as it is made
  [[nodiscard]] const ReplacedFiles& files() const { return files_; }
  [[nodiscard]] std::string authorized_keys() const { return folder_ / "authorized_keys"; }
  // From now on the account's own: a file, or a folder with all that is in it.
  static void give(const std::string& path);

 private:
  TempDir folder_;
  ReplacedFiles files_;
};

}  // namespace kirikae::test
