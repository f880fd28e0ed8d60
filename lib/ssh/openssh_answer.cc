#include "ssh/openssh_answer.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "core/letters.h"

namespace kirikae::ssh {
namespace {

const std::vector<std::string> no_values;

Error misconfigured(std::string message, std::string hint = {}) {
  return {ErrorCode::connect, "ssh_config: " + std::move(message), std::move(hint)};
}

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(separator));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return parts;
}

bool is_at_home(std::string_view path) { return path == "~" || path.starts_with("~/"); }

// Of another account, as the user database has it; empty: there is none of that name.
std::string home_of(const std::string& account) {
  std::vector<char> buffer(16384);
  struct passwd entry {};
  struct passwd* found = nullptr;
  ::getpwnam_r(account.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::string() : found->pw_dir;
}

// Also `~NAME`, which `ssh -G` leaves as it is in some directives.
std::string expand_home(std::string path, const LocalUser& self) {
  if (is_at_home(path)) return path.replace(0, 1, self.home);
  if (!path.starts_with('~')) return path;
  const std::size_t name = std::min(path.find('/'), path.size());
  const std::string home = home_of(path.substr(1, name - 1));
  return home.empty() ? path : path.replace(0, name, home);
}

// Several paths stand behind one another without quotes, all of them absolute: a piece that is not belongs to the one before. Files of the
// system keep their `~`, as do all in front of OpenSSH 8.4.
std::vector<std::string> paths(std::string_view text, const LocalUser& self) {
  std::vector<std::string> all;
  for (std::string& piece : parts_of(text, ' ')) {
    if (piece == "none") continue;
    if (piece.starts_with('/') || is_at_home(piece) || all.empty()) {
      all.push_back(expand_home(std::move(piece), self));
    } else {
      all.back() += ' ' + piece;
    }
  }
  return all;
}

// The value of a token; none: there is no such one.
using Tokens = std::function<std::optional<std::string>(char)>;

Result<std::string> expand_tokens(std::string_view text, const Tokens& tokens) {
  std::string expanded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      expanded += text[i];
      continue;
    }
    const char token = ++i < text.size() ? text[i] : '\0';
    const auto value = token == '%' ? std::optional<std::string>("%") : tokens(token);
    if (!value) {
      return std::unexpected(misconfigured(fmt::format("the token '%{}' in '{}' is not known here", token == '\0' ? ' ' : token, text),
                                           "write the value itself"));
    }
    expanded += *value;
  }
  return expanded;
}

Result<std::string> expand_variables(std::string_view text, const LocalUser& self) {
  std::string expanded;
  for (;;) {
    const auto open = text.find("${");
    expanded += text.substr(0, open);
    if (open == std::string_view::npos) return expanded;
    const auto close = text.find('}', open);
    const std::string name(text.substr(open + 2, close == std::string_view::npos ? close : close - open - 2));
    const auto found = self.environment.find(name);
    if (close == std::string_view::npos || found == self.environment.end()) {
      return std::unexpected(misconfigured(fmt::format("the variable '{}' is not set, but '{}' needs it", name, text)));
    }
    expanded += found->second;
    text.remove_prefix(close + 1);
  }
}

// ssh_config has a name for every agent but one.
Result<std::string> agent_of(const OpenSshAnswer& answer, const LocalUser& self) {
  const auto& given = answer.values("identityagent");
  if (given.empty() || given.front() == "SSH_AUTH_SOCK") return self.agent_socket;
  if (given.front() == "none") return std::string();
  if (!given.front().starts_with('$')) return expand_home(given.front(), self);
  const auto found = self.environment.find(given.front().substr(1));
  return found == self.environment.end() ? std::string() : found->second;
}

// As ssh: yes is the agent that logs in, too.
Result<std::optional<std::string>> forwarded_agent(const OpenSshAnswer& answer, const std::string& name, const LocalUser& self,
                                                   const std::string& own) {
  const std::string given = answer.value("forwardagent");
  if (given.empty() || given == "no" || given == "false") return std::nullopt;
  if (given == "yes" || given == "true") return own;
  if (given.starts_with('$') && !given.starts_with("${")) {
    const auto found = self.environment.find(given.substr(1));
    return found == self.environment.end() ? std::string() : found->second;
  }
  if (given.starts_with('/')) return given;  // expanded already
  TRY_ASSIGN(std::string path, expand_path(given, answer, name, self));
  return path;
}

