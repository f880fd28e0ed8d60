// Certificates of hosts, shown by real servers: who is let in by them, before any login.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "ssh/certificate.h"
#include "ssh/host_certificate_support.h"
#include "ssh/host_keys.h"
#include "ssh/kexinit.h"
#include "ssh/libssh2_patches.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "support/catch.h"
#include "support/skip.h"
#include "support/ssh_session.h"

using namespace kirikae;
using namespace kirikae::test;
using namespace std::chrono_literals;

namespace {

// A server that shows a certificate, and what trusts its authority.
class Certified {
 public:
  explicit Certified(const std::string& kind = "ed25519", const std::string& by = "ed25519", const std::vector<std::string>& options = {"-n", "127.0.0.1,web1"},
                     std::vector<std::string> config = {}, std::vector<std::string> addresses = {"127.0.0.1"})
      : authority_(make_pair(folder_, by, "authority")),
        key_(make_pair(folder_, kind, "host")),
        certificate_(certify(key_, authority_, with_h(options))),
        sshd_(SshdFixture::Options{.host_keys = {}, .config = shown(std::move(config)), .addresses = std::move(addresses)}) {}

  [[nodiscard]] const SshdFixture& sshd() const { return sshd_; }
  [[nodiscard]] const TempDir& folder() const { return folder_; }
  [[nodiscard]] std::string certificate() const { return blob_of(certificate_); }
  [[nodiscard]] std::string key_line() const { return public_half(key_ + ".pub"); }
  // As a connector by default, with these lines in known_hosts.
  [[nodiscard]] ssh::Settings settings(const std::string& lines) const {
    auto settings = settings_for(sshd_);
    settings.host.known_hosts = {folder_.write("known_hosts", lines)};
    return settings;
  }
  [[nodiscard]] std::string trusting(const std::string& names) const {
    return "@cert-authority " + names + " " + public_half(authority_ + ".pub") + "\n";
  }
  [[nodiscard]] std::string place() const { return "[127.0.0.1]:" + std::to_string(sshd_.port()); }

 private:
  static std::vector<std::string> with_h(std::vector<std::string> options) {
    options.insert(options.begin(), "-h");
    return options;
  }
  std::vector<std::string> shown(std::vector<std::string> config) const {
    config.insert(config.end(), {"HostKey " + key_, "HostCertificate " + certificate_});
    return config;
  }

  TempDir folder_;
  std::string authority_, key_, certificate_;
  SshdFixture sshd_;
};

bool no_certificates() { return is_skipped(!ssh::libssh2_is_patched, "this libssh2 knows no host certificates"); }

bool nobody_logged_in(const SshdFixture& sshd) {
  return sshd.log().find("Accepted") == std::string::npos && sshd.log().find("Failed") == std::string::npos;
}

Error refusal_of(const Result<std::unique_ptr<ssh::Transport>>& session) {
  REQUIRE_FALSE(session);
  return session.error();
}

// A server in the middle, that shows another host key than the real one behind it: `blob` in the reply of the key exchange.
class Impostor {
 public:
  Impostor(Fd server, std::string blob) : server_(std::move(server)), blob_(std::move(blob)) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) throw std::runtime_error("no socket pair");
    near_ = Fd(ends[0]);
    far_ = Fd(ends[1]);
    thread_ = std::jthread([this] { run(); });
  }
  Fd take() { return std::move(near_); }
  [[nodiscard]] bool has_lied() const { return lied_; }

 private:
  static void pass(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return;
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // Greeting and packets in the clear, up to the reply.
  void tell(std::string_view bytes) {
    said_ += bytes;
    if (!greeted_) {
      const auto end = said_.find('\n');
      if (end == std::string::npos) return;
      pass(far_.get(), said_.substr(0, end + 1));
      said_.erase(0, end + 1);
      greeted_ = true;
    }
    while (!lied_ && said_.size() >= 6) {
      const std::size_t size = 4 + *ssh::WireReader(said_).number();
      if (said_.size() < size) return;
      const std::string packet = said_.substr(0, size);
      said_.erase(0, size);
      pass(far_.get(), packet[5] == 31 ? lie(packet) : packet);
    }
    if (!lied_) return;
    pass(far_.get(), said_);
    said_.clear();
  }

  std::string lie(std::string_view packet) {
    const auto padding = static_cast<unsigned char>(packet[4]);
    ssh::WireReader fields(packet.substr(6, packet.size() - 6 - padding));
    fields.string();
    std::string payload("\x1f");
    ssh::append_string(payload, blob_);
    payload += fields.rest();
    const std::size_t filling = 16 - (payload.size() + 5) % 8;
    std::string other;
    ssh::append_number(other, static_cast<std::uint32_t>(payload.size() + filling + 1));
    lied_ = true;
    return other + static_cast<char>(filling) + payload + std::string(filling, 'p');
  }

  void run() {
    std::array<char, 65536> buffer{};
    for (;;) {
      std::array<pollfd, 2> polled{{{server_.get(), POLLIN, 0}, {far_.get(), POLLIN, 0}}};
      ::poll(polled.data(), 2, -1);
      for (const auto& one : polled) {
        if (one.revents == 0) continue;
        const ssize_t n = ::recv(one.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return;
        const std::string_view bytes(buffer.data(), n < 0 ? 0 : static_cast<std::size_t>(n));
        if (one.fd == server_.get()) tell(bytes);
        if (one.fd == far_.get()) pass(server_.get(), bytes);
      }
    }
  }

  Fd server_, near_, far_;
  std::string blob_, said_;
  bool greeted_ = false;
  std::atomic<bool> lied_ = false;
  std::jthread thread_;  // last: it uses all the others; ends with the session's end of the socket
};

}  // namespace

