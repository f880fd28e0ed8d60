// KeyRing: the keys of a run, in the order in which they are tried. The agent is asked for its list once, files are
// read once, and a passphrase is asked for once per file, whatever the number of hosts and threads.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/agent.h"
#include "ssh/key_file.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class KeyRing {
 public:
  class Key {
   public:
    // For people: "agent: ed25519 SHA256:… 'me@laptop'", or a path.
    [[nodiscard]] const std::string& label() const { return label_; }
    // Why it can't be tried; empty: it can.
    [[nodiscard]] const std::string& unusable() const { return unusable_; }
    // Whether its public half is known without a passphrase.
    [[nodiscard]] bool tells() const { return !blob_.empty(); }

   private:
    friend KeyRing;
    std::string label_;
    std::string unusable_;
    std::string blob_;  // empty: a locked file that does not tell
    bool in_agent_ = false;
    std::optional<KeyFile> file_;
    std::optional<PrivateKey> opened_;  // guarded by answers_; never changed once it is there
    std::string given_up_;              // guarded by answers_: why the file stays locked
  };

  explicit KeyRing(const Settings& settings) : settings_(settings), agent_(settings.agent_socket) {}

  // Errors: local (a given identity can't be used), cancelled.
  Result<std::vector<Key*>> keys(const Wait& wait);
  // What is wrong with the agent; empty: nothing, or there is none.
  std::string agent_trouble();

  // Asks for the passphrase where the public key can't be told without. Errors: auth (the file stays locked),
  // cancelled, timeout.
  Result<std::string> public_blob(Key& key, const Wait& wait);
  // The signature as a libssh2 sign callback has to return it; takes as long as a person does, if one has to help.
  // Errors: auth (the file stays locked, or the agent won't sign), local, cancelled, timeout.
  Result<std::string> sign(Key& key, std::string_view data, std::string_view algorithm, const Wait& wait);

 private:
  Result<void> load_given(const Wait& wait);
  Result<void> load_usual(const Wait& wait);
  Result<void> list_agent(const Wait& wait);
  [[nodiscard]] bool agent_has(std::string_view blob) const;
  Result<const PrivateKey*> open(Key& key, const Wait& wait);
  [[nodiscard]] Result<PrivateKey> ask_for_passphrase(const Key& key) const;

  const Settings settings_;
  const Agent agent_;

  std::mutex loading_;
  bool loaded_ = false;
  std::vector<Agent::Identity> in_agent_;
  std::string agent_trouble_;
  std::vector<std::unique_ptr<Key>> keys_;

  std::mutex answers_;
  std::condition_variable_any answered_;
  bool asking_ = false;  // one question at a time
};

}  // namespace kirikae::ssh
