// KeyRing: the keys of a run, in the order in which each host is tried with them. An agent is asked for its list once, files are
// read once, and a passphrase is asked for once per file, whatever the number of hosts and threads.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/agent.h"
#include "ssh/login_rules.h"
#include "ssh/private_key.h"
#include "ssh/ssh_connector.h"
#include "ssh/transport.h"
#include "ssh/user_certificate.h"

namespace kirikae::ssh {

class KeyRing {
  struct Slot;
  struct AgentKeys;

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
    std::string blob_;               // empty: a locked file that does not tell
    std::string certificate_;        // what the host is shown instead of it, where there is one
    const Agent* agent_ = nullptr;   // it signs; otherwise:
    Slot* file_ = nullptr;
    LoginRules rules_{};             // by which somebody is asked for its passphrase
  };

  explicit KeyRing(const Settings& settings);
  ~KeyRing();

  // As OpenSSH orders them: those of the agent that the host's settings name, the agent's others, the other files; each behind its
  // certificates. Default files that are missing are passed over. Errors: auth (a required identity can't be used), cancelled.
  Result<std::vector<Key>> keys(const HostSettings& host, const Wait& wait);
  // What is wrong with an agent; empty: nothing, or there is none.
  std::string agent_trouble(const std::string& socket);
  bool agent_has_any(const std::string& socket);  // keys, whether or not the host's settings leave them out

  // Asks for the passphrase where the public key can't be told without. Errors: auth (the file stays locked),
  // cancelled, timeout.
  Result<std::string> public_blob(const Key& key, const Wait& wait);
  // Whether it signs without anybody having to type, or to touch something.
  bool signs_alone(const Key& key);
  // The signature as a libssh2 sign callback has to return it; takes as long as a person does, if one has to help.
  // Errors: auth (the file stays locked, or the agent won't sign), local, cancelled, timeout.
  Result<std::string> sign(const Key& key, std::string_view data, std::string_view algorithm, const AgentBinding& binding, const Wait& wait);

 private:
  Result<AgentKeys*> agent(const std::string& socket, const Wait& wait);
  Slot& slot(const std::string& path);
  Result<std::vector<Key>> keys_in_files(const HostSettings& host);
  void find_signer(Key& key, const std::vector<Key>& files, const AgentKeys& agent);
  std::vector<Key> with_certificates(std::vector<Key> keys, const HostSettings& host);
  const Result<std::optional<UserCertificate>>& certificate(const std::string& path);
  Result<const PrivateKey*> open(const Key& key, const Wait& wait);
  [[nodiscard]] Result<PrivateKey> ask_for_passphrase(const Slot& slot, int prompts) const;

  const std::function<Secret(const std::string&)> ask_;

  std::mutex loading_;
  std::map<std::string, std::unique_ptr<AgentKeys>> agents_;  // by socket
  std::map<std::string, std::unique_ptr<Slot>> slots_;        // by path
  std::map<std::string, Result<std::optional<UserCertificate>>> certificates_;  // by path

  std::mutex answers_;
  std::condition_variable_any answered_;
  bool asking_ = false;  // one question at a time
};

}  // namespace kirikae::ssh
