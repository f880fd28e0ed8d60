#include <algorithm>

#include "fuzz/driver.h"
#include "ssh/known_hosts.h"
#include "ssh/wire.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  const std::string key = "AAAAC3NzaC1lZDI1NTE5AAAAIHPbmXQRRaFsTTnVDbDb9PVWbFHIwTyxR8fxa91nOKjh";
  return {
      "web1.example.com,10.0.0.1 ssh-ed25519 " + key + " a comment\n",
      "[web1.example.com]:2222 ssh-ed25519 " + key + "\n# comment\n\n",
      "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 " + key + "\n",
      "@revoked * ssh-ed25519 " + key + "\r\n@cert-authority *.example.com,!bad.example.com ssh-ed25519 " + key + "\n",
      "web?.example.com ecdsa-sha2-nistp256 " + key + "\n",
  };
}

void try_input(std::string_view input) {
  const auto file = ssh::parse_known_hosts(input);
  const auto lines = 1 + std::ranges::count(input, '\n');
  for (const auto& line : file.lines) {
    must(line.line >= 1 && line.line <= lines, "a line that was read is in the file");
    must(!ssh::key_type(line.key).empty(), "a line that was read has a key");
    must(line.patterns.empty() != line.hash.empty(), "a name is plain or hashed");
    must(line.salt.size() == line.hash.size(), "a hashed name has a salt");
    ssh::matches_patterns(line.patterns, "web1.example.com");
    ssh::matches_patterns("web*.exam?le.com,!*", line.patterns);
  }
  for (const auto& bad : file.bad_lines)
    must(bad.line >= 1 && bad.line <= lines && !bad.why.empty(), "a bad line is named");
}

}  // namespace kirikae::fuzz
