// TCP connections to hosts: resolve, connect with a deadline, and the options that a session wants.
#pragma once

#include <string>

#include "core/error.h"
#include "core/fd.h"
#include "ssh/host_settings.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

// Connects to the first of the target's addresses that answers, of the family and from the address that `host` names. They are tried in the resolver's order with IPv6 and IPv4 in
// turn; the next one joins in where one has not answered for a quarter of a second. The socket doesn't block, and a peer that
// vanishes is noticed by the kernel within about 30 s.
// Errors: connect (no such name, refused, unreachable), timeout (nobody answered), cancelled.
Result<Fd> connect_socket(const Target& target, const HostSettings& host, const Wait& wait);

// For error texts: what an errno means, "connection refused".
std::string system_cause(int error);

// For error texts: "'web1'", or "'web1' (10.0.0.7 port 2222)" where that says more.
std::string place_of(const Target& target);

// A command with which a person can see the same: `ssh -p 22 deploy@web1`.
std::string ssh_command(const Target& target);

}  // namespace kirikae::ssh
