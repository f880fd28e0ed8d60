#include "ssh/host_keys.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <mutex>
#include <new>

#include "core/shell_quote.h"
#include "ssh/host_certificate.h"
#include "ssh/known_hosts.h"
#include "ssh/known_hosts_file.h"
#include "ssh/libssh2_patches.h"
#include "ssh/local_file.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr int default_port = 22;
constexpr std::array certificate_algorithms{
    "ssh-ed25519-cert-v01@openssh.com",         "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",        "rsa-sha2-256-cert-v01@openssh.com"};

struct Entry {
  std::size_t file = 0;  // index
  KnownHostsLine line;
};

// HMAC-SHA1 by hand, with one context for all lines: OpenSSL's own takes four times as long, which is seconds for a
// megabyte of hashed lines and hundreds of hosts.
class NameHasher {
 public:
  NameHasher() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr) throw std::bad_alloc();
  }
  NameHasher(const NameHasher&) = delete;
  NameHasher& operator=(const NameHasher&) = delete;
  ~NameHasher() { EVP_MD_CTX_free(context_); }

  bool is_hash_of(const KnownHostsLine& line, std::string_view name) {
    std::array<unsigned char, 64> inner_pad{};
    std::array<unsigned char, 64> outer_pad{};
    inner_pad.fill(0x36);
    outer_pad.fill(0x5c);
    for (std::size_t i = 0; i < line.salt.size(); ++i) {
      inner_pad[i] ^= static_cast<unsigned char>(line.salt[i]);
      outer_pad[i] ^= static_cast<unsigned char>(line.salt[i]);
    }
    std::array<unsigned char, 20> digest{};
    hash(inner_pad, name.data(), name.size(), digest);
    hash(outer_pad, digest.data(), digest.size(), digest);
    return std::equal(digest.begin(), digest.end(), line.hash.begin(),
                      [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); });
  }

 private:
  void hash(const std::array<unsigned char, 64>& pad, const void* bytes, std::size_t size,
            std::array<unsigned char, 20>& digest) {
    static const EVP_MD* const sha1 =
        EVP_MD_fetch(nullptr, "SHA1", nullptr);  // fetched once: the lookup costs more than the hash
    if (EVP_DigestInit_ex2(context_, sha1, nullptr) != 1 || EVP_DigestUpdate(context_, pad.data(), pad.size()) != 1 ||
        EVP_DigestUpdate(context_, bytes, size) != 1 || EVP_DigestFinal_ex(context_, digest.data(), nullptr) != 1) {
      throw std::bad_alloc();
    }
  }

  EVP_MD_CTX* context_;
};

std::string shown(std::string_view blob) { return key_type(blob) + " " + fingerprint(blob); }
std::string shown(const std::string& host, int port) {
  return port == 22 ? fmt::format("'{}'", host) : fmt::format("'{}' (port {})", host, port);
}

template <class Items>
std::string joined(const Items& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

struct HostKeys::State {
  std::vector<std::string> files;  // as asked for
  std::vector<std::string> read;   // those that are there
  std::vector<Entry> entries;
  std::vector<std::string> warnings;
  std::string trust_command;

  // Indexes of the lines that speak of a host. Kept, since hashed lines make it the expensive part.
  std::vector<std::size_t> lines_of(const std::string& host, int port) const;
  mutable std::mutex mutex;
  mutable std::map<std::string, std::vector<std::size_t>> found;

  std::string place(const Entry& entry) const { return fmt::format("{}:{}", files[entry.file], entry.line.line); }
  // All that the lines of a host say about a key.
  struct Judged {
    Standing standing = Standing::unknown;
    std::vector<const Entry*> others{};  // keys on file that are not this one
    const Entry* deciding = nullptr;     // the line that revokes it, or the authority's
    std::string key{};                   // that was judged, plain
    CertificateTrouble trouble{};        // of the certificate around it
    std::string label{};                 // of that certificate; empty: there is none
  };
  Judged find(const std::string& host, int port, std::string_view shown, std::string_view signatures) const;
  Judged find_listed(const std::string& host, int port, std::string_view shown, std::string_view signatures) const;
  Judged find_plain(const std::string& host, int port, std::string_view key) const;
  // The line that has the authority of a certificate.
  const Entry* authority_line(const std::string& host, int port, std::string_view key, KnownHostsLine::Marker marker) const;
  Error refusal(const std::string& host, int port, const Judged& judged) const;
  [[nodiscard]] bool keeps_none() const;
  std::string adding(const std::string& host, int port, std::string_view key) const;
  std::string removing(const std::string& host, int port, std::string_view key, const std::vector<const Entry*>& old) const;
  std::string passed_over() const;
  Error unknown(const std::string& host, int port, const Judged& judged) const;
  Error uncertified(const std::string& host, int port, const Judged& judged) const;
  Error revoked(const std::string& host, int port, const Judged& judged) const;
  Error changed(const std::string& host, int port, const Judged& judged) const;
};

std::vector<std::size_t> HostKeys::State::lines_of(const std::string& host, int port) const {
  const std::string name = listed_name(host, port);
  {
    const std::scoped_lock lock(mutex);
    if (const auto known = found.find(name); known != found.end()) return known->second;
  }
  NameHasher hasher;
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const KnownHostsLine& line = entries[i].line;
    if (line.hash.empty() ? matches_patterns(line.patterns, name) : hasher.is_hash_of(line, name)) indexes.push_back(i);
  }
  const std::scoped_lock lock(mutex);
  return found.emplace(name, std::move(indexes)).first->second;
}

