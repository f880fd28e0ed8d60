// A small recipe and hosts for the tests of plans.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace kirikae::test {

inline recipe::Recipe shop_recipe() {
  recipe::Recipe recipe;
  recipe.file = "/home/deploy/shop/deploy.yml";
  recipe.folder = "/home/deploy/shop";
  recipe.stage = "production";
  recipe.application = "shop";
  recipe.deploy_to = "/srv/shop";
  recipe.keep_releases = 2;
  recipe.vars = {{"port", "8080"}, {"app_env", "production"}};
  recipe.env = {{"PATH", "/opt/shop/bin:/usr/bin:/bin"}};
  recipe.source.directory = recipe::DirectorySource{"/home/deploy/shop/dist", {}};
  recipe.shared.directories = {"log"};
  recipe.shared.files = {"config/database.yml"};
  const auto task = [&](const std::string& name, const std::string& run) -> recipe::Task& {
    recipe.tasks[name].name = name;
    recipe.tasks[name].run = run;
    return recipe.tasks[name];
  };
  task("install", "bin/install");
  auto& migrate = task("migrate", "bin/migrate");
  migrate.roles = {"db"};
  migrate.once = true;
  migrate.dir = "db";
  task("restart", "sudo systemctl reload shop").roles = {"app"};
  task("announce", "./notify.sh").local = true;
  recipe.hooks[recipe::HookPoint::build] = {"install", "migrate"};
  recipe.hooks[recipe::HookPoint::after_publish] = {"restart", "announce"};
  return recipe;
}

inline plan::HostFacts a_host(const std::string& name, std::vector<std::string> roles, const std::string& live = {},
                            std::vector<release::ReleaseOnHost> releases = {}) {
  plan::HostFacts host;
  host.host.name = host.host.address = name;
  host.host.user = "deploy";
  host.host.roles = std::move(roles);
  host.facts.live = live;
  host.facts.releases = std::move(releases);
  host.facts.mv = "T";
  host.facts.hash = "openssl";
  host.facts.zstd = host.facts.gzip = host.facts.setsid = true;
  host.facts.free_kilobytes = 1 << 20;
  host.facts.free_inodes = 1 << 20;
  return host;
}

inline release::ReleaseOnHost good(const std::string& id) { return {id, release::State::good, "r" + id.substr(12), "ann@laptop"}; }

inline constexpr std::int64_t now = 1795410000;  // 2026-11-23 05:00:00 UTC

inline plan::DeployInput input_for(const recipe::Recipe& recipe, std::vector<plan::HostFacts> hosts) {
  return {recipe, std::move(hosts), now, "1a2b3c", 312, 5'100'000, "ann@laptop"};
}

}  // namespace kirikae::test
