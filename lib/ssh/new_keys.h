// New host keys: how they get into known_hosts files. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "ssh/host_keys.h"

namespace kirikae::ssh {

// `accept-new`: as HostKeys::verify(), by the files as they are now; but the key of a host that nothing is known of is written to the
// first of them, where `has_place` says that this is the user's own. True: that was done. Errors (host_key): those of verify(), and that it
// can't be written.
Result<bool> accept_new_key(const std::vector<std::string>& files, const std::string& host, int port,
                            std::string_view key, const std::string& trust_command, std::string_view signatures = {}, bool has_place = true);

struct Trusted {
  bool added = false;
  std::vector<std::string> left;  // FILE:LINE of other keys of the host, in lines that name others too
};
// What a person has agreed to: the key is added unless it is known by now. Other keys of the host are taken out with `replace`, where
// their lines name it alone; without, they are an error, and so is whatever has changed since `seen`.
Result<Trusted> trust_key(const std::vector<std::string>& files, const std::string& host, int port,
                          std::string_view key, const Judgement& seen, bool replace, bool has_place = true);

}  // namespace kirikae::ssh