HostKeys HostKeys::load(const std::vector<std::string>& files, std::string trust_command) {
  auto state = std::make_shared<State>();
  state->files = files;
  state->trust_command = std::move(trust_command);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i] == "/dev/null") {  // an empty one, as many write it
      state->read.push_back(files[i]);
      continue;
    }
    const auto file = read_local_file(files[i], known_hosts_limit);
    if (!file) {
      state->warnings.push_back(file.error().message);
      continue;
    }
    if (!*file) continue;
    state->read.push_back(files[i]);
    KnownHosts parsed = parse_known_hosts((*file)->bytes);
    for (auto& line : parsed.lines) state->entries.push_back({i, std::move(line)});
    for (const auto& bad : parsed.bad_lines)
      state->warnings.push_back(fmt::format("{}:{}: {}", files[i], bad.line, bad.why));
  }
  return HostKeys(std::move(state));
}

const std::vector<std::string>& HostKeys::warnings() const { return state_->warnings; }

std::vector<std::string> HostKeys::key_types(const std::string& host, int port) const {
  std::vector<std::string> types;
  const auto add = [&](std::string type) {
    if (std::ranges::find(types, type) == types.end()) types.push_back(std::move(type));
  };
  auto lines = state_->lines_of(host, port);
  if (lines.empty() && port != default_port) lines = state_->lines_of(host, default_port);
  const bool vouched = std::ranges::any_of(
      lines, [&](std::size_t index) { return state_->entries[index].line.marker == KnownHostsLine::Marker::cert_authority; });
  if (vouched && libssh2_is_patched) types.assign(certificate_algorithms.begin(), certificate_algorithms.end());
  for (const std::size_t index : lines) {
    const KnownHostsLine& line = state_->entries[index].line;
    const bool revoked = std::ranges::any_of(lines, [&](std::size_t other) {
      const KnownHostsLine& it = state_->entries[other].line;
      return it.marker == KnownHostsLine::Marker::revoked && it.key == line.key;
    });
    if (line.marker != KnownHostsLine::Marker::none || revoked) continue;
    if (std::string type = key_type(line.key); type == "ssh-rsa") {
      add("rsa-sha2-512");
      add("rsa-sha2-256");
    } else {
      add(std::move(type));
    }
  }
  return types;
}

HostKeys::State::Judged HostKeys::State::find_plain(const std::string& host, int port, std::string_view key) const {
  Judged judged;
  judged.key = key;
  bool known = false;
  for (const std::size_t index : lines_of(host, port)) {
    const Entry& entry = entries[index];
    const bool same = entry.line.key == key;
    switch (entry.line.marker) {
      case KnownHostsLine::Marker::revoked:
        if (plain_key(entry.line.key) == key) return {.standing = Standing::revoked, .deciding = &entry, .key = std::string(key)};
        break;
      case KnownHostsLine::Marker::cert_authority:
        if (judged.deciding == nullptr) judged.deciding = &entry;
        break;
      case KnownHostsLine::Marker::none:
        if (same) known = true;
        if (!same) judged.others.push_back(&entry);
        break;
    }
  }
  judged.standing = known                        ? Standing::known
                    : !judged.others.empty()     ? Standing::changed
                    : judged.deciding != nullptr ? Standing::vouched
                                                 : Standing::unknown;
  return judged;
}

const Entry* HostKeys::State::authority_line(const std::string& host, int port, std::string_view key, KnownHostsLine::Marker marker) const {
  for (const std::size_t index : lines_of(host, port)) {
    const Entry& entry = entries[index];
    if (entry.line.marker == marker && entry.line.key == key) return &entry;
  }
  return nullptr;
}

