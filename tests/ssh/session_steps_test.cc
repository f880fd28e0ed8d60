// Steps in a control shell on a real sshd.
#include <chrono>

#include "support/catch.h"
#include "support/process.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

TEST_CASE("a step gives its output, its standard error and its status") {
  const SshdFixture sshd;
  auto session = open_session(sshd);
  const auto first = step(*session, "printf 'no newline'; printf 'oops\\n' >&2");
  CHECK(to_text(first.error).empty());
  CHECK(first.status == 0);
  CHECK(first.out == "no newline");
  CHECK(first.err == "oops\n");
  const auto second = step(*session, "echo again\nexit 7\n");
  CHECK(second.status == 7);
  CHECK(second.signal.empty());
  CHECK(second.out == "again\n");
  CHECK(second.err.empty());
}
