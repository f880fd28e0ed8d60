// KeyTrust: looks at the keys that hosts show, without logging in, and makes them known. Any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/host_keys.h"
#include "ssh/host_settings.h"
#include "ssh/new_keys.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// A host, or a jump host before it.
struct Stop {
  Target target;
  std::vector<Hop> before{};  // the jump hosts that lead there; none: what ssh_config says
  bool jump = false;
};

struct ShownKey {
  std::string name;  // under which it is known: HostKeyAlias, or the address
  int port = 22;
  std::string key;                 // blob; of a certificate, the key inside
  std::vector<std::string> files;  // of known hosts
  bool has_place = true;           // for a new key: the first of them
  Judgement judged;
};

class KeyTrust {
 public:
  virtual ~KeyTrust() = default;

  // What there is to look at for a host: its jump hosts, in the order in which they are passed, then the host itself. Each can be
  // looked at once those before it are known, since they have to be logged in on. Errors: as of SshConfig::of; connect (a circle).
  virtual Result<std::vector<Stop>> stops_to(const Target& target, const Wait& wait) = 0;

  // Connects, and ends that once the host has proved that it has its key: of the kinds that are known of it, else the one that is
  // preferred. Errors: those of Connector::connect up to there, and those of the jump hosts' logins.
  virtual Result<ShownKey> look(const Stop& stop, const std::function<void(std::string_view)>& tell,
                                const Wait& wait) = 0;

  // trust_key() (new_keys.h); what looks come later know it.
  virtual Result<Trusted> trust(const ShownKey& shown, bool replace) = 0;
};

}  // namespace kirikae::ssh