TEST_CASE("a host with a certificate of an authority on file is let in without a line of its own, by a library that knows certificates") {
  const auto& [kind, by] = GENERATE(table<std::string, std::string>({{"ed25519", "rsa 2048"},
                                                                     {"ecdsa 256", "ed25519"},
                                                                     {"ecdsa 384", "ecdsa 256"},
                                                                     {"ecdsa 521", "ecdsa 521"},
                                                                     {"rsa 2048", "ed25519"}}));
  CAPTURE(kind, by);
  const Certified host(kind, by, {"-n", "127.0.0.1"}, {"RekeyLimit 100K"});
  const auto settings = host.settings(host.trusting("*"));
  auto session = try_session(target_for(host.sshd()), settings);
  if (!ssh::libssh2_is_patched) {
    CHECK(refusal_of(session).message.find("host certificates can't be checked here") != std::string::npos);
    CHECK(nobody_logged_in(host.sshd()));
    return;
  }
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  // The certificate is shown again each time that keys are exchanged.
  CHECK(step(**session, "head -c 1000000 /dev/zero").out.size() == 1'000'000);
  CHECK((*session)->identity() == ssh::fingerprint(ssh::plain_key(host.certificate())));
}

TEST_CASE("an RSA certificate is taken by either digest, and none where ssh_config names only keys") {
  if (no_certificates()) return;
  const Certified host("rsa 2048");
  auto settings = host.settings(host.trusting(host.place()));
  settings.host.host_key_algorithms = GENERATE("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512");
  const auto session = try_session(target_for(host.sshd()), settings);
  if (settings.host.host_key_algorithms != "rsa-sha2-512") {
    CHECK(session);
  } else {
    CHECK(refusal_of(session).message.find("it shows no certificate") != std::string::npos);
  }
}

