#include <set>

#include "fuzz/driver.h"
#include "inventory/inventory.h"
#include "recipe/ipv6.h"

namespace kirikae::fuzz {

std::vector<std::string> seeds() {
  return {"app1.example.com",  "deploy@app[01-12].example.com:2222",
          "r[1-9]n[001-010]",  "me@[2001:db8::1]:22",
          "[fe80::1%eth0]:22", "::ffff:192.0.2.1",
          "[1-3]:22",          "a[1-10000]",
          "1:2:3:4:5:6:7:8"};
}

void try_input(std::string_view input) {
  const auto specs = inventory::parse_host_spec(input);
  if (!specs) {
    must(!specs.error().message.empty(), "what is no address has an error");
    return;
  }
  must(!specs->empty() && specs->size() <= 10'000, "an address stands for one to 10,000 hosts");
  std::set<std::string> names;
  for (const auto& spec : *specs) {
    must(spec.port >= 0 && spec.port <= 65535, "a port is a port");
    must(spec.user.empty() || spec.user.front() != '-', "a user is no option");
    must(!spec.address.empty() && spec.address.front() != '-', "an address is no option");
    must(spec.address.find_first_of(" \t\n/@[]'\"\\$`") == std::string::npos, "an address has no odd characters");
    const bool ipv6 = spec.address.find(':') != std::string::npos;
    must(!ipv6 || recipe::canonical_ipv6(spec.address) == spec.address, "an IPv6 address is written in the one way");
    names.insert(spec.address);
  }
  // Written out, it is the same host again.
  const auto& first = specs->front();
  const bool ipv6 = first.address.find(':') != std::string::npos;
  const std::string user = first.user.empty() ? "" : first.user + '@';
  const std::string port = first.port == 0 ? "" : ':' + std::to_string(first.port);
  const auto again = inventory::parse_host_spec(user + (ipv6 ? '[' + first.address + ']' : first.address) + port);
  must(again && again->size() == 1, "a host that was expanded is an address");
  must(
      again->front().address == first.address && again->front().port == first.port && again->front().user == first.user,
      "a host that was expanded is the same host");

  recipe::Recipe recipe;
  recipe.hosts.emplace_back().address = input;
  const auto hosts = inventory::expand(recipe);
  must(hosts.has_value() == (names.size() == specs->size()), "an entry expands, unless it names a host twice");
}

}  // namespace kirikae::fuzz
