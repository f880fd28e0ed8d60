#include "ssh/round_trip.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace kirikae::ssh {

std::optional<std::chrono::microseconds> shortest_round_trip(int socket) {
  // The kernel's own header: libc's ends before this member.
  tcp_info info{};
  socklen_t size = sizeof info;
  constexpr socklen_t needed = offsetof(tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt;
  constexpr __u32 unknown = ~__u32{0};
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < needed || info.tcpi_min_rtt == unknown || info.tcpi_min_rtt == 0)
    return std::nullopt;
  return std::chrono::microseconds(info.tcpi_min_rtt);
}

}  // namespace kirikae::ssh
