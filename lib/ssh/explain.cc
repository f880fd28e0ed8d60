#include "ssh/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kirikae::ssh {
namespace {

std::string list(const std::vector<std::string>& items) { return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", ")); }

std::string jumps(const std::vector<Hop>& hops) { return hops.empty() ? "none" : text_of(hops, ", "); }

std::string seconds_text(std::chrono::seconds time) { return fmt::format("{}s", time.count()); }
std::string flag(bool on) { return on ? "yes" : "no"; }
std::string family(AddressFamily which) {
  return which == AddressFamily::ipv4 ? "inet" : which == AddressFamily::ipv6 ? "inet6" : "any";
}
std::string text_or_none(const std::string& value) { return value.empty() ? "none" : value; }

}  // namespace

std::vector<SettingLine> explain(const HostSettings& settings, const HostSettings& usual, const SshConfig::Wanted& wanted,
                                 const Overrides& overrides) {
  std::vector<SettingLine> lines;
  // `quiet`: not worth a line where it is the default.
  const auto add = [&](std::string_view name, bool by_recipe, const std::string& value, const std::string& default_value, bool quiet) {
    const bool is_default = value == default_value;
    if (is_default && quiet && !by_recipe) return;
    lines.push_back({name, value, by_recipe ? "recipe" : is_default ? "default" : "ssh_config"});
  };
  add("address", false, settings.address, usual.address, false);
  if (lines.back().origin == "default") lines.back().origin = "recipe";
  add("port", wanted.port != 0, std::to_string(settings.port), std::to_string(usual.port), false);
  add("user", !wanted.user.empty(), settings.user, usual.user, false);
  add("ProxyJump", false, jumps(settings.jumps), jumps(usual.jumps), true);
  add("ProxyCommand", false, text_or_none(settings.proxy_command), text_or_none(usual.proxy_command), true);
  add("AddressFamily", false, family(settings.family), family(usual.family), true);
  add("BindAddress", false, text_or_none(settings.bind_address), text_or_none(usual.bind_address), true);
  add("HostKeyAlias", false, text_or_none(settings.host_key_alias), text_or_none(usual.host_key_alias), true);
  add("known_hosts_file", !overrides.known_hosts.empty(), list(settings.known_hosts), list(usual.known_hosts), false);
  add("known_hosts", overrides.accept_new.has_value(), settings.accept_new ? "accept-new" : "strict",
      usual.accept_new ? "accept-new" : "strict", false);
  add("identity", !overrides.identities.empty(), list(settings.identities), list(usual.identities), false);
  add("IdentitiesOnly", !overrides.identities.empty(), flag(settings.identities_only), flag(usual.identities_only), true);
  add("CertificateFile", false, list(settings.certificates), list(usual.certificates), true);
  add("PubkeyAcceptedAlgorithms", false, text_or_none(settings.key_algorithms), text_or_none(usual.key_algorithms), true);
  add("RequiredRSASize", false, std::to_string(settings.least_rsa_bits), std::to_string(usual.least_rsa_bits), true);
  add("IdentityAgent", false, text_or_none(settings.agent_socket), text_or_none(usual.agent_socket), false);
  for (const LoginMethod& method : login_methods) {
    const auto is_on = [&](const HostSettings& of) { return flag(std::ranges::find(of.login.off, method.name) == of.login.off.end()); };
    add(method.directive, false, is_on(settings), is_on(usual), true);
  }
  const auto preferred = [](const HostSettings& of) { return of.login.preferred ? list(*of.login.preferred) : "any"; };
  add("PreferredAuthentications", false, preferred(settings), preferred(usual), true);
  add("BatchMode", false, flag(settings.login.batch), flag(usual.login.batch), true);
  add("NumberOfPasswordPrompts", false, std::to_string(settings.login.prompts), std::to_string(usual.login.prompts), true);
  const auto forwarded = [](const HostSettings& of) {
    return !of.forward_agent ? std::string("no") : of.forward_agent->empty() ? "yes, but there is none" : *of.forward_agent;
  };
  add("forward_agent", overrides.forward_agent.has_value(), forwarded(settings), forwarded(usual), false);
  add("connect_timeout", overrides.connect_timeout.has_value(), seconds_text(settings.connect_timeout), seconds_text(usual.connect_timeout), false);
  add("keepalive", overrides.keepalive.has_value(), seconds_text(settings.keepalive), seconds_text(usual.keepalive), false);
  add("ServerAliveCountMax", false, std::to_string(settings.keepalive_count), std::to_string(usual.keepalive_count), true);
  add("KexAlgorithms", false, text_or_none(settings.kex), text_or_none(usual.kex), true);
  add("HostKeyAlgorithms", false, text_or_none(settings.host_key_algorithms), text_or_none(usual.host_key_algorithms), true);
  add("CASignatureAlgorithms", false, text_or_none(settings.ca_signature_algorithms), text_or_none(usual.ca_signature_algorithms), true);
  add("Ciphers", false, text_or_none(settings.ciphers), text_or_none(usual.ciphers), true);
  add("MACs", false, text_or_none(settings.macs), text_or_none(usual.macs), true);
  return lines;
}

}  // namespace kirikae::ssh
