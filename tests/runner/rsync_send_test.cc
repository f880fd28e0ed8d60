// An upload by the system's rsync, of which a test is the host.
#include "runner/rsync_send.h"

#include <poll.h>

#include "support/catch.h"
#include "support/process.h"
#include "support/skip.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::test;

TEST_CASE("a host that says a line without an end before rsync begins is an error, and fills no memory") {
  if (is_skipped(!installed("rsync"), "rsync is not installed")) return;
  const TempDir folder;
  folder.write("source/a", "x");
  const runner::RsyncSource source{KIRIKAE_DEPLOY, folder / "source", std::string("./a\0", 4), {}, {}, {}};
  plan::Unpack unpack;
  unpack.rsync.emplace();
  auto send = runner::RsyncSend::start(source, unpack, {Deadline::in(std::chrono::seconds(30)), {}});
  REQUIRE(send);
  const auto data = send->data();
  const auto waker = std::make_shared<Waker>();
  std::string buffer(4096, ' ');
  auto piece = data->read(buffer, waker);
  while (piece && piece->state == ByteSource::Piece::State::data) piece = data->read(buffer, waker);
  REQUIRE(piece);
  std::string lines;
  const auto other = [&](std::string_view bytes) { lines += bytes; };
  send->hear("a line\n", other);
  const std::string part(10'000, 'x');
  for (int i = 0; i < 6; ++i) send->hear(part, other);
  CHECK(lines == "a line\n");
  CHECK(data->read(buffer, waker));
  send->hear(part, other);
  pollfd woken{waker->fd(), POLLIN, 0};
  CHECK(::poll(&woken, 1, 10'000) == 1);
  piece = data->read(buffer, waker);
  REQUIRE_FALSE(piece);
  CHECK(piece.error().message == "before rsync begins, the host says a line that doesn't end");
  CHECK(send->end(1).well == false);
}
