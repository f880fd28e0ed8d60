// Every path that exists on a host, and nowhere else.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::release {

class Layout {
 public:
  // `deploy_to` is absolute and normalised.
  explicit Layout(std::string deploy_to) : root_(std::move(deploy_to)) {}

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string current() const { return root_ + "/current"; }
  [[nodiscard]] std::string releases() const { return root_ + "/releases"; }
  [[nodiscard]] std::string release(std::string_view id) const { return releases() + '/' + std::string(id); }
  [[nodiscard]] std::string shared() const { return root_ + "/shared"; }
  [[nodiscard]] std::string revisions_log() const { return root_ + "/revisions.log"; }
  [[nodiscard]] std::string own() const { return root_ + "/.kirikae"; }
  [[nodiscard]] std::string states() const {
    return own() + "/releases";
  }  // one state record per release, named by its id
  [[nodiscard]] std::string application() const { return own() + "/application"; }
  [[nodiscard]] std::string log() const { return own() + "/log.jsonl"; }
  // What `current` is made to contain: relative, so that the tree can be moved.
  [[nodiscard]] static std::string link_target(std::string_view id) { return "releases/" + std::string(id); }

 private:
  std::string root_;
};

}  // namespace kirikae::release
