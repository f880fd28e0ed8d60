// What the kernel knows of a connection's round trips.
#pragma once

#include <chrono>
#include <optional>

namespace kirikae::ssh {

// The shortest one of TCP, whatever programs take for their answers. Nullopt: the socket has no TCP below it, or the kernel doesn't say.
std::optional<std::chrono::microseconds> shortest_round_trip(int socket);

}  // namespace kirikae::ssh
