#include "ssh/key_ring.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/secret.h"
#include "core/shell_quote.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr int passphrase_tries = 3;

Error stays_locked(std::string why) { return Error(ErrorCode::auth, std::move(why)); }

}  // namespace

Result<std::vector<KeyRing::Key*>> KeyRing::keys(const Wait& wait) {
  // Held while the agent is asked: two seconds at most, and none for a thread that has been told to stop.
  const std::scoped_lock lock(loading_);
  if (!loaded_) {
    keys_.clear();
    TRY(settings_.identities_given ? load_given(wait) : load_usual(wait));
    loaded_ = true;
  }
  std::vector<Key*> pointers;
  for (const auto& key : keys_) pointers.push_back(key.get());
  return pointers;
}

std::string KeyRing::agent_trouble() {
  const std::scoped_lock lock(loading_);
  return agent_trouble_;
}

Result<void> KeyRing::load_given(const Wait& wait) {
  bool agent_may_help = false;
  for (const std::string& path : settings_.identities) {
    TRY_ASSIGN(auto file, KeyFile::read(path));
    if (!file)
      return std::unexpected(Error(ErrorCode::local, fmt::format("the private key '{}' does not exist", path)));
    auto key = std::make_unique<Key>();
    key->label_ = path;
    key->blob_ = file->public_blob();
    if (file->encrypted() || file->public_only()) {
      agent_may_help = true;
    } else {
      TRY_ASSIGN(key->opened_, file->open({}));
    }
    key->file_ = std::move(file);
    keys_.push_back(std::move(key));
  }
  if (agent_may_help) TRY(list_agent(wait));
  for (const auto& key : keys_) {
    key->in_agent_ = agent_has(key->blob_);
    if (key->file_->public_only() && !key->in_agent_) {
      key->unusable_ = "only the public key is here, and no ssh-agent has the private one";
    }
  }
  return {};
}

Result<void> KeyRing::load_usual(const Wait& wait) {
  TRY(list_agent(wait));
  for (const Agent::Identity& identity : in_agent_) {
    auto key = std::make_unique<Key>();
    key->label_ =
        fmt::format("agent: {} {} '{}'", short_key_type(identity.blob), fingerprint(identity.blob), identity.comment);
    key->blob_ = identity.blob;
    key->in_agent_ = true;
    keys_.push_back(std::move(key));
  }
  for (const std::string& path : settings_.identities) {
    auto key = std::make_unique<Key>();
    key->label_ = path;
    const auto fail = [&](const Error& error) {
      key->unusable_ = error.hint.empty() ? error.message : fmt::format("{} ({})", error.message, error.hint);
    };
    if (auto file = KeyFile::read(path); !file) {
      fail(file.error());
    } else if (!*file || (*file)->public_only() || agent_has((*file)->public_blob())) {
      continue;
    } else {
      key->file_ = *std::move(file);
      key->blob_ = key->file_->public_blob();
      if (!key->file_->encrypted()) {
        if (auto opened = key->file_->open({}); opened) {
          key->opened_ = *std::move(opened);
        } else {
          fail(opened.error());
        }
      }
    }
    keys_.push_back(std::move(key));
  }
  return {};
}

Result<void> KeyRing::list_agent(const Wait& wait) {
  if (settings_.agent_socket.empty()) return {};
  auto listed = agent_.list(wait);
  if (listed) {
    in_agent_ = *std::move(listed);
  } else if (listed.error().code == ErrorCode::cancelled) {
    return std::unexpected(std::move(listed).error());
  } else {
    agent_trouble_ = listed.error().message;
  }
  return {};
}

bool KeyRing::agent_has(std::string_view blob) const {
  return std::ranges::any_of(in_agent_, [&](const Agent::Identity& identity) { return identity.blob == blob; });
}

Result<std::string> KeyRing::public_blob(Key& key, const Wait& wait) {
  // Told before a host is bothered with a key that can't sign in the end.
  if (!key.in_agent_ && key.file_->encrypted() && !settings_.ask) {
    return std::unexpected(stays_locked(fmt::format(
        "encrypted, and no terminal to ask for its passphrase (load it: ssh-add {})", shell_word(key.label_))));
  }
  if (!key.blob_.empty()) return key.blob_;
  TRY_ASSIGN(const PrivateKey* opened, open(key, wait));
  return opened->public_blob();
}

Result<std::string> KeyRing::sign(Key& key, std::string_view data, std::string_view algorithm, const Wait& wait) {
  if (key.in_agent_) return agent_.sign(key.blob_, data, algorithm, wait);
  TRY_ASSIGN(const PrivateKey* opened, open(key, wait));
  return opened->sign(data, algorithm);
}

Result<const PrivateKey*> KeyRing::open(Key& key, const Wait& wait) {
  std::unique_lock lock(answers_);
  const auto settled = [&] { return key.opened_ || !key.given_up_.empty(); };
  answered_.wait_for(lock, wait.stop, wait.deadline.left(), [&] { return !asking_ || settled(); });
  if (wait.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
  if (asking_ && !settled()) {
    return std::unexpected(
        Error(ErrorCode::timeout, fmt::format("the passphrase of '{}' was not given in time", key.label_)));
  }
  if (!settled()) {
    asking_ = true;
    lock.unlock();
    auto opened = ask_for_passphrase(key);
    lock.lock();
    asking_ = false;
    if (opened) {
      key.opened_ = *std::move(opened);
    } else {
      key.given_up_ = opened.error().message;
    }
    answered_.notify_all();
  }
  if (!key.opened_) return std::unexpected(stays_locked(key.given_up_));
  return &*key.opened_;
}

Result<PrivateKey> KeyRing::ask_for_passphrase(const Key& key) const {
  for (int i = 1; i <= passphrase_tries; ++i) {
    const Secret passphrase =
        settings_.ask(fmt::format("{}passphrase of '{}'", i == 1 ? "" : "wrong passphrase; ", key.label_));
    if (passphrase.empty()) return std::unexpected(stays_locked("encrypted, and no passphrase was given"));
    auto opened = key.file_->open(passphrase.reveal());
    if (opened || opened.error().code != ErrorCode::auth) return opened;
  }
  return std::unexpected(
      stays_locked(fmt::format("encrypted, and the passphrase was wrong {} times", passphrase_tries)));
}

}  // namespace kirikae::ssh
