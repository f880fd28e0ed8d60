// A socket that listens on 127.0.0.1.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

#include "core/fd.h"

namespace kirikae::test {

// `port`: which one it got. Throws where there is none.
inline Fd listening(int& port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), size) != 0 || ::listen(fd.get(), 100) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw std::runtime_error("can't listen on 127.0.0.1");
  }
  port = ntohs(name.sin_port);
  return fd;
}

}  // namespace kirikae::test