TEST_CASE("a host whose certificate doesn't count is refused before any login, under accept-new too, and nothing is written") {
  if (no_certificates()) return;
  struct Case {
    std::vector<std::string> options;
    std::string says;
  };
  const Case each = GENERATE(Case{{"-n", "127.0.0.1", "-V", "20240101000000Z:20240203040500Z"}, "has expired on 2024-02-03 04:05 UTC, and here it is "},
                             Case{{"-n", "127.0.0.1", "-V", "20990101000000Z:21000101000000Z"}, "is not valid before 2099-01-01 00:00 UTC, and here it is "},
                             Case{{"-n", "web1,web2"}, "is for 'web1', 'web2' and not for '127.0.0.1'"}, Case{{}, "names no host"},
                             Case{{"-n", "127.0.0.1", "-O", "critical:odd"}, "has the critical option 'odd'"});
  CAPTURE(each.says);
  const Certified host("ed25519", "ed25519", each.options);
  auto settings = host.settings(host.trusting(host.place()));
  settings.host.accept_new = GENERATE(true, false);
  const auto error = refusal_of(try_session(target_for(host.sshd()), settings));
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::host_key);
  CHECK(error.host == "web1");
  CHECK(error.message.starts_with("host certificate of '127.0.0.1' (port " + std::to_string(host.sshd().port()) + ") " + each.says));
  CHECK(nobody_logged_in(host.sshd()));
  CHECK(host.folder().read("known_hosts") == host.trusting(host.place()));

  // As with OpenSSH, its key may be on file all the same.
  CHECK(try_session(target_for(host.sshd()), host.settings(host.trusting(host.place()) + host.place() + " " + host.key_line() + "\n")));
}

TEST_CASE("a certificate is about the name that HostKeyAlias gives, and an authority may sign what ssh_config allows") {
  if (no_certificates()) return;
  const Certified host("ed25519", "rsa 2048", {"-n", "Gate"});
  auto settings = host.settings(host.trusting("gate"));
  CHECK(refusal_of(try_session(target_for(host.sshd()), settings)).code == ErrorCode::host_key);
  settings.host.host_key_alias = "Gate";
  CHECK(try_session(target_for(host.sshd()), settings));
  settings.host.ca_signature_algorithms = "rsa-sha2-512";
  CHECK(try_session(target_for(host.sshd()), settings));
  settings.host.ca_signature_algorithms = "ssh-ed25519,rsa-sha2-256";
  settings.host.accept_new = GENERATE(true, false);
  CHECK(refusal_of(try_session(target_for(host.sshd()), settings)).message.find("CASignatureAlgorithms") != std::string::npos);
  settings.host.ca_signature_algorithms.clear();
  settings.host.host_key_alias = "gate";
  CHECK(refusal_of(try_session(target_for(host.sshd()), settings)).message.find(" is for 'Gate' and not for 'gate'") != std::string::npos);
}

TEST_CASE("a jump host and the host behind it are both known by one authority") {
  if (no_certificates()) return;
  const Certified host("ed25519", "ed25519", {"-n", "127.0.0.1,127.0.0.2"}, {}, {"127.0.0.1", "127.0.0.2"});
  auto settings = host.settings(host.trusting("*"));
  const std::string file = host.folder().write("config", "Host 127.0.0.2\n  ProxyJump 127.0.0.1\nHost 127.0.0.1\n  Port " +
                                                             std::to_string(host.sshd().port()) + "\n");
  settings.config = std::make_shared<ssh::SshConfig>(
      ssh::Overrides{.config = file, .known_hosts = settings.host.known_hosts, .identities = settings.host.identities},
      ssh::LocalUser{host.sshd().home(), SshdFixture::user(), "here", "", {{"PATH", std::getenv("PATH")}}});
  const ssh::Target behind{"web1", "127.0.0.2", host.sshd().port(), SshdFixture::user()};
  const auto connector = ssh::make_connector(settings);
  auto session = connector->connect(behind, {}, within(30s));
  INFO((session ? "" : to_text(session.error())));
  REQUIRE(session);
  CHECK(step(**session, "echo in").out == "in\n");
  const std::string log = host.sshd().log();
  CHECK(log.find("Accepted ") != log.rfind("Accepted "));

  // The jump host's is judged as any other.
  host.folder().write("known_hosts", host.trusting("[127.0.0.2]:*"));
  const auto error = refusal_of(try_session(behind, settings));
  INFO(to_text(error));
  CHECK(error.code == ErrorCode::host_key);
  CHECK(to_text(error).find("jump host '127.0.0.1'") != std::string::npos);
}