// As OpenSSH: where nothing is known of a port, what is known of the host's own port lets it in. A revoked key is one at any port.
HostKeys::State::Judged HostKeys::State::find(const std::string& host, int port, std::string_view shown, std::string_view signatures) const {
  Judged judged = find_listed(host, port, shown, signatures);
  if (port == default_port || (judged.standing != Standing::unknown && judged.standing != Standing::vouched)) return judged;
  Judged usual = find_listed(host, default_port, shown, signatures);
  return usual.standing == Standing::known || usual.standing == Standing::revoked ? usual : judged;
}

// As OpenSSH: one that is no proof at all is refused; one that says nothing about this host leaves the key inside, to be judged as if it had
// been shown alone.
HostKeys::State::Judged HostKeys::State::find_listed(const std::string& host, int port, std::string_view shown,
                                                     std::string_view signatures) const {
  if (!is_certificate(shown)) return find_plain(host, port, shown);
  const auto certificate = HostCertificate::read(shown);
  if (!certificate) return {.standing = Standing::forged, .key = std::string(shown), .trouble = certificate.error()};
  Judged judged = find_plain(host, port, certificate->key());
  judged.label = certificate->label();
  if (judged.standing == Standing::revoked) return judged;
  const std::string& authority = certificate->authority();
  if (const Entry* by = authority_line(host, port, authority, KnownHostsLine::Marker::revoked); by != nullptr) {
    judged.standing = Standing::revoked;
    judged.deciding = by;
    judged.trouble = {"is of an authority that is revoked", "have another authority sign the host's key, and trust that one (@cert-authority in known_hosts)"};
    return judged;
  }
  const Entry* trusted = authority_line(host, port, authority, KnownHostsLine::Marker::cert_authority);
  if (trusted == nullptr) {
    judged.trouble = {"is of an authority that is not trusted for it",
                      fmt::format("compare that fingerprint with the authority's own (ssh-keygen -lf CA.pub); if they are the same, add "
                                  "'@cert-authority {} ' and the line of CA.pub to {}",
                                  listed_name(host, port), files.empty() ? "known_hosts" : files.front())};
    return judged;
  }
  judged.trouble = certificate->trouble(host, static_cast<std::uint64_t>(std::max<std::time_t>(std::time(nullptr), 0)), signatures);
  judged.deciding = trusted;
  if (!judged.trouble.any()) judged.standing = Standing::known;
  return judged;
}

Judgement HostKeys::judge(const std::string& host, int port, std::string_view key_blob, std::string_view signatures) const {
  const auto judged = state_->find(host, port, key_blob, signatures);
  Judgement judgement{judged.standing, {}, judged.trouble.text};
  if (judged.standing != Standing::changed) return judgement;
  for (const Entry* entry : judged.others) {
    judgement.others.push_back({state_->files[entry->file], entry->line.line, entry->line.key, names_one_host(entry->line)});
  }
  return judgement;
}

Result<void> HostKeys::verify(const std::string& host, int port, std::string_view key_blob, std::string_view signatures) const {
  const auto judged = state_->find(host, port, key_blob, signatures);
  if (judged.standing == Standing::known) return {};
  return std::unexpected(state_->refusal(host, port, judged));
}

Error HostKeys::State::refusal(const std::string& host, int port, const Judged& judged) const {
  switch (judged.standing) {
    case Standing::revoked:
      return revoked(host, port, judged);
    case Standing::changed:
      return changed(host, port, judged);
    case Standing::forged:
      return {ErrorCode::host_key, fmt::format("host certificate of {} {}", shown(host, port), judged.trouble.text), judged.trouble.hint};
    case Standing::known:
    case Standing::unknown:
    case Standing::vouched:
      break;
  }
  return judged.trouble.any() ? uncertified(host, port, judged) : unknown(host, port, judged);
}

Error HostKeys::State::revoked(const std::string& host, int port, const Judged& judged) const {
  const std::string by = place(*judged.deciding);
  if (judged.trouble.any()) {
    return {ErrorCode::host_key, fmt::format("host certificate of {} {}: {} ({})", shown(host, port), judged.trouble.text, judged.label, by),
            judged.trouble.hint};
  }
  return {ErrorCode::host_key, fmt::format("host key of {} is revoked: {} ({})", shown(host, port), shown(judged.key), by),
          "the host needs a new key; until it has one, anybody who holds the revoked key can pretend to be this host"};
}

// There is no file, or the first takes no key (UserKnownHostsFile /dev/null, say).
bool HostKeys::State::keeps_none() const { return files.empty() || !KnownHostsFile::may_open(files.front()); }

