// Sessions of the real Connector with an SshdFixture (or a Relay before it), and steps in them.
//
//   auto session = open_session(sshd);                    // fails the test where that doesn't work
//   auto end = step(*session, "echo hello");              // end.status, end.out, end.err
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ssh/ssh_connector.h"
#include "ssh/transport.h"
#include "support/sshd_fixture.h"

namespace kirikae::test {

inline ssh::Settings settings_for(const SshdFixture& sshd, ssh::Carrier carrier = ssh::Carrier::libssh2) {
  ssh::Settings settings;
  settings.carrier = carrier;
  settings.host.known_hosts = {sshd.known_hosts()};
  settings.host.identities = {SshdFixture::client_key()};
  settings.host.identities_given = settings.host.identities_required = true;
  return settings;
}

inline ssh::Target target_for(const SshdFixture& sshd) {
  return {"web1", sshd.address(), sshd.port(), SshdFixture::user()};
}

// Through something that listens on 127.0.0.1:`port` in the server's place; its key is put into the server's known_hosts.
inline ssh::Target target_for(const SshdFixture& sshd, int port) {
  sshd.folder().write("known_hosts", sshd.folder().read("known_hosts") + sshd.known_hosts_lines("127.0.0.1", port));
  return {"web1", "127.0.0.1", port, SshdFixture::user()};
}

inline ssh::Wait within(std::chrono::milliseconds time, std::stop_token stop = {}) {
  return {Deadline::in(time), std::move(stop)};
}

inline Result<std::unique_ptr<ssh::Transport>> try_session(const ssh::Target& target, const ssh::Settings& settings,
                                                           const ssh::Wait& wait = within(std::chrono::seconds(30))) {
  return ssh::make_connector(settings)->connect(target, {}, wait);
}

// Of a session that can't be had.
inline Error error_of(const ssh::Target& target, const ssh::Settings& settings, const ssh::Wait& wait = within(std::chrono::seconds(20))) {
  auto session = try_session(target, settings, wait);
  return session ? Error() : std::move(session).error();
}

inline std::unique_ptr<ssh::Transport> open_session(const ssh::Target& target, const ssh::Settings& settings) {
  auto session = try_session(target, settings);
  if (!session) throw std::runtime_error(to_text(session.error()));
  return std::move(*session);
}

inline std::unique_ptr<ssh::Transport> open_session(const SshdFixture& sshd) {
  return open_session(target_for(sshd), settings_for(sshd));
}

struct StepEnd {
  int status = -1;  // -1: there was an error
  std::string signal;
  std::string out;
  std::string err;
  Error error;
};

inline StepEnd step(ssh::Transport& transport, std::string_view text,
                    const ssh::Wait& wait = within(std::chrono::seconds(30))) {
  StepEnd end;
  const auto collect = [&](ssh::Stream stream, std::string_view bytes) {
    (stream == ssh::Stream::out ? end.out : end.err) += bytes;
  };
  auto exit = transport.exec({"a step", std::string(text)}, collect, wait);
  if (exit) {
    end.status = exit->status;
    end.signal = exit->signal;
  } else {
    end.error = std::move(exit).error();
  }
  return end;
}

}  // namespace kirikae::test
