#include "ssh/new_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  return Error(
      ErrorCode::host_key,
      fmt::format("host key of '{}' is not known ({} {}), and can't be kept: {}", host, key_type(key), fingerprint(key),
                  why.message),
      !why.hint.empty()
          ? why.hint
          : "make that file writable, or name another one first under 'ssh' in the recipe (known_hosts_file: PATH)");
}

Result<std::string> first_of(const std::vector<std::string>& files, bool has_place) {
  if (has_place && !files.empty()) return files.front();
  return std::unexpected(Error(ErrorCode::local, "there is no file for it", "name one under 'ssh' in the recipe (known_hosts_file: PATH)"));
}

bool same(const Judgement& a, const Judgement& b) {
  return a.standing == b.standing && std::ranges::equal(a.others, b.others, {}, &OtherKey::key, &OtherKey::key);
}

}  // namespace

Result<bool> accept_new_key(const std::vector<std::string>& files, const std::string& host, int port,
                            std::string_view key, const std::string& trust_command, std::string_view signatures, bool has_place) {
  const auto unknown = [&](const HostKeys& keys) { return keys.judge(host, port, key, signatures).standing == Standing::unknown; };
  const std::scoped_lock lock(writing());
  HostKeys keys = HostKeys::load(files, trust_command);
  if (unknown(keys)) {
    const auto path = first_of(files, has_place);
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
                          std::string_view key, const Judgement& seen, bool replace, bool has_place) {
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
  std::vector<std::string> replaced;
  for (const OtherKey& other : now.others) {
    if (other.alone) changed.insert(other.file);
    (other.alone ? replaced : trusted.left).push_back(fmt::format("{}:{}", other.file, other.line));
  }
  const auto is_other = [&](const KnownHostsLine& line) {
    return line.marker == KnownHostsLine::Marker::none && names_one_host(line) && line.key != key &&
           speaks_of(line, listed_name(host, port));
  };
  const auto open = [](const std::string& path) { return KnownHostsFile::open(path, Deadline::in(lock_limit)); };
  // Whatever fails, the host never becomes one that nothing is known of: `accept-new` would take any key of it.
  for (const std::string& path : changed) TRY(open(path));
  const auto first = first_of(files, has_place);
  if (!first) return std::unexpected(Error(first.error()).with_context(fmt::format("the host key of '{}'", host)));
  {
    TRY_ASSIGN(auto file, open(*first));
    TRY(file.append(listed_name(host, port), key));
  }
  for (const std::string& path : changed) {
    auto file = open(path);
    const auto removed = file ? file->remove(is_other) : std::unexpected(std::move(file).error());
    if (removed) continue;
    return std::unexpected(Error(ErrorCode::local, removed.error().message,
                                 fmt::format("the new key of '{}' is in {}; take {} out with an editor", host, *first, fmt::join(replaced, ", "))));
  }
  trusted.added = true;
  return trusted;
}

}  // namespace kirikae::ssh
