// Commands of the recipe, and those that somebody typed.
#include "host/releases.h"
#include "support/catch.h"

namespace kirikae::test {

TEST_CASE("A task has its environment, its folder, and ends at its first failure") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto folder = site.disk / "tmp";
  const auto run = [&](const std::string& text, const std::map<std::string, std::string>& environment = {}) {
    return site.control.run(host::task("t", text, folder, environment));
  };
  auto ended = run("pwd; echo \"$RELEASE|$ODD\"\nenv | grep -c -e KIRIKAE -e kk_ || :",
                   {{"RELEASE", id1}, {"ODD", "it's $(id)\n%"}});
  CHECK(ended.status == 0);
  CHECK(ended.out == folder + "\n" + id1 + "|it's $(id)\n%\n0\n");
  ended = run("# a comment first\necho one\nfalse\necho two");
  CHECK(ended.status == 1);
  CHECK(ended.out == "one\n");
  CHECK(run("exit 7").status == 7);
  CHECK(run("kill -9 $$").status == 137);
  CHECK(run("cat; type kk_fail >/dev/null 2>&1 || echo clean").out == "clean\n");
  CHECK(run("echo $PATH", {{"PATH", "/nowhere"}}).out == "/nowhere\n");
  CHECK(run("if then").status != 0);
  ended = site.control.run(host::task("t", "echo no", folder + "/not there", {}));
  CHECK(ended.status == 1);
  CHECK(ended.err.find("can't enter '" + folder + "/not there'\n") != std::string::npos);
  // What follows in the same step has the old environment, unless the task fails.
  const auto next = host::task("t", "echo ${A-unset}", folder, {});
  CHECK(site.control.run({host::task("t", "echo $A", folder, {{"A", "set"}}), next}).out == "set\nunset\n");
  CHECK(site.control.run({host::task("t", "exit 9", folder, {}), next}).status == 9);
  // What stands in an argv, every user of the host can read.
  ended = run("tr '\\0' ' ' </proc/$$/cmdline", {{"SECRET", "s3cr3t"}});
  CHECK(ended.out.find("s3cr3t") == std::string::npos);
  CHECK(ended.out.find("cmdline") == std::string::npos);
}

TEST_CASE("A command that somebody typed runs in what is live, or at home where nothing is") {
  const auto shell = GENERATE(from_range(shells()));
  INFO(shell);
  Site site(shell);
  const auto run = [&](const std::string& text, const std::map<std::string, std::string>& environment = {}) {
    return site.control.run(host::run(site.layout(), text, environment));
  };
  const std::string say = "pwd; echo \"$RELEASE|$RELEASE_PATH|$REVISION\"";
  auto ended = run("[ \"$(pwd)\" = \"$HOME\" ] && echo home; echo \"$RELEASE|$RELEASE_PATH|$REVISION\"", {{"RELEASE", "x"}});
  INFO(ended);
  CHECK(ended.out == "home\n||\n");
  CHECK_FALSE(site.disk.exists(""));
  site.make(id1, {{"index.html", "one\n"}});
  site.publish(id1);
  const std::string path = site.disk.path("releases/" + id1);
  // PATH is the command's own, and doesn't keep us from finding out what is live.
  ended = run("cd -P .; " + say, {{"RELEASE", "x"}, {"REVISION", "x"}, {"PATH", "/nowhere"}});
  INFO(ended);
  CHECK(ended.out == path + "\n" + id1 + "|" + path + "|revision-of-" + id1 + "\n");
  CHECK(run("env | grep -c -e KIRIKAE -e ^kk_ -e ^K= || :").out == "0\n");
  CHECK(run("false\necho no").status == 1);
  CHECK(run("kill -9 $$").status == 137);
  // Not somewhere else instead.
  fs::remove_all(site.disk.path("releases"));
  ended = run("echo no");
  CHECK(ended.status == 1);
  CHECK(ended.out.empty());
  CHECK(ended.err.find("can't enter '" + site.disk.path("current") + "'\n") != std::string::npos);
}

}  // namespace kirikae::test
