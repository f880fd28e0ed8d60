#include "support/random_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace kirikae::test {
namespace {

namespace fs = std::filesystem;

constexpr int depth_of_trees = 4;

void finish(const std::string& path, unsigned mode, std::int64_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  const bool is_link = fs::is_symlink(fs::symlink_status(path));
  if ((!is_link && ::chmod(path.c_str(), mode) != 0) || ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    throw std::runtime_error("no mode or time for " + path);
  }
}

std::string random_name(Dice& dice) {
  const std::vector<std::string> odd{"a b",     "new\nline",   "quo'te\"s", "back\\slash", "-rf",     "\xff\xfe\x80",
                                     "ünïcode", "*",           "tab\there", " ",           "...",     "~root",
                                     "$HOME",   "\x1b[31mred", "a;b|c&d",   "%s%n",        ".hidden", "@LongLink",
                                     "--help",  "\n",          "end ",      "\r",          "`id`",    "./@PaxHeader"};
  if (dice.one_in(3)) return dice.pick(odd) + std::to_string(dice.below(100));
  if (dice.one_in(8)) return std::string(90 + dice.below(160), static_cast<char>('a' + dice.below(26)));
  return "f" + std::to_string(dice.below(100'000));
}

void write_file(Dice& dice, const std::string& path) {
  const std::vector<std::size_t> sizes{0, 1, 511, 512, 513, 10'000, 300'000};
  std::ofstream(path, std::ios::binary) << dice.bytes(dice.pick(sizes));
  if (!dice.one_in(8)) return;
  fs::resize_file(path, fs::file_size(path) + 100'000 + dice.below(1'000'000));  // a hole, at the end or with data behind it
  if (dice.one_in(2)) std::ofstream(path, std::ios::binary | std::ios::app) << dice.bytes(100);
}

// Times are set on the way up, so that directories keep theirs.
void grow(Dice& dice, const std::string& folder, int depth, std::vector<std::string>& files) {
  const std::vector<unsigned> file_modes{0644, 0600, 0755, 0444, 0400, 0777, 0664, 0640, 0711};
  const std::vector<unsigned> folder_modes{0755, 0700, 0777, 0775, 0750, 0711};
  fs::create_directory(folder);
  for (std::size_t i = 0, count = dice.below(9); i < count; ++i) {
    const auto path = folder + '/' + random_name(dice);
    if (fs::exists(fs::symlink_status(path))) continue;
    if (depth > 0 && dice.one_in(3)) {
      grow(dice, path, depth - 1, files);
      continue;
    }
    if (dice.one_in(6)) {
      const std::vector<std::string> targets{"../x", "/etc/hostname", "/etc", "missing\nname", std::string(150, 't'), ".", "..", "-", "\xff"};
      fs::create_symlink(dice.pick(targets), path);
    } else if (dice.one_in(10) && !files.empty()) {
      fs::create_hard_link(dice.pick(files), path);
    } else {
      write_file(dice, path);
      files.push_back(path);
    }
    finish(path, dice.pick(file_modes), static_cast<std::int64_t>(dice.below(1'700'000'000)));
  }
  finish(folder, dice.pick(folder_modes), static_cast<std::int64_t>(dice.below(1'700'000'000)));
}

}  // namespace

void grow_tree(Dice& dice, const std::string& path) {
  std::vector<std::string> files;
  grow(dice, path, depth_of_trees, files);
}

}  // namespace kirikae::test
