#include "ssh/kexinit.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "ssh/libssh2_patches.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr unsigned char ssh_msg_ignore = 2;
constexpr unsigned char ssh_msg_unimplemented = 3;
constexpr unsigned char ssh_msg_debug = 4;
constexpr unsigned char ssh_msg_kexinit = 20;
constexpr unsigned char ssh_msg_newkeys = 21;
constexpr unsigned char ssh_msg_kex_reply = 31;
constexpr unsigned char ssh_msg_kex_gex_reply = 33;

std::vector<std::string_view> names_in(std::string_view list) {
  std::vector<std::string_view> names;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    names.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

bool is_certificate_type(std::string_view name) { return name.ends_with("-cert-v01@openssh.com"); }

bool share_any(std::string_view a, std::string_view b) {
  const auto theirs = names_in(b);
  return std::ranges::any_of(names_in(a), [&](auto name) { return std::ranges::find(theirs, name) != theirs.end(); });
}

bool brings_own_mac(std::string_view cipher) {
  return cipher.find("-gcm@") != std::string_view::npos || cipher.find("-poly1305@") != std::string_view::npos;
}

}  // namespace

// Ciphers and MACs by what a gigabyte costs this program. A libssh2 of the system hands them to the crypto library in pieces of 16 bytes, so
// that AES-GCM, the fastest otherwise, comes last.
Algorithms offered_algorithms(const std::vector<std::string>& host_key_types) {
  Algorithms offer;
  offer.kex =
      "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
      "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
      "diffie-hellman-group-exchange-sha256";
  constexpr std::string_view gcm = "aes128-gcm@openssh.com,aes256-gcm@openssh.com";
  constexpr std::string_view others = "chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr,aes192-ctr";
  offer.cipher = fmt::format("{},{}", libssh2_is_patched ? gcm : others, libssh2_is_patched ? others : gcm);
  offer.mac = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512-etm@openssh.com,hmac-sha2-512";
  std::vector<std::string> names = host_key_types;
  for (const char* name : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                           "rsa-sha2-512", "rsa-sha2-256"}) {
    if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  }
  offer.host_key = fmt::format("{}", fmt::join(names, ","));
  return offer;
}

std::string kex_that_begins_alike(std::string_view kex) {
  std::vector<std::string_view> alike;
  for (const auto name : names_in(kex)) {
    if (name != "curve25519-sha256" && name != "curve25519-sha256@libssh.org") break;
    alike.push_back(name);
  }
  return fmt::format("{}", fmt::join(alike, ","));
}

Result<Algorithms> restricted(Algorithms offer, const HostSettings& host) {
  struct Kind {
    std::string_view directive;
    const std::string& allowed;
    std::string& ours;
  };
  for (const Kind& kind : {Kind{"KexAlgorithms", host.kex, offer.kex}, {"HostKeyAlgorithms", host.host_key_algorithms, offer.host_key},
                           {"Ciphers", host.ciphers, offer.cipher}, {"MACs", host.macs, offer.mac}}) {
    if (kind.allowed.empty()) continue;
    const auto allowed = names_in(kind.allowed);
    std::vector<std::string_view> left;
    std::ranges::copy_if(names_in(kind.ours), std::back_inserter(left),
                         [&](auto name) { return std::ranges::find(allowed, name) != allowed.end(); });
    const bool only_certificates = kind.directive == "HostKeyAlgorithms" && std::ranges::any_of(allowed, is_certificate_type);
    if (left.empty() && libssh2_is_patched && only_certificates) {
      return std::unexpected(Error(ErrorCode::connect,
                                   fmt::format("ssh_config allows host certificates alone (HostKeyAlgorithms '{}'), and no known_hosts file names an "
                                               "authority for this host",
                                               kind.allowed),
                                   fmt::format("add its @cert-authority line to known_hosts, or allow one of '{}'", kind.ours)));
    }
    if (left.empty()) {
      return std::unexpected(Error(ErrorCode::connect,
                                   fmt::format("ssh_config allows '{}' ({}), and this program has none of them", kind.allowed, kind.directive),
                                   fmt::format("add one of '{}'", kind.ours)));
    }
    kind.ours = fmt::format("{}", fmt::join(left, ","));
  }
  return offer;
}