void host_key_settings(const OpenSshAnswer& answer, const LocalUser& self, HostSettings& settings) {
  settings.host_key_alias = answer.value("hostkeyalias");
  settings.known_hosts = paths(answer.value("userknownhostsfile"), self);
  settings.has_place_for_new_keys = !settings.known_hosts.empty();  // the machine's own files are its administrator's
  for (std::string& path : paths(answer.value("globalknownhostsfile"), self)) settings.known_hosts.push_back(std::move(path));
  const std::string strict = answer.value("stricthostkeychecking");
  settings.accept_new = strict == "accept-new" || strict == "false" || strict == "no" || strict == "off";
  if (settings.accept_new && strict != "accept-new") {
    settings.warnings.push_back(
        "StrictHostKeyChecking no is taken for accept-new: a host whose key has changed is refused all the same");
  }
  const std::string address = answer.value("hostname");
  if (answer.is_on("nohostauthenticationforlocalhost") &&
      (address == "localhost" || address == "::1" || address.starts_with("127."))) {
    settings.warnings.push_back(
        "NoHostAuthenticationForLocalhost is not followed: this machine's own key has to be known, too");
  }
  if (const std::string file = answer.value("revokedhostkeys"); !file.empty()) {
    settings.beyond.push_back({"RevokedHostKeys", fmt::format("the revoked keys in '{}' can't be looked at here (RevokedHostKeys)", file),
                               "write them to known_hosts as @revoked lines", true});
  }
  if (!answer.value("knownhostscommand").empty()) {
    settings.beyond.push_back({"KnownHostsCommand", "KnownHostsCommand is not run here: write its keys to a known_hosts file, or set transport: openssh", {}});
  }
}

Result<void> user_key_settings(const OpenSshAnswer& answer, const OpenSshAnswer& defaults, const std::string& name,
                               const LocalUser& self, HostSettings& settings) {
  const auto& files = answer.values("identityfile");
  settings.identities_given = files != defaults.values("identityfile");
  for (const std::string& file : files) {
    if (file == "none") continue;
    TRY_ASSIGN(std::string path, expand_path(file, answer, name, self));
    settings.identities.push_back(std::move(path));
  }
  for (const std::string& file : answer.values("certificatefile")) {
    if (file == "none") continue;
    TRY_ASSIGN(std::string path, expand_path(file, answer, name, self));
    settings.certificates.push_back(std::move(path));
  }
  settings.identities_only = answer.is_on("identitiesonly");
  TRY_ASSIGN(settings.agent_socket, agent_of(answer, self));
  TRY_ASSIGN(settings.forward_agent, forwarded_agent(answer, name, self, settings.agent_socket));
  if (!answer.value("pkcs11provider").empty()) {
    settings.beyond.push_back(
        {"PKCS11Provider", "PKCS11Provider is not used here: load its keys into the ssh-agent (ssh-add -s), or set transport: openssh", {}});
  }
  return {};
}

LoginRules login_rules(const OpenSshAnswer& answer) {
  LoginRules rules;
  for (const LoginMethod& method : login_methods) {
    if (answer.is_off(lower(method.directive))) rules.off.emplace_back(method.name);
  }
  // Also "none", which is a list without any that we have.
  if (const auto& lists = answer.values("preferredauthentications"); !lists.empty()) rules.preferred = parts_of(lists.front(), ',');
  rules.batch = answer.is_on("batchmode");
  rules.prompts = number_in(answer.value("numberofpasswordprompts")).value_or(rules.prompts);
  return rules;
}

