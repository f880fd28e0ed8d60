#include "support/git_repo.h"

#include <sys/stat.h>

#include <fstream>
#include <stdexcept>
#include <utility>

#include "support/process.h"

namespace kirikae::test {

GitRepo::GitRepo(std::filesystem::path folder, const std::string& format) : path_(std::move(folder)) {
  std::filesystem::create_directories(path_);
  git({"init", "-q", "-b", "main", "--object-format=" + format});
}

std::string GitRepo::git(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {"env", "-u", "GIT_DIR", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "git", "-C", path_.string(),
                                   "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "protocol.file.allow=always"};
  argv.insert(argv.end(), words.begin(), words.end());
  ProgramEnd end = run_program(argv);
  if (end.status != 0) throw std::runtime_error("git " + words.front() + " failed in " + path_.string());
  if (end.output.ends_with('\n')) end.output.pop_back();
  return end.output;
}

void GitRepo::write(std::string_view name, std::string_view content, mode_t mode) const {
  const auto file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
  if (::chmod(file.c_str(), mode) != 0) throw std::runtime_error("chmod failed: " + file.string());
}

std::string GitRepo::commit(const std::string& subject) const {
  git({"add", "-A"});
  git({"commit", "-q", "--allow-empty", "-m", subject});
  return git({"rev-parse", "HEAD"});
}

void GitRepo::add_submodule(const std::string& url, const std::string& path) const { git({"submodule", "--quiet", "add", "--", url, path}); }

}  // namespace kirikae::test
