#include "ssh/host_keys.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <new>

#include "core/shell_quote.h"
#include "ssh/known_hosts.h"
#include "ssh/local_file.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t file_limit = 64U << 20U;

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
  };
  Judged find(const std::string& host, int port, std::string_view key) const;
  std::string adding(const std::string& host, int port, std::string_view key) const;
  std::string removing(const std::string& host, int port, std::string_view key, const std::vector<const Entry*>& old) const;
  Error unknown(const std::string& host, int port, std::string_view key, const Entry* authority) const;
  Error revoked(const std::string& host, int port, std::string_view key, const Entry& by) const;
  Error changed(const std::string& host, int port, std::string_view key, const std::vector<const Entry*>& old) const;
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
    const auto file = read_local_file(files[i], file_limit);
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
  for (const std::size_t index : state_->lines_of(host, port)) {
    const KnownHostsLine& line = state_->entries[index].line;
    if (line.marker != KnownHostsLine::Marker::none) continue;
    if (std::string type = key_type(line.key); type == "ssh-rsa") {
      add("rsa-sha2-512");
      add("rsa-sha2-256");
    } else {
      add(std::move(type));
    }
  }
  return types;
}

HostKeys::State::Judged HostKeys::State::find(const std::string& host, int port, std::string_view key) const {
  Judged judged;
  bool known = false;
  for (const std::size_t index : lines_of(host, port)) {
    const Entry& entry = entries[index];
    const bool same = entry.line.key == key;
    switch (entry.line.marker) {
      case KnownHostsLine::Marker::revoked:
        if (same) return {Standing::revoked, {}, &entry};
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

Judgement HostKeys::judge(const std::string& host, int port, std::string_view key_blob) const {
  const auto judged = state_->find(host, port, key_blob);
  Judgement judgement{judged.standing};
  if (judged.standing != Standing::changed) return judgement;
  for (const Entry* entry : judged.others) {
    judgement.others.push_back({state_->files[entry->file], entry->line.line, entry->line.key, names_one_host(entry->line)});
  }
  return judgement;
}

Result<void> HostKeys::verify(const std::string& host, int port, std::string_view key_blob) const {
  const auto judged = state_->find(host, port, key_blob);
  switch (judged.standing) {
    case Standing::known:
      return {};
    case Standing::revoked:
      return std::unexpected(state_->revoked(host, port, key_blob, *judged.deciding));
    case Standing::changed:
      return std::unexpected(state_->changed(host, port, key_blob, judged.others));
    case Standing::unknown:
    case Standing::vouched:
      break;
  }
  return std::unexpected(state_->unknown(host, port, key_blob, judged.deciding));
}

Error HostKeys::State::revoked(const std::string& host, int port, std::string_view key, const Entry& by) const {
  return {ErrorCode::host_key, fmt::format("host key of {} is revoked: {} ({})", shown(host, port), shown(key), place(by)),
          "the host needs a new key; until it has one, anybody who holds the revoked key can pretend to be this host"};
}

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

Error HostKeys::State::unknown(const std::string& host, int port, std::string_view key, const Entry* authority) const {
  std::string text = fmt::format("host key of {} is not known: {}", shown(host, port), shown(key));
  if (authority != nullptr) {
    text +=
        fmt::format("; {} trusts a certificate authority for this host, but host certificates can't be checked here",
                    place(*authority));
  } else {
    text += read.empty() ? fmt::format(" (none of these files is there: {})", joined(files))
                         : fmt::format(" (read: {})", joined(read));
  }
  if (!warnings.empty()) {
    text += fmt::format("; passed over: {}", warnings.front());
    if (warnings.size() > 1) text += fmt::format(" (and {} more)", warnings.size() - 1);
  }
  return Error(
      ErrorCode::host_key, std::move(text),
      fmt::format(
          "compare the fingerprint with the one that `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` prints on the "
          "host; if they are the same, run: {}",
          short_key_type(key), adding(host, port, key)));
}

Error HostKeys::State::changed(const std::string& host, int port, std::string_view key,
                               const std::vector<const Entry*>& old) const {
  std::vector<std::string> known;
  for (const Entry* entry : old) known.push_back(fmt::format("{} ({})", shown(entry->line.key), place(*entry)));
  return Error(
      ErrorCode::host_key,
      fmt::format("HOST KEY OF {} HAS CHANGED: it shows {}, but known is {}; somebody may be listening in, or the host "
                  "was installed anew",
                  shown(host, port), shown(key), joined(known)),
      fmt::format("ask whoever runs the host; only if the new fingerprint is its own, {}", removing(host, port, key, old)));
}

}  // namespace kirikae::ssh
