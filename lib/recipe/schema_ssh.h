// Part of the table of keys (schema.cc): ssh.
#pragma once

#include "recipe/schema.h"

namespace kirikae::recipe {

inline constexpr Key ssh_keys[] = {
    {.name = "config",
     .type = Type::text,
     .fallback = "~/.ssh/config, then /etc/ssh/ssh_config",
     .summary = "The ssh_config file to read instead; none: no file. What is said in this recipe goes before it.",
     .example = "config: ssh_config",
     .rule = local_path_rule},
    {.name = "port",
     .type = Type::number,
     .fallback = "ssh_config's Port, else 22",
     .summary = "For hosts that name none.",
     .example = "port: 2222",
     .least = 1,
     .most = 65535},
    {.name = "known_hosts",
     .type = Type::text,
     .fallback = "ssh_config's StrictHostKeyChecking, where ask is strict",
     .summary = "What becomes of a host that is in none of the files: strict refuses it, accept-new adds its key to the first file. Another "
                "key than the known one is always refused.",
     .example = "known_hosts: accept-new",
     .rule = known_hosts_rule},
    {.name = "known_hosts_file",
     .type = Type::texts,
     .fallback = "ssh_config's UserKnownHostsFile and GlobalKnownHostsFile",
     .summary = "Files with the hosts' keys, and no other files. One beside the recipe can be checked in with it.",
     .example = "known_hosts_file: known_hosts",
     .rule = local_path_rule},
    {.name = "identity",
     .type = Type::texts,
     .fallback = "the agent's keys and ssh_config's IdentityFile",
     .summary = "Private key files, tried in this order, and no other keys.",
     .example = "identity: ~/.ssh/deploy_ed25519",
     .rule = local_path_rule},
    {.name = "connect_timeout",
     .type = Type::duration,
     .fallback = "ssh_config's ConnectTimeout, else 10s",
     .summary = "For the connection, the handshake and the login, together.",
     .example = "connect_timeout: 30s",
     .least = 1,
     .most = 3600},
    {.name = "keepalive",
     .type = Type::duration,
     .fallback = "ssh_config's ServerAliveInterval, else 15s",
     .summary = "How often a silent host is asked whether it is still there.",
     .example = "keepalive: 5s",
     .least = 1,
     .most = 3600},
    {.name = "parallel",
     .type = Type::number,
     .fallback = "100",
     .summary = "Sessions that are open at the same time.",
     .example = "parallel: 20",
     .least = 1,
     .most = 10000},
};

}  // namespace kirikae::recipe
