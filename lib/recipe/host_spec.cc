#include "recipe/host_spec.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "core/letters.h"
#include "recipe/ipv6.h"
#include "recipe/rules.h"
#include "recipe/text.h"

namespace kirikae::recipe {
namespace {

constexpr std::size_t most_hosts = 10'000;  // of one entry
constexpr std::size_t most_hosts_of_stage = 100'000;
constexpr std::string_view name_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

std::unexpected<Error> wrong(std::string message, std::string hint = {}) {
  return std::unexpected(Error(ErrorCode::recipe, std::move(message), std::move(hint)));
}

struct Range {
  int from = 0;
  int to = 0;
  std::size_t width = 0;  // padded to
};

// `text` is what stands between the brackets.
Result<Range> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto from = text.substr(0, dash);
  const auto to = dash == std::string_view::npos ? std::string_view() : text.substr(dash + 1);
  const auto is_number = [](std::string_view word) {
    return !word.empty() && word.size() <= 9 && word.find_first_not_of(digits) == std::string_view::npos;
  };
  const std::string shown = in_quotes('[' + std::string(text) + ']');
  if (!is_number(from) || !is_number(to)) {
    return wrong(fmt::format("{} is no range", shown), "a range is two numbers, such as [1-12] or [01-12]");
  }
  const auto padded = [](std::string_view word) { return word.size() > 1 && word.front() == '0'; };
  if (padded(to) && from.size() != to.size()) {
    return wrong(fmt::format("the range {} is padded on one side only", shown),
                 "write both numbers with the same width");
  }
  const Range range{std::stoi(std::string(from)), std::stoi(std::string(to)),
                    padded(from) || padded(to) ? from.size() : 0};
  if (range.to < range.from)
    return wrong(fmt::format("the range {} counts down", shown), "write the smaller number first");
  return range;
}

// Every name that `text` stands for.
Result<std::vector<std::string>> expand_ranges(std::string_view text) {
  std::vector<std::string> names = {""};
  while (!text.empty()) {
    const auto open = text.find('[');
    const auto plain = text.substr(0, open);
    if (plain.find(']') != std::string_view::npos) return wrong("']' without '['");
    for (auto& name : names) name += plain;
    if (open == std::string_view::npos) break;
    const auto close = text.find(']', open);
    if (close == std::string_view::npos) return wrong("'[' without ']'");
    TRY_ASSIGN(const Range range, parse_range(text.substr(open + 1, close - open - 1)));
    const auto count = static_cast<std::size_t>(range.to - range.from) + 1;
    if (count > most_hosts || names.size() * count > most_hosts) {
      return wrong(fmt::format("more than {} hosts in one entry", most_hosts), "use smaller ranges");
    }
    std::vector<std::string> longer;
    longer.reserve(names.size() * count);
    for (const auto& name : names) {
      for (int i = range.from; i <= range.to; ++i) longer.push_back(fmt::format("{}{:0{}}", name, i, range.width));
    }
    names = std::move(longer);
    text.remove_prefix(close + 1);
  }
  return names;
}

Result<int> parse_port(std::string_view text) {
  const auto port = to_number(text);
  if (!port || *port < 1 || *port > 65535)
    return wrong(fmt::format("{} is no port: a number from 1 to 65535", in_quotes(text)));
  return *port;
}

Result<void> check_name(const std::string& name) {
  if (name.empty()) return wrong("an address without a name");
  if (name.size() > 253) return wrong(fmt::format("{} is too long for a host's name", in_quotes(name)));
  if (name.front() == '-' || name.find_first_not_of(name_letters) != std::string::npos) {
    return wrong(fmt::format("{} is no name or address of a host", in_quotes(name)), "write [user@]name[:port]");
  }
  return {};
}

// `text` begins with '[' and has a ':' before the first ']'.
Result<HostSpec> parse_bracketed_ipv6(std::string_view text) {
  const auto close = text.find(']');
  HostSpec spec;
  spec.address = canonical_ipv6(text.substr(1, close - 1));
  if (spec.address.empty()) return wrong(fmt::format("{} is no IPv6 address", in_quotes(text.substr(1, close - 1))));
  const auto rest = text.substr(close + 1);
  if (rest.empty()) return spec;
  if (rest.front() != ':')
    return wrong(fmt::format("{} after an IPv6 address", in_quotes(rest)), "only :port may follow");
  TRY_ASSIGN(spec.port, parse_port(rest.substr(1)));
  return spec;
}

std::string with_port(const HostSpec& spec) {
  if (spec.port == 0) return spec.address;
  const bool ipv6 = spec.address.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", spec.address, spec.port) : fmt::format("{}:{}", spec.address, spec.port);
}

class Expansion {
 public:
  Expansion(const std::vector<HostEntry>& entries, int default_port, std::vector<ExpandedHost>& hosts)
      : entries_(entries), default_port_(default_port), hosts_(hosts) {}

  std::vector<Error> run() {
    for (std::size_t i = 0; i < entries_.size(); ++i) add_entry(i);
    for (auto& host : hosts_) {
      if (addresses_[lower(host.spec.address)] > 1) host.name = with_port(host.spec);
    }
    return std::move(errors_);
  }

