// The system's sudo for "hosts" on which an ordinary user runs everything: with rules and a password of our own, for root, who may mount those
// over the system's files.
#pragma once

#include <string>
#include <vector>

#include "host/control.h"
#include "support/account.h"

namespace kirikae::test {

bool is_skipped_without_sudo();

extern const std::string sudo_password;        // of `nobody`
extern const std::string sudo_password_start;  // the part of it that no quoting changes
inline const std::string free_of_charge = "nobody ALL=(ALL) NOPASSWD: ALL\n";
inline const std::string with_password = "nobody ALL=(ALL) ALL\n";

// What is to be replaced for these rules (sudo_files).
ReplacedFiles nobodys_sudo(const TempDir& folder, const std::string& sudoers, const std::string& first_rule = {});

std::vector<Shell> with_sudo(std::vector<Shell> shells);  // in their PATH

// What every user of a host, and each user of its own, can read of processes: those that hold `text` there.
std::vector<std::string> processes_that_show(const std::string& text);

}  // namespace kirikae::test
