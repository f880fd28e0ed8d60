// Whole runs of the deploy layer on hosts that are fakes: which host is told what, in which order, and what is reported.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "deploy/deploy.h"
#include "support/fake_transport.h"
#include "support/temp_dir.h"

namespace kirikae::test {

// Keeps every event.
class Recorder final : public event::Sink {
 public:
  void emit(event::Event event) override {
    if (on_event) on_event(event);
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  std::function<void(const event::Event&)> on_event;  // in the emitting thread; set it before the run
  template <class What>
  [[nodiscard]] std::vector<What> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<What> found;
    for (const auto& event : events_) {
      if (const auto* what = std::get_if<What>(&event.what)) found.push_back(*what);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<event::Event> events_;
};

// What a host says about itself: `releases` are lines such as "20261122000000 good".
inline std::string facts_text(const std::string& live, const std::vector<std::string>& releases,
                              const std::string& more = {}) {
  std::string text = "locked=yes\nfacts=1\nclock=1795410000\nsystem=Linux\n";
  if (!live.empty()) text += "live=" + live + "\n";
  for (const auto& release : releases) text += "release=" + release + "\n";
  return text + more +
         "free_kilobytes=1000000\nfree_inodes=100000\nzstd=yes\ngzip=yes\nsetsid=yes\nhash=openssl\nsync_fs=yes\nmv="
         "T\nfacts=end\n";
}

struct RunWorld {
  // Hosts web1 to webN that run release 20261122000000 and have an older good one.
  explicit RunWorld(int count) {
    folder.write("app/index.html", "hello\n");
    request.recipe.file = folder / "deploy.yml";
    request.recipe.folder = folder.path().string();
    request.recipe.stage = "production";
    request.recipe.application = "shop";
    request.recipe.deploy_to = "/srv/shop";
    request.recipe.keep_releases = 1;
    request.recipe.source.directory = recipe::DirectorySource{folder / "app", {}};
    request.revision = "r1";
    request.operator_name = "ada@desk";
    for (int i = 1; i <= count; ++i) {
      inventory::Host host;
      host.name = host.address = "web" + std::to_string(i);
      host.user = "deploy";
      request.hosts.push_back(host);
      hosts.push_back(connector.add(host.name));
      hosts.back()->answer("facts",
                           {.out = facts_text(live, {"20261120000000 good", "20261121000000 good", live + " good"})});
    }
  }

  void hook(recipe::HookPoint point, const std::string& task, bool local = false, const std::string& run = "true") {
    request.recipe.tasks[task].name = task;
    request.recipe.tasks[task].run = run;
    request.recipe.tasks[task].local = local;
    request.recipe.hooks[point].push_back(task);
  }

  event::Report deploy() { return deploy::deploy(request, surroundings()); }
  event::Report rollback() { return deploy::rollback(request, std::nullopt, surroundings()); }
  deploy::Surroundings surroundings() {
    return {connector, events, [] { return std::int64_t{1795410000}; }, folder / "cache", stop.get_token(), reach_again};
  }

  [[nodiscard]] bool was_told(std::size_t host, const std::string& command) const {
    return times_told(host, command) > 0;
  }
  [[nodiscard]] long times_told(std::size_t host, const std::string& command) const {
    const auto names = hosts[host]->names();
    return std::count(names.begin(), names.end(), command);
  }

  const std::string live = "20261122000000";
  TempDir folder;
  deploy::Request request;
  FakeConnector connector;
  std::vector<std::shared_ptr<FakeHost>> hosts;
  Recorder events;
  std::stop_source stop;
  std::chrono::milliseconds reach_again{0};
};

}  // namespace kirikae::test
