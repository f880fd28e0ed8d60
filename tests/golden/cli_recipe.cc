#include <filesystem>

#include "cli.h"
#include "support/catch.h"

namespace kirikae::golden {
namespace {

TEST_CASE("init writes a recipe that is understood as it stands, and never writes over one") {
  const Cli deploy;
  const Ended made = deploy({"init", "shop"});
  CHECK(made.status == 0);
  CHECK(made.out.starts_with("wrote deploy.yml for 'shop'\n"));
  const std::string text = deploy.folder.read("deploy.yml");
  const Ended config = deploy({"config", "production"});
  CHECK(config.status == 0);
  CHECK(config.out.starts_with("application: shop\n"));
  CHECK(deploy({"init", "other"}).status == 2);
  CHECK(deploy.folder.read("deploy.yml") == text);
}

TEST_CASE("init calls the application by its folder where it is given no name") {
  const Cli deploy;
  CHECK(deploy({"init"}).status == 0);
  const std::string name = deploy.folder.path().filename().string();
  CHECK(deploy({"config", "staging"}).out.starts_with("application: " + name + "\n"));
}

TEST_CASE("config prints what the command line has set, and a recipe that says the same again") {
  const Cli deploy;
  deploy.recipe("vars: {port: \"80\"}\n");
  const Ended config = deploy({"config", "production", "--set", "keep_releases=9", "--set", "port=8080"});
  REQUIRE(config.status == 0);
  CHECK(config.out.find("keep_releases: 9\n") != std::string::npos);
  CHECK(config.out.find("8080") != std::string::npos);
  deploy.folder.write("again.yml", config.out);
  CHECK(deploy({"config", "production", "--recipe", "again.yml"}).out == config.out);
}

TEST_CASE("config prints the hosts that are selected, as a recipe that says the same again") {
  const Cli deploy;
  deploy.folder.write("deploy.yml",
                      "application: shop\ndeploy_to: /srv/shop\nsource: {directory: app}\nssh: {port: 2222}\nstages:\n  production:\n    hosts:\n"
                      "      - {address: 'web[1-3].example.com', roles: [app], vars: {weight: 2}}\n"
                      "      - {address: 'ada@[2001:db8::1]:22', roles: [db], primary: true}\n");
  const Ended web = deploy({"config", "production", "--hosts", "web*", "--exclude", "web2.example.com"});
  INFO(web.err);
  REQUIRE(web.status == 0);
  CHECK(web.out.find("web1.example.com") != std::string::npos);
  CHECK(web.out.find("web3.example.com") != std::string::npos);
  CHECK(web.out.find("web2") == std::string::npos);
  CHECK(web.out.find("web[") == std::string::npos);
  CHECK(web.out.find("2001:") == std::string::npos);
  const Ended db = deploy({"config", "production", "--roles", "db"});
  REQUIRE(db.status == 0);
  CHECK(db.out.find("web") == std::string::npos);
  deploy.folder.write("again.yml", db.out);
  CHECK(deploy({"config", "production", "--recipe", "again.yml", "--hosts", "2001*"}).out == db.out);
  CHECK(deploy({"config", "production", "--roles", "dp"}).status == 2);
}

TEST_CASE("the recipe is found from a folder below, and its folder is where relative paths start") {
  const Cli deploy;
  deploy.recipe();
  std::filesystem::create_directories(deploy.folder / "deep/er");
  SubprocessCall call;
  call.argv = {KIRIKAE_DEPLOY, "config", "staging"};
  call.folder = deploy.folder / "deep/er";
  std::string out;
  call.on_output = [&](bool, std::string_view bytes) { out += bytes; };
  REQUIRE(run_subprocess(call));
  CHECK(out.find("directory: " + (deploy.folder / "app")) != std::string::npos);
}

TEST_CASE("help recipe explains the keys") {
  const Cli deploy;
  const Ended ended = deploy({"help", "recipe"});
  CHECK(ended.status == 0);
  for (const std::string key : {"application", "deploy_to", "keep_releases", "stages", "hooks"}) {
    CAPTURE(key);
    CHECK(ended.out.find(key) != std::string::npos);
  }
}

}  // namespace
}  // namespace kirikae::golden
