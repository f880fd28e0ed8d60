// Authorities, and the certificates of hosts that they sign: by ssh-keygen, and by hand, for what ssh-keygen doesn't make.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "ssh/wire.h"
#include "support/process.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

namespace kirikae::test {

inline void must_run(const std::vector<std::string>& argv) {
  if (const auto done = run_program(argv); done.status != 0) throw std::runtime_error(argv.front() + ": " + done.output);
}

// A pair of a kind as ssh-keygen names it, with the size behind it: "ed25519", "ecdsa 384", "rsa 2048"; the private half's path.
inline std::string make_pair(const TempDir& folder, const std::string& kind, const std::string& name) {
  const auto space = kind.find(' ');
  std::vector<std::string> argv{"ssh-keygen", "-q", "-N", "", "-C", name, "-f", folder / name, "-t", kind.substr(0, space)};
  if (space != std::string::npos) argv.insert(argv.end(), {"-b", kind.substr(space + 1)});
  must_run(argv);
  return folder / name;
}

// "ssh-ed25519 AAAA…", of a key's or certificate's file.
inline std::string public_half(const std::string& file) {
  std::ifstream in(file);
  std::string kind, encoded;
  if (!(in >> kind >> encoded)) throw std::runtime_error("no key in " + file);
  return kind + ' ' + encoded;
}

inline std::string blob_of(const std::string& file) {
  const std::string line = public_half(file);
  std::string blob;
  if (!from_base64(line.substr(line.find(' ') + 1), blob)) throw std::runtime_error("no base64 in " + file);
  return blob;
}

// The certificate's file, beside the key, whose private half's path is `key`. `options`: of ssh-keygen -s.
inline std::string certify(const std::string& key, const std::string& authority, const std::vector<std::string>& options) {
  std::vector<std::string> argv{"ssh-keygen", "-q", "-s", authority, "-I", "the id"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(key + ".pub");
  must_run(argv);
  return key + "-cert.pub";
}

// By hand. What is left as it is makes a good one of an ed25519 key, for web1.
struct Claims {
  std::string type = "ssh-ed25519-cert-v01@openssh.com";
  std::string key = std::string(32, 'k');  // behind the type, as one field
  std::uint32_t purpose = 2;
  std::string id = "the id";
  std::vector<std::string> principals{"web1"};
  std::string behind_principals{};
  std::uint64_t from = 0;
  std::uint64_t to = std::numeric_limits<std::uint64_t>::max();
  std::string critical{};
  std::string extensions{};
  std::string authority{};  // blob
  // Of what is signed; gives algorithm and bytes.
  std::function<std::string(std::string_view)> sign{};
};

inline std::string blob_of(const Claims& claims) {
  using namespace ssh;
  const auto append_long = [](std::string& bytes, std::uint64_t value) {
    append_number(bytes, static_cast<std::uint32_t>(value >> 32U));
    append_number(bytes, static_cast<std::uint32_t>(value));
  };
  std::string blob, names;
  append_string(blob, claims.type);
  append_string(blob, std::string(32, 'n'));
  append_string(blob, claims.key);
  append_long(blob, 7);
  append_number(blob, claims.purpose);
  append_string(blob, claims.id);
  for (const auto& name : claims.principals) append_string(names, name);
  append_string(blob, names + claims.behind_principals);
  append_long(blob, claims.from);
  append_long(blob, claims.to);
  append_string(blob, claims.critical);
  append_string(blob, claims.extensions);
  append_string(blob, "");
  append_string(blob, claims.authority);
  append_string(blob, claims.sign(blob));
  return blob;
}

}  // namespace kirikae::test