// What to run once the fingerprint has been compared.
std::string HostKeys::State::adding(const std::string& host, int port, std::string_view key) const {
  if (!trust_command.empty()) return trust_command;
  return fmt::format("ssh-keyscan{} -t {} {} >> {}", port == 22 ? "" : fmt::format(" -p {}", port), short_key_type(key),
                     shell_word(host), shell_word(files.empty() ? "known_hosts" : files.front()));
}

// ssh-keygen -R takes away the lines that match a name: with a wildcard in them, those of other hosts too. `deploy trust` leaves every
// line that names others.
std::string HostKeys::State::removing(const std::string& host, int port, std::string_view key,
                                      const std::vector<const Entry*>& old) const {
  std::vector<std::string> by_hand;
  std::vector<std::string> commands;
  for (const Entry* entry : old) {
    const bool others = trust_command.empty() ? entry->line.patterns.find_first_of("*?!") != std::string::npos
                                              : !names_one_host(entry->line);
    if (others) {
      by_hand.push_back(place(*entry));
      continue;
    }
    if (!trust_command.empty()) continue;
    std::string command =
        fmt::format("ssh-keygen -R {} -f {}", shell_word(listed_name(host, port)), shell_word(files[entry->file]));
    if (std::ranges::find(commands, command) == commands.end()) commands.push_back(std::move(command));
  }
  std::string text;
  if (!by_hand.empty())
    text += fmt::format("take {} out with an editor ({} other hosts too), then ", joined(by_hand),
                        trust_command.empty() ? "its pattern covers" : "it speaks of");
  text += "run: ";
  for (const std::string& command : commands) text += command + " && ";
  return text + adding(host, port, key) + (!trust_command.empty() && by_hand.size() < old.size() ? " --replace" : "");
}

std::string HostKeys::State::passed_over() const {
  if (warnings.empty()) return {};
  return fmt::format("; passed over: {}{}", warnings.front(), warnings.size() > 1 ? fmt::format(" (and {} more)", warnings.size() - 1) : "");
}

Error HostKeys::State::unknown(const std::string& host, int port, const Judged& judged) const {
  std::string text = fmt::format("host key of {} is not known: {}", shown(host, port), shown(judged.key));
  if (judged.deciding != nullptr) {
    text += fmt::format("; {} trusts a certificate authority for this host, but {}", place(*judged.deciding),
                        libssh2_is_patched ? "it shows no certificate" : "host certificates can't be checked here");
  } else {
    text += files.empty()  ? " (no known_hosts file is named)"
            : read.empty() ? fmt::format(" (none of these files is there: {})", joined(files))
                           : fmt::format(" (read: {})", joined(read));
  }
  const auto elsewhere = std::ranges::find_if(entries, [&](const Entry& entry) {
    return entry.line.marker == KnownHostsLine::Marker::none && entry.line.key == judged.key;
  });
  if (elsewhere != entries.end()) {
    text += fmt::format("; {} has this key under {}", place(*elsewhere),
                        elsewhere->line.hash.empty() ? '\'' + elsewhere->line.patterns + '\'' : "another name");
  }
  return Error(
      ErrorCode::host_key, text + passed_over(),
      fmt::format(
          "compare the fingerprint with the one that `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` prints on the "
          "host; if they are the same, {}run: {}",
          short_key_type(judged.key),
          keeps_none() ? "name a file for it under 'ssh' in the recipe (known_hosts_file: PATH), then " : "",
          adding(host, port, judged.key)));
}

Error HostKeys::State::uncertified(const std::string& host, int port, const Judged& judged) const {
  const std::string trusted =
      judged.deciding == nullptr ? std::string() : fmt::format("; {} trusts {}", place(*judged.deciding), shown(judged.deciding->line.key));
  return {ErrorCode::host_key,
          fmt::format("host certificate of {} {}: {}{}; nor is its key known: {}{}", shown(host, port), judged.trouble.text, judged.label,
                      trusted, shown(judged.key), passed_over()),
          judged.trouble.hint};
}

Error HostKeys::State::changed(const std::string& host, int port, const Judged& judged) const {
  std::vector<std::string> known;
  for (const Entry* entry : judged.others) known.push_back(fmt::format("{} ({})", shown(entry->line.key), place(*entry)));
  return Error(
      ErrorCode::host_key,
      fmt::format("HOST KEY OF {} HAS CHANGED: it shows {}, but known is {}; {}", shown(host, port), shown(judged.key), joined(known),
                  judged.trouble.any() ? fmt::format("its certificate {} ({})", judged.trouble.text, judged.label)
                                       : "somebody may be listening in, or the host was installed anew"),
      fmt::format("ask whoever runs the host; only if the new fingerprint is its own, {}", removing(host, port, judged.key, judged.others)));
}

}  // namespace kirikae::ssh
