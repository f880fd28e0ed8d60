// The built program, run in a folder of its own.
#pragma once

#include <chrono>
#include <map>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/subprocess.h"
#include "support/temp_dir.h"

namespace kirikae::golden {

struct Ended {
  int status = 0;
  std::string out, err;
};

// The first group of every match; ^ and $ are those of lines.
inline std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern, std::regex::multiline);
  std::vector<std::string> found;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), expression); match != std::sregex_iterator();
       ++match) {
    found.push_back((*match)[1]);
  }
  return found;
}

class Cli {
 public:
  test::TempDir folder;

  // Without a terminal, and with nothing of the tester's own settings.
  Ended operator()(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) const {
    SubprocessCall call;
    call.argv = {KIRIKAE_DEPLOY};
    call.argv.insert(call.argv.end(), arguments.begin(), arguments.end());
    call.folder = folder.path().string();
    call.environment = std::move(environment);
    call.environment["HOME"] = folder.path().string();
    for (const char* name : {"SSH_AUTH_SOCK", "XDG_CACHE_HOME", "XDG_STATE_HOME"}) call.environment[name] = "";
    for (const char* name : {"GITHUB_ACTIONS", "GITLAB_CI"}) call.environment.try_emplace(name, "");
    call.deadline = Deadline::in(std::chrono::seconds(30));
    Ended ended;
    call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? ended.err : ended.out) += bytes; };
    const auto end = run_subprocess(call);
    if (!end) throw std::runtime_error(to_text(end.error()));
    ended.status = end->status;
    return ended;
  }

  void recipe(const std::string& more = {}) const {
    folder.write("deploy.yml",
                 "application: shop\n"
                 "deploy_to: /srv/shop\n"
                 "source: {directory: app}\n" +
                     more +
                     "stages:\n"
                     "  staging: {hosts: [127.0.0.1:1]}\n"
                     "  production:\n"
                     "    confirm: true\n"
                     "    hosts: [127.0.0.1:1, 127.0.0.2:1]\n");
    folder.write("app/index.html", "hello\n");
  }
};

}  // namespace kirikae::golden
