#include "ssh/new_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "ssh/certificate.h"
#include "ssh/known_hosts_file.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::chrono::seconds lock_limit{10};

// Of this process: its threads wait here, and for other processes one by one.
std::mutex& writing() {
  static std::mutex mutex;
  return mutex;
}

Error not_kept(const std::string& host, std::string_view key, Error why) {
  return Error(ErrorCode::host_key,
               fmt::format("host key of '{}' is not known ({} {}), and can't be kept: {}", host, key_type(key),
                           fingerprint(key), why.message),
               "make that file writable, or name another one first under 'ssh' in the recipe (known_hosts_file: PATH)");
}

Result<std::string> first_of(const std::vector<std::string>& files) {
  if (!files.empty()) return files.front();
  return std::unexpected(Error(ErrorCode::local, "there is no file for it"));
}

bool same(const Judgement& a, const Judgement& b) {
  return a.standing == b.standing && std::ranges::equal(a.others, b.others, {}, &OtherKey::key, &OtherKey::key);
}

}  // namespace

Result<bool> accept_new_key(const std::vector<std::string>& files, const std::string& host, int port,
                            std::string_view key, const std::string& trust_command, std::string_view signatures) {
  const auto unknown = [&](const HostKeys& keys) { return keys.judge(host, port, key, signatures).standing == Standing::unknown; };
  const std::scoped_lock lock(writing());
  HostKeys keys = HostKeys::load(files, trust_command);
  if (unknown(keys)) {
    const auto path = first_of(files);
    if (!path) return std::unexpected(not_kept(host, key, path.error()));
    auto file = KnownHostsFile::open(*path, Deadline::in(lock_limit));
    if (!file) return std::unexpected(not_kept(host, key, file.error()));
    keys = HostKeys::load(files, trust_command);  // another process may have been quicker
    if (unknown(keys)) {
      if (auto written = file->append(listed_name(host, port), plain_key(key)); !written)
        return std::unexpected(not_kept(host, key, written.error()));
      return true;
    }
  }
  TRY(keys.verify(host, port, key, signatures));
  return false;
}

Result<Trusted> trust_key(const std::vector<std::string>& files, const std::string& host, int port,
                          std::string_view key, const Judgement& seen, bool replace) {
  const std::scoped_lock lock(writing());
  const HostKeys keys = HostKeys::load(files);
  const Judgement now = keys.judge(host, port, key);
  if (now.standing == Standing::known) return Trusted{};
  const bool may = now.standing == Standing::unknown || now.standing == Standing::vouched ||
                   (now.standing == Standing::changed && replace);
  if (!may) TRY(keys.verify(host, port, key));
  if (!same(now, seen)) {
    return std::unexpected(Error(ErrorCode::host_key,
                                 fmt::format("what is known of '{}' has changed meanwhile; nothing was written", host),
                                 "look again"));
  }
  Trusted trusted;
  std::set<std::string> changed;
  for (const OtherKey& other : now.others) {
    if (other.alone) changed.insert(other.file);
    if (!other.alone) trusted.left.push_back(fmt::format("{}:{}", other.file, other.line));
  }
  const auto is_other = [&](const KnownHostsLine& line) {
    return line.marker == KnownHostsLine::Marker::none && names_one_host(line) && line.key != key &&
           speaks_of(line, listed_name(host, port));
  };
  for (const std::string& path : changed) {
    TRY_ASSIGN(auto file, KnownHostsFile::open(path, Deadline::in(lock_limit)));
    TRY(file.remove(is_other));
  }
  TRY_ASSIGN(const std::string path, first_of(files));
  TRY_ASSIGN(auto file, KnownHostsFile::open(path, Deadline::in(lock_limit)));
  TRY(file.append(listed_name(host, port), key));
  trusted.added = true;
  return trusted;
}

}  // namespace kirikae::ssh
