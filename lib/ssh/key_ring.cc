#include "ssh/key_ring.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "core/secret.h"
#include "core/shell_quote.h"
#include "ssh/certificate.h"
#include "ssh/key_file.h"
#include "ssh/known_hosts.h"
#include "ssh/public_key.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

Error stays_locked(std::string why) { return Error(ErrorCode::auth, std::move(why)); }

// Of a file without which there is no login.
Error of_recipe(Error error) {
  error.code = ErrorCode::auth;
  if (error.hint.empty()) error.hint = "the recipe names it: ssh.identity";
  return error;
}

// Why ssh_config keeps a key, or a certificate, from being shown to the host; empty: it doesn't.
std::string barred(std::string_view blob, const HostSettings& host) {
  const std::string type = key_type(blob);
  std::vector<std::string> names = {type};
  if (constexpr std::string_view rsa = "ssh-rsa"; type.starts_with(rsa)) {
    names.clear();
    for (const char* sha2 : {"rsa-sha2-512", "rsa-sha2-256"}) names.push_back(sha2 + type.substr(rsa.size()));
  }
  const auto allowed = [&](const std::string& name) { return matches_patterns(host.key_algorithms, name, Letters::as_written); };
  if (!host.key_algorithms.empty() && std::ranges::none_of(names, allowed)) return "not tried: PubkeyAcceptedAlgorithms of ssh_config leaves it out";
  if (const int bits = rsa_bits(plain_key(blob)); bits > 0 && bits < host.least_rsa_bits) {
    return fmt::format("not tried: it has {} bits, and ssh_config wants {} (RequiredRSASize)", bits, host.least_rsa_bits);
  }
  return {};
}

}  // namespace

// A file that may hold a key.
struct KeyRing::Slot {
  std::string path;
  std::optional<KeyFile> file;  // none: there is no such file, or `trouble` says why it is none
  std::optional<Error> trouble;  // why it can't be used; where there is a file all the same, an agent may have its key
  // Guarded by answers_; once there, it never changes.
  std::optional<PrivateKey> opened;
  std::string given_up;  // why the file stays locked
};

struct KeyRing::AgentKeys {
  Agent agent;
  std::vector<Agent::Identity> identities{};
  std::string trouble{};

  [[nodiscard]] bool has(std::string_view blob) const {
    return !blob.empty() && std::ranges::any_of(identities, [&](const auto& identity) { return identity.blob == blob; });
  }

  // Those that are in `files` too, and the others; none of the latter where the host's settings want only the former.
  [[nodiscard]] std::pair<std::vector<Key>, std::vector<Key>> keys(const HostSettings& host, const std::vector<Key>& files) const {
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    std::pair<std::vector<Key>, std::vector<Key>> all;
    for (const Agent::Identity& identity : identities) {
      const bool named = std::ranges::any_of(files, [&](const Key& file) { return file.blob_ == identity.blob; });
      if (!named && host.identities_only) continue;
      Key key;
      key.label_ = fmt::format("agent: {} {} '{}'", short_key_type(identity.blob), fingerprint(identity.blob), identity.comment);
      key.blob_ = identity.blob;
      key.agent_ = &agent;
      if (const auto certificate = parse_certificate(identity.blob))
        key.unusable_ = UserCertificate{*certificate, identity.comment}.trouble(now);
      (named ? all.first : all.second).push_back(std::move(key));
    }
    return all;
  }
};

KeyRing::KeyRing(const Settings& settings) : ask_(settings.ask) {}
KeyRing::~KeyRing() = default;

// With loading_ held, while the agent is asked: two seconds at most, and none for a thread that has been told to stop.
Result<KeyRing::AgentKeys*> KeyRing::agent(const std::string& socket, const Wait& wait) {
  if (const auto known = agents_.find(socket); known != agents_.end()) return known->second.get();
  auto keys = std::make_unique<AgentKeys>(Agent(socket));
  if (!socket.empty()) {
    auto listed = keys->agent.list(wait);
    if (!listed && listed.error().code == ErrorCode::cancelled) return std::unexpected(std::move(listed).error());
    if (listed) keys->identities = *std::move(listed);
    if (!listed) keys->trouble = listed.error().message;
  }
  return agents_.emplace(socket, std::move(keys)).first->second.get();
}

KeyRing::Slot& KeyRing::slot(const std::string& path) {
  auto& known = slots_[path];
  if (known) return *known;
  known = std::make_unique<Slot>(Slot{path, {}, {}, {}, {}});
  if (auto file = KeyFile::read(path); !file) {
    known->trouble = std::move(file).error();
  } else if (*file) {
    known->file = **std::move(file);
    known->trouble = known->file->exposed();
    if (known->trouble || known->file->encrypted() || known->file->public_only()) return *known;
    const std::scoped_lock lock(answers_);
    if (auto opened = known->file->open({}); opened) {
      known->opened = *std::move(opened);
    } else {
      known->trouble = std::move(opened).error();
    }
  }
  return *known;
}

