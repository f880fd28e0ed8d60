// What `deploy trust` has found out about the keys of hosts, for people and for programs. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kirikae::plan {

enum class KeyState { known, fresh, changed, revoked };

struct KeyName {
  std::string type, fingerprint;  // "ed25519", "SHA256:…"
  std::string place{};            // FILE:LINE, where it is on file
};

struct HostKeyView {
  std::string host;
  bool jump = false;  // no host of the stage, but one on the way there
  KeyState state = KeyState::known;
  KeyName key;
  std::vector<KeyName> others{};  // of one that has changed: what is on file
  std::string file{};             // where it was added; empty: it wasn't
  std::string certificate{};      // why the host's doesn't count: "has expired on …"; empty: it does, or there is none
};

// "db1", "bastion (jump host)".
std::string name_of(const HostKeyView& view);
// "new: ed25519 SHA256:…"
std::string text_of(const HostKeyView& view);
// One line for all hosts of which the same is to be said.
std::string host_keys_text(const std::vector<HostKeyView>& views);
std::string host_keys_json(const std::vector<HostKeyView>& views);

}  // namespace kirikae::plan
