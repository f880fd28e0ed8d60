// What the tests of sessions that the system's ssh carries share.
#pragma once

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "ssh/ssh_config.h"
#include "support/ssh_session.h"

namespace kirikae::test {

// With ssh_config's text, and what the recipe says.
inline ssh::Settings configured(const SshdFixture& sshd, const std::string& text, ssh::Carrier carrier, ssh::Overrides recipe) {
  ssh::Settings settings;
  settings.carrier = carrier;
  recipe.config = sshd.folder().write("ssh_config", text);
  const ssh::LocalUser self{sshd.home(), SshdFixture::user(), "here", "", {{"PATH", std::getenv("PATH")}}};
  settings.config = std::make_shared<ssh::SshConfig>(std::move(recipe), self);
  return settings;
}

// The same with the server's known_hosts and key as the recipe's.
inline ssh::Settings configured(const SshdFixture& sshd, const std::string& text, ssh::Carrier carrier = ssh::Carrier::openssh) {
  return configured(sshd, text, carrier, {.known_hosts = {sshd.known_hosts()}, .identities = {SshdFixture::client_key()}});
}

}  // namespace kirikae::test