Result<void> way_there(const OpenSshAnswer& answer, const std::string& name, HostSettings& settings) {
  if (const std::string jumps = answer.value("proxyjump"); !jumps.empty()) {
    TRY_ASSIGN(const std::string expanded, expand_command(jumps, answer, name));
    TRY_ASSIGN(settings.jumps, parse_jumps(expanded));
  }
  if (const std::string command = answer.value("proxycommand"); !command.empty()) {
    TRY_ASSIGN(settings.proxy_command, expand_command(command, answer, name));
  }
  const auto not_followed = [&](std::string_view directive, const char* shown) {
    if (const std::string value = answer.value(directive); value.empty() || value == "no") return;
    settings.beyond.push_back(
        {shown, fmt::format("{} is not followed here, and decides where we connect from", shown), "take it out for this host", true});
  };
  not_followed("bindinterface", "BindInterface");
  if (!settings.proxy_command.empty()) not_followed("proxyusefdpass", "ProxyUseFdpass");  // about that command alone
  const std::string family = answer.value("addressfamily");
  if (family == "inet") settings.family = AddressFamily::ipv4;
  if (family == "inet6") settings.family = AddressFamily::ipv6;
  settings.bind_address = answer.value("bindaddress");
  return {};
}

}  // namespace

OpenSshAnswer::OpenSshAnswer(std::string_view text) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) continue;
    values_[lower(line.substr(0, space))].emplace_back(line.substr(space + 1));
  }
}

std::string OpenSshAnswer::value(std::string_view directive) const {
  const auto& all = values(directive);
  return all.empty() || all.front() == "none" ? std::string() : all.front();
}

const std::vector<std::string>& OpenSshAnswer::values(std::string_view directive) const {
  const auto found = values_.find(directive);
  return found == values_.end() ? no_values : found->second;
}

bool OpenSshAnswer::is_on(std::string_view directive) const {
  const std::string text = lower(value(directive));
  return text == "yes" || text == "true";
}

bool OpenSshAnswer::is_off(std::string_view directive) const {
  const std::string text = lower(value(directive));
  return text == "no" || text == "false";
}

bool OpenSshAnswer::needs_connection_hash() const {
  const auto has_it = [](const std::string& value) { return value.find("%C") != std::string::npos; };
  return std::ranges::any_of(values("identityfile"), has_it) || std::ranges::any_of(values("certificatefile"), has_it);
}

OpenSshAnswer OpenSshAnswer::of_name(const std::string& name) const {
  OpenSshAnswer other = *this;
  other.values_["hostname"] = {lower(name)};  // as ssh looks it up
  return other;
}

Result<HostSettings> to_settings(const OpenSshAnswer& answer, const OpenSshAnswer& defaults, const std::string& name,
                                 const LocalUser& self) {
  HostSettings settings;
  settings.address = answer.value("hostname");
  settings.user = answer.value("user");
  const auto port = number_in(answer.value("port"));
  if (settings.address.empty() || settings.user.empty() || !port) {
    return std::unexpected(misconfigured(fmt::format("ssh -G says no address, user or port of '{}'", name)));
  }
  settings.port = *port;
  TRY(way_there(answer, name, settings));
  host_key_settings(answer, self, settings);
  TRY(user_key_settings(answer, defaults, name, self, settings));
  settings.login = login_rules(answer);
  if (const auto seconds = number_in(answer.value("connecttimeout")); seconds && *seconds > 0) {
    settings.connect_timeout = std::chrono::seconds(*seconds);
  }
  // Debian's ssh says 300 of its own where BatchMode is on: too long for a run that waits for all hosts.
  const int implied = settings.login.batch ? 300 : 0;
  if (const auto seconds = number_in(answer.value("serveraliveinterval")); seconds && *seconds > 0 && *seconds != implied) {
    settings.keepalive = std::chrono::seconds(*seconds);
    settings.keepalive_count = number_in(answer.value("serveralivecountmax")).value_or(3);
  }
  if (const std::string path = answer.value("controlpath"); path != "none") settings.control_path = path;
  const auto named = [&](std::string_view directive) {
    const std::string list = answer.value(directive);
    return list == defaults.value(directive) ? std::string() : list;
  };
  settings.session_is_set = !answer.value("stdinnull").empty();
  for (const std::string& patterns : answer.values("sendenv")) {
    for (std::string& pattern : parts_of(patterns, ' ')) settings.sent_environment.push_back(std::move(pattern));
  }
  settings.key_algorithms = named("pubkeyacceptedalgorithms");
  if (answer.value("requiredrsasize") != defaults.value("requiredrsasize")) {
    settings.least_rsa_bits = number_in(answer.value("requiredrsasize")).value_or(0);
  }
  settings.kex = named("kexalgorithms");
  settings.host_key_algorithms = named("hostkeyalgorithms");
  settings.ca_signature_algorithms = named("casignaturealgorithms");
  settings.ciphers = named("ciphers");
  settings.macs = named("macs");
  return settings;
}

