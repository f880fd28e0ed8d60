// bcrypt-pbkdf: how OpenSSH turns a passphrase into the key that protects a private key file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/secret.h"

namespace kirikae::ssh {

// `size` bytes of key. OpenSSH's usual 16 rounds take about a tenth of a second of processor time:
// do it once. Preconditions: passphrase and salt are not empty, 0 < size <= 1024, rounds > 0.
Secret bcrypt_kdf(std::string_view passphrase, std::string_view salt, std::uint32_t rounds, std::size_t size);

}  // namespace kirikae::ssh