void KexinitSniffer::feed(std::string_view bytes) {
  if (over_) return;
  bytes_ += bytes;
  if (banner_.empty()) parse_greeting();
  while (!banner_.empty() && !over_ && parse_packet()) {
  }
  over_ = over_ || bytes_.size() > max_bytes;
  if (!over_) return;
  bytes_.clear();
  bytes_.shrink_to_fit();
}

void KexinitSniffer::parse_greeting() {
  // Other lines may come before the greeting.
  auto start = bytes_.starts_with("SSH-") ? 0 : bytes_.find("\nSSH-");
  before_ = bytes_.substr(0, start);
  if (start == std::string::npos) return;
  if (bytes_[start] == '\n') ++start;
  const auto newline = bytes_.find('\n', start);
  if (newline == std::string::npos) return;
  banner_ = bytes_.substr(start, newline - start);
  if (banner_.ends_with('\r')) banner_.pop_back();
  bytes_.erase(0, newline + 1);
}

// uint32 length, byte padding, the payload, the padding. False: there is no whole one.
bool KexinitSniffer::parse_packet() {
  WireReader packet(bytes_);
  const auto length = packet.number();
  if (!length || packet.rest().size() < *length) return false;
  WireReader content(packet.rest().substr(0, *length));
  const std::size_t padding = content.byte().value_or(0);
  over_ = content.rest().size() <= padding;
  if (!over_) take(content.rest().substr(0, content.rest().size() - padding));
  bytes_.erase(0, 4 + *length);
  return true;
}

void KexinitSniffer::take(std::string_view payload) {
  WireReader fields(payload);
  const auto type = fields.byte();
  if (type == ssh_msg_ignore || type == ssh_msg_unimplemented || type == ssh_msg_debug) return;
  if (!complete_) {
    // byte type, 16 random bytes, the lists.
    complete_ = true;
    over_ = type != ssh_msg_kexinit || fields.rest().size() < 16;
    if (over_) return;
    WireReader lists(fields.rest().substr(16));
    for (auto& list : lists_) list = lists.string().value_or("");
  } else if (type == ssh_msg_newkeys) {
    over_ = true;
  } else if (type == ssh_msg_kex_reply || type == ssh_msg_kex_gex_reply) {
    // string host key, string or mpint, string signature. The parameters of a group exchange have the first number, too, and are fewer.
    const auto key = fields.string();
    const auto half = fields.string();
    const auto signature = fields.string();
    if (!key || !half || !signature) return;
    signature_ = *signature;
    over_ = true;
  }
}

std::string KexinitSniffer::missing(const Algorithms& ours) const {
  if (!complete_ || lists_[0].empty()) return {};
  struct Kind {
    const char* name;
    const std::string& offered;
    std::size_t list;
  };
  const Kind kinds[] = {{"key exchange", ours.kex, 0}, {"host key", ours.host_key, 1}, {"cipher", ours.cipher, 2},
                        {"cipher", ours.cipher, 3},    {"MAC", ours.mac, 4},           {"MAC", ours.mac, 5}};
  for (const auto& [name, offered, list] : kinds) {
    if (share_any(offered, lists_[list])) continue;
    if (list >= 4) {  // not negotiated where the cipher brings its own
      const auto theirs = names_in(lists_[list - 2]);
      const auto mine = names_in(ours.cipher);
      const auto chosen =
          std::ranges::find_if(mine, [&](auto c) { return std::ranges::find(theirs, c) != theirs.end(); });
      if (chosen != mine.end() && brings_own_mac(*chosen)) continue;
    }
    return fmt::format("{}: it offers '{}', this program '{}'", name, lists_[list], offered);
  }
  return {};
}

}  // namespace kirikae::ssh
