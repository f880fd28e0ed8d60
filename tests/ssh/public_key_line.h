// The public half of a pair that ssh-keygen has made, as known_hosts files have it.
#pragma once

#include <stdexcept>
#include <string>

#include "core/digest.h"
#include "support/file_text.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {

struct PublicKeyLine {
  std::string line;  // "ssh-ed25519 AAAA…"
  std::string blob;
};

// Of key_pair(type, name).
inline PublicKeyLine public_key_line(const std::string& type, const std::string& name) {
  const std::string text = file_text(key_pair(type, name) + ".pub");
  const auto space = text.find(' ');
  PublicKeyLine key;
  key.line = text.substr(0, text.find(' ', space + 1));
  if (!from_base64(key.line.substr(space + 1), key.blob)) throw std::runtime_error("no base64 in the key '" + name + "'");
  return key;
}

}  // namespace kirikae::test
