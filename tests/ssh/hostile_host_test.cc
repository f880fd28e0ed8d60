// What a host that has let us in can have a session hold: it is left before that is much, by an error that names it.
#include <malloc.h>

#include <atomic>

#include "ssh/hostile_host.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/memory.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::uint64_t much = 256U << 20U;

std::string wire_text(std::string_view text) {
  std::string bytes;
  ssh::append_string(bytes, text);
  return bytes;
}

std::string of_channel(char kind, const HostileHost::Peer& peer) {
  std::string bytes(1, kind);
  ssh::append_number(bytes, peer.channel());
  return bytes;
}

// The error of a step on a host that says `message` then, again and again, and the most that was sent.
Error error_of_flood(const std::function<std::string(const HostileHost::Peer&)>& message, std::uint64_t& sent) {
  std::atomic<std::uint64_t> count = 0;
  Error error;
  {
    const HostileHost host([&](HostileHost::Peer& peer) {
      const std::string said = message(peer);
      while (peer.sent() < much && peer.send(said)) {
      }
      count = peer.sent();
    });
    const auto session = open_session(host.target(), host.settings());
    error = step(*session, "true").error;
  }
  sent = count;
  return error;
}

}  // namespace

TEST_CASE("a host that says without end what nobody has asked for is left, also once it has let us in") {
  const std::string name(30'000, 'x');
  const auto message = GENERATE_REF(values<std::function<std::string(const HostileHost::Peer&)>>({
      [&](const auto& peer) { return of_channel('d', peer) + name; },  // CHANNEL_FAILURE
      [&](const auto&) { return '\x51' + name; },                      // REQUEST_SUCCESS
  }));
  std::uint64_t sent = 0;
  const Error error = error_of_flood(message, sent);
  CHECK(error.code == ErrorCode::lost);
  CHECK_THAT(error.message, ContainsSubstring("the connection to 'web1' ") &&
                                ContainsSubstring("was lost while 'a step' ran: it sends without end what nobody has asked for"));
  CHECK(sent < much / 2);
}

TEST_CASE("a host that asks for answers without end and takes none is left") {
  const auto message = GENERATE(values<std::function<std::string(const HostileHost::Peer&)>>({
      [](const auto&) { return '\x50' + wire_text("x") + '\1'; },                      // GLOBAL_REQUEST
      [](const auto& peer) { return of_channel('b', peer) + wire_text("x") + '\1'; },  // CHANNEL_REQUEST
      [](const auto&) { return 'Z' + wire_text("x11") + std::string(40, '\0'); },      // CHANNEL_OPEN
  }));
  std::uint64_t sent = 0;
  const Error error = error_of_flood(message, sent);
  CHECK(error.code == ErrorCode::lost);
  CHECK_THAT(error.message, ContainsSubstring("was lost while 'a step' ran: it asks for answers without end, and takes none"));
  CHECK(sent < much / 2);
}

TEST_CASE("the name of a signal that a host says is no longer than what has come of it, nor than anybody reads") {
  const auto [said, shown] = GENERATE(table<std::string, std::string>({
      {std::string("\0\0\0\x64KILL", 8), "signal "},
      {wire_text(std::string(30'000, 'x')), "signal " + std::string(40, 'x') + "..."},
  }));
  ::mallopt(M_PERTURB, 'm');  // memory that is new is full of what is no name
  const HostileHost host([&, name = said](HostileHost::Peer& peer) {
    peer.send(of_channel('b', peer) + wire_text("exit-signal") + '\0' + name);
    peer.send(of_channel('`', peer));  // EOF
    peer.send(of_channel('a', peer));  // CLOSE
  });
  const auto session = open_session(host.target(), host.settings());
  const auto end = step(*session, "true");
  ::mallopt(M_PERTURB, 0);
  CHECK(end.error.code == ErrorCode::lost);
  CHECK_THAT(end.error.message, ContainsSubstring("was lost while 'a step' ran: it ended (" + shown + ")"));
}
