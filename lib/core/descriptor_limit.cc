#include "core/descriptor_limit.h"

#include <sys/resource.h>

namespace kirikae {
namespace {

bool raised = false;
rlimit given{};

}  // namespace

void raise_descriptor_limit() {
  if (raised || ::getrlimit(RLIMIT_NOFILE, &given) != 0) return;
  const rlimit wanted{given.rlim_max, given.rlim_max};
  raised = ::setrlimit(RLIMIT_NOFILE, &wanted) == 0;
}

void give_back_descriptor_limit(pid_t pid) {
  if (raised) ::prlimit(pid, RLIMIT_NOFILE, &given, nullptr);
}

}  // namespace kirikae