Result<std::vector<Hop>> parse_jumps(std::string_view text) {
  std::vector<Hop> hops;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.starts_with("ssh://")) word.remove_prefix(6);
    Hop hop;
    if (const auto at = word.rfind('@'); at != std::string_view::npos) {
      hop.user = word.substr(0, at);
      word.remove_prefix(at + 1);
    }
    const bool bracketed = word.starts_with('[') && word.find(']') != std::string_view::npos;
    const auto colon = bracketed ? word.find(':', word.find(']')) : word.find(':');
    // More than one colon without brackets: an IPv6 address, which has no port then.
    if (colon != std::string_view::npos && (bracketed || word.find(':', colon + 1) == std::string_view::npos)) {
      const auto port = number_in(word.substr(colon + 1));
      if (!port || *port < 1 || *port > 65535) {
        return std::unexpected(misconfigured(fmt::format("'{}' of ProxyJump has no proper port", word)));
      }
      hop.port = *port;
      word = word.substr(0, colon);
    }
    if (bracketed) word = word.substr(1, word.size() - 2);
    if (word.empty() || word.starts_with('-')) {
      return std::unexpected(misconfigured(fmt::format("ProxyJump '{}' is no list of [user@]host[:port]", text)));
    }
    hop.name = word;
    hops.push_back(std::move(hop));
  }
  return hops;
}

std::string text_of(const std::vector<Hop>& hops, std::string_view between) {
  std::string text;
  for (const Hop& hop : hops) {
    const bool is_ipv6 = hop.name.find(':') != std::string::npos;
    if (!text.empty()) text += between;
    if (!hop.user.empty()) text += hop.user + '@';
    text += is_ipv6 ? '[' + hop.name + ']' : hop.name;
    if (hop.port != 0) text += fmt::format(":{}", hop.port);
  }
  return text;
}

Result<std::string> expand_path(std::string_view text, const OpenSshAnswer& answer, const std::string& name, const LocalUser& self) {
  const Tokens tokens = [&](char token) -> std::optional<std::string> {
    switch (token) {
      case 'C': return answer.connection_hash().empty() ? std::nullopt : std::optional(answer.connection_hash());
      case 'd': return self.home;
      case 'h': return answer.value("hostname");
      case 'i': return std::to_string(::getuid());
      case 'j': return answer.value("proxyjump");
      case 'k': return answer.value("hostkeyalias").empty() ? name : answer.value("hostkeyalias");
      case 'L': return self.host.substr(0, self.host.find('.'));
      case 'l': return self.host;
      case 'n': return name;
      case 'p': return answer.value("port");
      case 'r': return answer.value("user");
      case 'u': return self.user;
      default: return std::nullopt;
    }
  };
  TRY_ASSIGN(const std::string path, expand_variables(expand_home(std::string(text), self), self));
  return expand_tokens(path, tokens);
}

Result<std::string> expand_command(std::string_view text, const OpenSshAnswer& answer, const std::string& name) {
  return expand_tokens(text, [&](char token) -> std::optional<std::string> {
    switch (token) {
      case 'h': return answer.value("hostname");
      case 'n': return name;
      case 'p': return answer.value("port");
      case 'r': return answer.value("user");
      default: return std::nullopt;
    }
  });
}

}  // namespace kirikae::ssh
