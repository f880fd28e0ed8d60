#include "core/fd.h"

#include <unistd.h>

namespace kirikae {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace kirikae