// With loading_ held. Files that are usable, and those that somebody named.
Result<std::vector<KeyRing::Key>> KeyRing::keys_in_files(const HostSettings& host) {
  std::vector<Key> keys;
  for (const std::string& path : host.identities) {
    Slot& slot = this->slot(path);
    Key key;
    key.label_ = path;
    key.file_ = &slot;
    key.rules_ = host.login;
    if (slot.trouble) {
      if (slot.file) key.blob_ = slot.file->public_blob();
      if (key.blob_.empty() && host.identities_required) return std::unexpected(of_recipe(*slot.trouble));
      key.unusable_ = slot.trouble->hint.empty() ? slot.trouble->message : fmt::format("{} ({})", slot.trouble->message, slot.trouble->hint);
    } else if (slot.file) {
      key.blob_ = slot.file->public_blob();
    } else if (host.identities_required) {
      return std::unexpected(of_recipe(Error(ErrorCode::auth, fmt::format("the private key '{}' does not exist", path))));
    } else if (host.identities_given) {
      key.unusable_ = "no such file";
    } else {
      continue;
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::vector<KeyRing::Key>> KeyRing::keys(const HostSettings& host, const Wait& wait) {
  const std::scoped_lock lock(loading_);
  TRY_ASSIGN(std::vector<Key> files, keys_in_files(host));
  const auto needs_agent = [](const Key& key) {
    if (key.file_->trouble) return !key.blob_.empty();
    return key.unusable_.empty() && (key.file_->file->encrypted() || key.file_->file->public_only());
  };
  std::vector<Key> named, others;
  if (!host.identities_required || std::ranges::any_of(files, needs_agent)) {
    TRY_ASSIGN(const AgentKeys* agent, this->agent(host.agent_socket, wait));
    for (Key& key : files) {
      if (!agent->has(key.blob_)) continue;
      key.agent_ = &agent->agent;
      if (key.file_->trouble) key.unusable_.clear();
    }
    if (!host.identities_required) std::tie(named, others) = agent->keys(host, files);
    for (Key& key : files) find_signer(key, files, *agent);
  }
  for (Key& key : files) {
    if (host.identities_required && key.agent_ == nullptr && key.file_->trouble) return std::unexpected(of_recipe(*key.file_->trouble));
    if (key.unusable_.empty() && key.agent_ == nullptr && key.file_->file->public_only()) {
      key.unusable_ = key.file_->file->hardware() ? "it only points to a hardware key: load it (ssh-add " + shell_word(key.label_) + ")"
                                                  : "only the public key is here, and no ssh-agent has the private one";
    }
  }
  std::vector<Key> all = std::move(named);
  std::ranges::move(others, std::back_inserter(all));
  std::ranges::copy_if(std::make_move_iterator(files.begin()), std::make_move_iterator(files.end()), std::back_inserter(all), [&](const Key& key) {
    return host.identities_required || !key.certificate_.empty() || (key.agent_ == nullptr && (host.identities_given || !key.file_->file || !key.file_->file->public_only()));
  });
  all = with_certificates(std::move(all), host);
  for (Key& key : all) {
    const std::string& blob = key.certificate_.empty() ? key.blob_ : key.certificate_;
    if (key.unusable_.empty() && !blob.empty()) key.unusable_ = barred(blob, host);
  }
  return all;
}

// A file that holds a certificate alone is signed for by its key, another file's or the agent's.
void KeyRing::find_signer(Key& key, const std::vector<Key>& files, const AgentKeys& agent) {
  if (!key.unusable_.empty() || key.agent_ != nullptr || !key.file_->file->public_only() || !is_certificate(key.blob_)) return;
  const auto& read = certificate(key.label_);
  if (!read || !*read) return;
  const std::string& blob = (*read)->key_blob;
  const auto signer = std::ranges::find_if(files, [&](const Key& other) {
    return other.blob_ == blob && other.unusable_.empty() && (other.agent_ != nullptr || !other.file_->file->public_only());
  });
  if (signer != files.end()) {
    key.agent_ = signer->agent_;
    key.file_ = signer->file_;
  } else if (agent.has(blob)) {
    key.agent_ = &agent.agent;
  } else {
    return;
  }
  key.certificate_ = std::exchange(key.blob_, blob);
  key.label_ = (*read)->label();
  key.unusable_ = (*read)->trouble(static_cast<std::uint64_t>(std::time(nullptr)));
}

const Result<std::optional<UserCertificate>>& KeyRing::certificate(const std::string& path) {
  const auto known = certificates_.find(path);
  return known != certificates_.end() ? known->second : certificates_.emplace(path, read_certificate(path)).first->second;
}

// As OpenSSH: certificates that somebody named come first, and only where nobody did those beside the keys.
std::vector<KeyRing::Key> KeyRing::with_certificates(std::vector<Key> keys, const HostSettings& host) {
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  std::vector<Key> all;
  const auto add = [&](const Key& key, const std::string& path) {
    const auto& read = certificate(path);
    if (!key.unusable_.empty() || !key.certificate_.empty() || key.blob_.empty() || !read || !*read || (*read)->key_blob != key.blob_) return;
    Key certified = key;
    certified.label_ = (*read)->label();
    certified.certificate_ = (*read)->blob;
    certified.unusable_ = (*read)->trouble(now);
    all.push_back(std::move(certified));
  };
  for (const std::string& path : host.certificates) {
    for (const Key& key : keys) add(key, path);
    const auto& read = certificate(path);
    if (read && *read) continue;
    Key none;
    none.label_ = path;
    none.unusable_ = read ? "no such file" : read.error().message;
    all.push_back(std::move(none));
  }
  for (Key& key : keys) {
    if (host.certificates.empty()) {
      for (const std::string& identity : host.identities) add(key, certificate_beside(identity));
    }
    all.push_back(std::move(key));
  }
  return all;
}

std::string KeyRing::agent_trouble(const std::string& socket) {
  const std::scoped_lock lock(loading_);
  const auto known = agents_.find(socket);
  return known == agents_.end() ? std::string() : known->second->trouble;
}

bool KeyRing::agent_has_any(const std::string& socket) {
  const std::scoped_lock lock(loading_);
  const auto known = agents_.find(socket);
  return known != agents_.end() && !known->second->identities.empty();
}

Result<std::string> KeyRing::public_blob(const Key& key, const Wait& wait) {
  // Told before a host is bothered with a key that can't sign in the end.
  const std::string why = !ask_ ? "no terminal to ask for its passphrase" : key.rules_.why_not_asked();
  if (key.agent_ == nullptr && key.file_->file->encrypted() && !why.empty()) {
    return std::unexpected(stays_locked(fmt::format("encrypted, and {} (load it: ssh-add {})", why, shell_word(key.file_->path))));
  }
  if (!key.certificate_.empty()) return key.certificate_;
  if (!key.blob_.empty()) return key.blob_;
  TRY_ASSIGN(const PrivateKey* opened, open(key, wait));
  return opened->public_blob();
}

bool KeyRing::signs_alone(const Key& key) {
  if (key.agent_ != nullptr) return !key_type(key.blob_).starts_with("sk-");
  const std::scoped_lock lock(answers_);
  return key.file_ != nullptr && key.file_->opened.has_value();
}

Result<std::string> KeyRing::sign(const Key& key, std::string_view data, std::string_view algorithm, const AgentBinding& binding,
                                  const Wait& wait) {
  if (key.agent_ != nullptr) return key.agent_->sign(key.blob_, data, algorithm, wait, binding);
  TRY_ASSIGN(const PrivateKey* opened, open(key, wait));
  return opened->sign(data, algorithm);
}

Result<const PrivateKey*> KeyRing::open(const Key& key, const Wait& wait) {
  Slot& slot = *key.file_;
  std::unique_lock lock(answers_);
  const auto settled = [&] { return slot.opened || !slot.given_up.empty(); };
  answered_.wait_for(lock, wait.stop, wait.deadline.left(), [&] { return !asking_ || settled(); });
  if (wait.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
  if (asking_ && !settled()) {
    return std::unexpected(
        Error(ErrorCode::timeout, fmt::format("the passphrase of '{}' was not given in time", slot.path)));
  }
  if (!settled()) {
    asking_ = true;
    lock.unlock();
    auto opened = ask_for_passphrase(slot, key.rules_.prompts);
    lock.lock();
    asking_ = false;
    if (opened) {
      slot.opened = *std::move(opened);
    } else {
      slot.given_up = opened.error().message;
    }
    answered_.notify_all();
  }
  if (!slot.opened) return std::unexpected(stays_locked(slot.given_up));
  return &*slot.opened;
}

Result<PrivateKey> KeyRing::ask_for_passphrase(const Slot& slot, int prompts) const {
  for (int i = 1; i <= prompts; ++i) {
    const Secret passphrase =
        ask_(fmt::format("{}passphrase of '{}'", i == 1 ? "" : "wrong passphrase; ", slot.path));
    if (passphrase.empty()) return std::unexpected(stays_locked("encrypted, and no passphrase was given"));
    auto opened = slot.file->open(passphrase.reveal());
    if (opened || opened.error().code != ErrorCode::auth) return opened;
  }
  return std::unexpected(
      stays_locked(fmt::format("encrypted, and the passphrase was wrong{}", prompts == 1 ? "" : fmt::format(" {} times", prompts))));
}

}  // namespace kirikae::ssh
