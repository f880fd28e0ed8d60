#include "probe.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

namespace fs = std::filesystem;

std::string without_what_always_differs(std::string text) {
  static const std::vector<std::pair<std::regex, std::string>> rules = {
      {std::regex("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}Z?( UTC)?"), "TIME"},
      {std::regex("[0-9]{14}"), "ID"},
      {std::regex("[0-9a-f]{64}"), "SUM"},
      {std::regex("\"[a-z_]*(time|at)\":[0-9.]+"), "\"TIME\""},
      {std::regex("(^|[^.0-9])[0-9]+\\.[0-9](?![.0-9])"), "$1SECONDS"},
      {std::regex(" +"), " "},  // columns are as wide as what stands in them
      {std::regex("-{2,}"), "--"},
  };
  for (const auto& [pattern, name] : rules) text = std::regex_replace(text, pattern, name);
  return text;
}

std::string contents(const FarmHost& host) {
  std::vector<std::string> lines;
  if (!fs::exists(fs::symlink_status(host.tree()))) return "no tree\n";
  for (const auto& entry : fs::recursive_directory_iterator(host.tree())) {
    std::string line = fs::relative(entry.path(), host.tree()).string();
    if (line == ".kirikae/lock" || line.starts_with(".kirikae/tmp/")) continue;  // of a session that is just ending
    const auto status = entry.symlink_status();
    line += " " + std::to_string(static_cast<int>(status.permissions()));
    if (fs::is_symlink(status)) line += " -> " + fs::read_symlink(entry.path()).string();
    if (fs::is_regular_file(status)) line += ": " + host.read(fs::relative(entry.path(), host.tree()).string());
    lines.push_back(without_what_always_differs(std::move(line)));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::string sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(without_what_always_differs(text));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());  // hosts are in no order
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  return all;
}

std::string run(const World& world, const Probe& probe, bool changed) {
  for (const auto& host : world.hosts()) {
    REQUIRE(eventually([&] { return !host.exists(".kirikae/lock"); }));
    fs::remove_all(host.tree());
  }
  fs::remove_all(world.site() / "made");
  world.write_recipe(probe.without);
  for (int i = 0; i < probe.before; ++i) {
    const Ran ran = world.deploy({"production", "--output", "plain"});
    INFO(ran);
    REQUIRE(ran.status == 0);
  }
  if (changed) world.write_recipe(probe.with.empty() ? probe.without : probe.with, probe.hosts);
  std::vector<std::string> words = changed && !probe.instead.empty() ? probe.instead : probe.words;
  if (changed) words.insert(words.end(), probe.more.begin(), probe.more.end());
  return seen_of(world, world.deploy(words));
}

}  // namespace

std::string seen_of(const World& world, const Ran& ran) {
  std::string text = "status " + std::to_string(ran.status) + "\n" + sorted_lines(ran.out) + sorted_lines(ran.err);
  for (const auto& host : world.hosts()) text += host.name() + ":\n" + contents(host);
  return text;
}

std::string difference(const World& world, const Probe& probe) {
  const std::string plain = run(world, probe, false);
  const std::string changed = run(world, probe, true);
  if (plain == changed) return {};
  const auto at = std::mismatch(plain.begin(), plain.end(), changed.begin(), changed.end()).first - plain.begin();
  const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, at - 60));
  return "without: …" + plain.substr(from, 160) + "\nwith: …" + changed.substr(from, 160);
}

}  // namespace kirikae::test
