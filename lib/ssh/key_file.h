// KeyFile: a private key as it lies on disk: OpenSSH's own format, PEM or PKCS#8, perhaps encrypted; or a public key
// alone, which names a key of the agent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/secret.h"
#include "ssh/private_key.h"

namespace kirikae::ssh {

class KeyFile {
 public:
  // Where `path` is missing, `path`.pub will do: the agent may have the key. nullopt: neither is there. Error (local):
  // it can't be read, or it is no key; with the command that settles it.
  static Result<std::optional<KeyFile>> read(const std::string& path);

  [[nodiscard]] bool public_only() const { return bytes_.empty(); }
  [[nodiscard]] bool encrypted() const { return encrypted_; }
  // public_only(), and the private half is in a token: the file has a handle to it, which the agent has to be given (ssh-add).
  [[nodiscard]] bool hardware() const { return hardware_; }
  // Others than its owner can read the private key, which is not opened then; the agent may have it all the same.
  [[nodiscard]] const std::optional<Error>& exposed() const { return exposed_; }
  // Empty: only to be had by opening the file.
  [[nodiscard]] const std::string& public_blob() const { return blob_; }

  // Precondition: not public_only(), nor exposed(). Where the file is encrypted this takes a tenth of a second of processor time.
  // Errors: auth (wrong passphrase), local (broken, or a format that isn't known here; with the command that converts
  // it).
  [[nodiscard]] Result<PrivateKey> open(std::string_view passphrase) const;

 private:
  explicit KeyFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Result<PrivateKey> open_pem(std::string_view passphrase) const;

  std::string path_;
  Secret bytes_;      // the file
  Secret container_;  // OpenSSH's format, decoded; empty: PEM or PKCS#8
  std::string blob_;
  bool encrypted_ = false;
  bool hardware_ = false;
  std::optional<Error> exposed_;
};

}  // namespace kirikae::ssh
