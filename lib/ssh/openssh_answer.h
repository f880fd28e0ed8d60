// What `ssh -G` says of a host: the settings that OpenSSH itself would connect with, after all files, patterns and Match blocks. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/host_settings.h"

namespace kirikae::ssh {

// By directive in lower case: its values in order, several where it was printed on several lines. Lines that are none are passed over.
class OpenSshAnswer {
 public:
  explicit OpenSshAnswer(std::string_view text);

  // Empty: the directive isn't there, or is "none". The first one, where there are several.
  [[nodiscard]] std::string value(std::string_view directive) const;
  [[nodiscard]] const std::vector<std::string>& values(std::string_view directive) const;
  [[nodiscard]] bool is_on(std::string_view directive) const;   // yes, true
  [[nodiscard]] bool is_off(std::string_view directive) const;  // no, false

  // Whether keys or certificates are named by the token %C, whose value only ssh knows: it isn't in the answer.
  [[nodiscard]] bool needs_connection_hash() const;
  void set_connection_hash(std::string value) { connection_hash_ = std::move(value); }
  [[nodiscard]] const std::string& connection_hash() const { return connection_hash_; }  // empty: not known

  // The same, of a host that differs by its name alone.
  [[nodiscard]] OpenSshAnswer of_name(const std::string& name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::string connection_hash_;
};

// Who asks, and from where: what the answer leaves to be filled in.
struct LocalUser {
  std::string home;    // the account's folder by the user database: ssh asks that, not $HOME
  std::string user;    // login name
  std::string host;    // this machine's name
  std::string agent_socket;  // SSH_AUTH_SOCK; empty: no agent
  std::map<std::string, std::string> environment;
};

// The settings of the host that was asked for as `name`. `defaults` is what the same ssh says where no file is read: a list of keys that
// differs from it is one that somebody named.
// Errors (connect): a directive whose value makes no sense.
Result<HostSettings> to_settings(const OpenSshAnswer& answer, const OpenSshAnswer& defaults, const std::string& name,
                                 const LocalUser& self);

// `[user@]name[:port]`, comma separated, as ProxyJump has it; also `ssh://user@name:port`. Error (connect): it is no such list.
Result<std::vector<Hop>> parse_jumps(std::string_view text);

// Likewise, as it is written there.
std::string text_of(const std::vector<Hop>& hops, std::string_view between);

// Tokens of ssh_config(5): %% %C %d %h %i %j %k %L %l %n %p %r %u, `~` in front, and ${NAME}. Error (connect): one that isn't known here.
Result<std::string> expand_path(std::string_view text, const OpenSshAnswer& answer, const std::string& name, const LocalUser& self);
Result<std::string> expand_command(std::string_view text, const OpenSshAnswer& answer, const std::string& name);

}  // namespace kirikae::ssh
