// Git: the git program of this machine, asked about one repository and nothing else, whatever the caller's environment names.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/deadline.h"
#include "core/error.h"

namespace kirikae::transfer {

// What git may fetch from: never by `ext::` or another helper, which would be a command.
inline constexpr std::string_view fetchable = "file:git:http:https:ssh";

class Git {
 public:
  // The repository that `folder` lies in.
  static Git in_folder(const std::string& folder, std::stop_token stop) { return {{"-C", folder}, std::move(stop)}; }
  // The one whose own folder (`.git`, or a bare one) this is: paths count from its top.
  static Git of(const std::string& git_dir, std::stop_token stop) { return {{"--git-dir=" + git_dir}, std::move(stop)}; }

  // The same, of one that has a work tree, perhaps: of a submodule that isn't checked out its configuration names one that is not there, and
  // git would refuse to begin.
  static Git of_commits(const std::string& git_dir, std::stop_token stop) {
    return {{"--git-dir=" + git_dir, "--work-tree=" + git_dir}, std::move(stop)};
  }

  struct Answer {
    int status = 0;
    std::string text{};   // standard output, `most_text` bytes of it at most
    std::string words{};  // the last lines of standard error, as one line without passwords and control characters
    [[nodiscard]] bool ok() const { return status == 0; }
    // The text without its line break; empty where not ok.
    [[nodiscard]] std::string line() const;
  };
  // Each word is one argument. Errors: cancelled, timeout; local: there is no git, or it can't be started.
  [[nodiscard]] Result<Answer> ask(std::vector<std::string> words) const;
  // The same for output of any size, as it comes: an error of `take` ends git.
  Result<Answer> stream(std::vector<std::string> words, const std::function<Result<void>(std::string_view)>& take) const;

  // What the next questions may take; git may talk to other machines by these protocols only (GIT_ALLOW_PROTOCOL).
  [[nodiscard]] Git with(std::chrono::seconds patience, std::string protocols) const;
  [[nodiscard]] const std::stop_token& stop() const { return stop_; }

 private:
  static constexpr std::size_t most_text = 16 << 20;
  Git(std::vector<std::string> place, std::stop_token stop) : place_(std::move(place)), stop_(std::move(stop)) {}

  std::vector<std::string> place_;
  std::stop_token stop_;
  std::chrono::seconds patience_{60};  // a cold cache makes status slow
  std::string protocols_{"none"};      // no such protocol
};

std::vector<std::string> lines_of(std::string_view text);
// 40 or 64 hex digits.
bool is_object_name(std::string_view text);
// The beginning of one, as people name commits.
std::string short_name(const std::string& sha);

}  // namespace kirikae::transfer
