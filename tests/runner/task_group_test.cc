// The threads of a run's hosts, where the machine has no more to give.
#include "runner/task_group.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>

#include "support/catch.h"
#include "support/skip.h"

namespace kirikae::runner {
namespace {

// While it lives, this process may open so many descriptors more.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next) + more, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("where there are no descriptors for all hosts, the threads that have begun end, and it is an error") {
#if defined(__SANITIZE_ADDRESS__)
  if (test::is_skipped(true, "the undefined behaviour sanitizer looks at an exception by descriptors of its own")) return;
#endif
  const FewDescriptors few(10);
  CHECK_THROWS_AS(TaskGroup(20, 1), std::system_error);
}

}  // namespace
}  // namespace kirikae::runner