TEST_CASE("with transport auto, a host with a certificate stays with libssh2") {
  if (no_certificates()) return;
  const Certified host("ed25519", "ed25519", {"-n", "127.0.0.1"}, {"LogLevel DEBUG1"});
  auto settings = host.settings(host.trusting("*"));
  settings.carrier = ssh::Carrier::automatic;
  std::vector<std::string> warnings;
  settings.warn = [&](const std::string&, const std::string& text) { warnings.push_back(text); };
  CHECK(try_session(target_for(host.sshd()), settings));
  CHECK(warnings.empty());
  CHECK(host.sshd().log().find("remote software version libssh2") != std::string::npos);
}

TEST_CASE("deploy trust finds a host with a good certificate known, and else adds its plain key") {
  if (no_certificates()) return;
  const std::string until = GENERATE("always:forever", "20240101000000Z:20240203040500Z", "revoked");
  const bool revoked = until == "revoked";
  const Certified host("ed25519", "ed25519", {"-n", "127.0.0.1", "-V", revoked ? "always:forever" : until});
  std::string lines = host.trusting(host.place());
  if (revoked) lines += "@revoked" + lines.substr(lines.find(' '));
  const auto connector = ssh::make_connector(host.settings(lines));
  const auto look = [&] { return connector->look({target_for(host.sshd())}, [](std::string_view) {}, within(30s)); };
  const auto shown = look();
  if (revoked) {
    REQUIRE_FALSE(shown);
    CHECK(shown.error().message.find("is of an authority that is revoked") != std::string::npos);
    return;
  }
  REQUIRE(shown);
  CHECK(shown->key == ssh::plain_key(host.certificate()));
  if (until == "always:forever") {
    CHECK(shown->judged.standing == ssh::Standing::known);
    CHECK(shown->judged.certificate.empty());
    CHECK(host.folder().read("known_hosts") == lines);
    return;
  }
  CHECK(shown->judged.standing == ssh::Standing::vouched);
  CHECK(shown->judged.certificate.starts_with("has expired on 2024-02-03 04:05 UTC"));
  REQUIRE(connector->trust(*shown, false));
  CHECK(host.folder().read("known_hosts") == lines + host.place() + " " + host.key_line() + "\n");
  CHECK(look()->judged.standing == ssh::Standing::known);
  CHECK(nobody_logged_in(host.sshd()));
}

TEST_CASE("who shows a certificate without having its key, or one that is cut or changed, is no host", "[slow]") {
  if (no_certificates()) return;
  const std::string kind = GENERATE("ed25519", "ecdsa 384", "rsa 2048");
  const Certified host(kind), other(kind);
  const std::string own = host.certificate();
  const auto settings = host.settings(host.trusting("*"));
  const auto types = ssh::HostKeys::load(settings.host.known_hosts).key_types("127.0.0.1", host.sshd().port());
  const auto target = target_for(host.sshd());
  const auto is_let_in = [&](const std::string& blob) {
    auto socket = ssh::connect_socket(target, settings.host, within(30s));
    REQUIRE(socket);
    Impostor impostor(std::move(*socket), blob);
    ssh::Session session(impostor.take(), target, 15s);
    const auto done = session.handshake(ssh::offered_algorithms(types), within(30s));
    CHECK(impostor.has_lied());
    if (!done) CHECK(done.error().code == ErrorCode::connect);
    return done && *done == ssh::Session::Handshake::done && session.host_key() == blob;
  };
  CHECK(is_let_in(own));
  CHECK_FALSE(is_let_in(other.certificate()));
  CHECK_FALSE(is_let_in(ssh::plain_key(own)));
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, std::size_t{20}, std::size_t{50}, std::size_t{90}, std::size_t{130}, own.size() - 1}) {
    CAPTURE(size);
    CHECK_FALSE(is_let_in(own.substr(0, size)));
  }
  for (const std::size_t at : {std::size_t{0}, std::size_t{3}, std::size_t{10}, own.find("-cert") + 21, own.find("-cert") + 60, own.find("the id"),
                               own.size() - 1}) {
    CAPTURE(at);
    std::string changed = own;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    CHECK_FALSE(is_let_in(changed));
  }
}