 private:
  void note(const HostEntry& entry, Error error) {
    error.span = entry.span;
    errors_.push_back(std::move(error));
  }
  void note(const HostEntry& entry, std::string message, std::string hint) {
    note(entry, Error(ErrorCode::recipe, std::move(message), std::move(hint)));
  }

  void add_entry(std::size_t index) {
    const HostEntry& entry = entries_[index];
    auto specs = parse_host_spec(entry.address);
    if (!specs) return note(entry, std::move(specs).error());
    if (specs->front().port != 0 && entry.port) {
      note(entry, fmt::format("the port of {} is given twice", in_quotes(entry.address)),
           "keep it in the address, or as 'port'");
    }
    if (!specs->front().user.empty() && !entry.user.empty()) {
      note(entry, fmt::format("the user of {} is given twice", in_quotes(entry.address)),
           "keep it in the address, or as 'user'");
    }
    if (entry.primary && specs->size() > 1) {
      note(entry,
           fmt::format("{} stands for {} hosts, but only one can be primary", in_quotes(entry.address), specs->size()),
           "list the primary host by itself");
    } else if (entry.primary) {
      check_primary(entry);
    }
    if (hosts_.size() + specs->size() > most_hosts_of_stage) {
      if (!too_many_) {
        note(entry, fmt::format("more than {} hosts in the stage", most_hosts_of_stage), "use smaller ranges");
      }
      too_many_ = true;
      return;
    }
    for (HostSpec& spec : *specs) {
      if (spec.port == 0) spec.port = entry.port.value_or(default_port_);
      add_host(entry, index, std::move(spec));
    }
  }

  void add_host(const HostEntry& entry, std::size_t index, HostSpec spec) {
    // Whatever ssh_config says of the port: two entries that would differ by that alone are one that was meant twice.
    HostSpec usual = spec;
    if (usual.port == 0) usual.port = 22;
    const std::string key = lower(with_port(usual));
    if (!seen_.insert({key, index}).second) {
      // One line for an entry, however many hosts of its range are there already.
      const bool told = !errors_.empty() && last_duplicate_ == index;
      last_duplicate_ = index;
      if (!told)
        note(entry, fmt::format("the host {} is in the stage twice", in_quotes(with_port(usual))),
             "remove one of the two");
      return;
    }
    ++addresses_[lower(spec.address)];
    const std::string name = spec.address;
    hosts_.push_back({std::move(spec), name, index});
  }

  void check_primary(const HostEntry& entry) {
    const std::vector<std::string> any = {""};
    for (const auto& role : entry.roles.empty() ? any : entry.roles) {
      const auto [first, is_first] = primaries_.insert({role, entry.address});
      if (is_first) continue;
      const std::string of = role.empty() ? "" : fmt::format(" of the role {}", in_quotes(role));
      return note(entry,
                  fmt::format("{} is the second primary host{}, after {}", in_quotes(entry.address), of,
                              in_quotes(first->second)),
                  "keep one");
    }
  }

  const std::vector<HostEntry>& entries_;
  int default_port_;
  std::vector<ExpandedHost>& hosts_;
  std::vector<Error> errors_;
  std::unordered_map<std::string, std::size_t> seen_;
  std::unordered_map<std::string, int> addresses_;
  std::map<std::string, std::string> primaries_;  // by role
  bool too_many_ = false;
  std::size_t last_duplicate_ = static_cast<std::size_t>(-1);
};

}  // namespace

Result<std::vector<HostSpec>> parse_host_spec(std::string_view text) {
  std::string user;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    user = text.substr(0, at);
    if (auto bad = user_rule(user); !bad.empty()) return wrong(std::move(bad));
    text.remove_prefix(at + 1);
  }
  const auto first_colon = text.find(':');
  std::vector<HostSpec> specs;
  if (text.starts_with('[') && first_colon < text.find(']') && text.find(']') != std::string_view::npos) {
    TRY_ASSIGN(HostSpec spec, parse_bracketed_ipv6(text));
    specs.push_back(std::move(spec));
  } else if (first_colon != std::string_view::npos && text.find(':', first_colon + 1) != std::string_view::npos) {
    const std::string address = canonical_ipv6(text);
    if (address.empty())
      return wrong(fmt::format("{} is no IPv6 address", in_quotes(text)),
                   "write an IPv6 address with a port as [address]:port");
    specs.push_back({"", address, 0});
  } else {
    int port = 0;
    if (first_colon != std::string_view::npos) {
      TRY_ASSIGN(port, parse_port(text.substr(first_colon + 1)));
      text = text.substr(0, first_colon);
    }
    TRY_ASSIGN(std::vector<std::string> names, expand_ranges(text));
    for (auto& name : names) {
      TRY(check_name(name));
      specs.push_back({"", std::move(name), port});
    }
    if (specs.empty()) return wrong("an address without a name");
  }
  for (auto& spec : specs) spec.user = user;
  return specs;
}

std::vector<Error> expand_hosts(const std::vector<HostEntry>& entries, int default_port,
                                std::vector<ExpandedHost>& hosts) {
  return Expansion(entries, default_port, hosts).run();
}

}  // namespace kirikae::recipe
