// Certificates of users: what is read of them, and logins by them against a real sshd that trusts their authority.
#include <ctime>
#include <filesystem>

#include "ssh/agent.h"
#include "ssh/auth_support.h"
#include "ssh/key_file.h"
#include "ssh/user_certificate.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/file_text.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

namespace {

// Of the public half of `file`; beside it.
std::string certify_user_key(const std::string& file, const std::vector<std::string>& options) {
  std::vector<std::string> argv{"ssh-keygen", "-q", "-s", key_pair("ed25519", "authority"), "-I", "me"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(file + ".pub");
  REQUIRE(run_program(argv).status == 0);
  return certificate_beside(file);
}

std::string new_key(const TempDir& folder, const std::string& type, const std::string& bits) {
  std::string file = folder / (type + bits);
  std::vector<std::string> argv{"ssh-keygen", "-q", "-t", type, "-N", "", "-f", file};
  if (!bits.empty()) argv.insert(argv.end(), {"-b", bits});
  REQUIRE(run_program(argv).status == 0);
  return file;
}

UserCertificate certificate_at(const std::string& path) {
  auto certificate = read_certificate(path);
  INFO((certificate ? "" : certificate.error().message));
  REQUIRE(certificate);
  REQUIRE(*certificate);
  return **std::move(certificate);
}

SshdFixture trusting(std::vector<std::string> more = {}) {
  more.push_back("TrustedUserCAKeys " + key_pair("ed25519", "authority") + ".pub");
  return SshdFixture({.host_keys = {"ed25519"}, .config = std::move(more)});
}

}  // namespace

TEST_CASE("a certificate of each kind of key logs in, signed with by its key file") {
  const TempDir folder;
  const auto& [type, bits, kind] = GENERATE(table<std::string, std::string, std::string>(
      {{"ed25519", "", "ssh-ed25519"}, {"ecdsa", "256", "ecdsa-sha2-nistp256"}, {"ecdsa", "384", "ecdsa-sha2-nistp384"},
       {"ecdsa", "521", "ecdsa-sha2-nistp521"}, {"rsa", "2048", "ssh-rsa"}}));
  const std::string file = new_key(folder, type, bits);
  const UserCertificate certificate = certificate_at(certify_user_key(file, {"-n", SshdFixture::user()}));
  CHECK(certificate.type == kind + "-cert-v01@openssh.com");
  const auto key = KeyFile::read(file);
  REQUIRE((key && *key));
  CHECK(certificate.key_blob == (*key)->public_blob());
  const auto opened = (*key)->open({});
  REQUIRE(opened);
  const SshdFixture sshd = trusting();
  Client client(sshd);
  std::string used;
  CHECK(client.log_in_by(certificate.blob, [&](std::string_view data, std::string_view algorithm) {
    used = algorithm;
    return opened->sign(data, algorithm);
  }) == 0);
  CHECK(client.logged_in());
  CHECK(used == (type == "rsa" ? "rsa-sha2-512-cert-v01@openssh.com" : certificate.type));
}

TEST_CASE("an rsa key signs for its certificate with the digest that the algorithm names, and never with SHA-1") {
  const auto file = KeyFile::read(key_pair("rsa", "one"));
  const auto key = (*file)->open({});
  REQUIRE(key);
  for (const std::string algorithm : {"rsa-sha2-256", "rsa-sha2-512"}) {
    const auto signature = key->sign("data", algorithm);  // of the same bytes always the same
    REQUIRE(signature);
    CHECK(key->sign("data", algorithm + "-cert-v01@openssh.com") == *signature);
  }
  CHECK_FALSE(key->sign("data", "ssh-rsa-cert-v01@openssh.com"));
}

TEST_CASE("a certificate file logs in with its key in the agent") {
  const TempDir folder;
  const auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  const std::string file = new_key(folder, type, "");
  const RealAgent agent(folder, {file});  // loaded before there is a certificate
  const UserCertificate certificate = certificate_at(certify_user_key(file, {"-n", SshdFixture::user()}));
  const Agent client_of(agent.socket());
  const auto identities = client_of.list({});
  REQUIRE(identities);
  REQUIRE(identities->size() == 1);
  REQUIRE((*identities)[0].blob == certificate.key_blob);
  const SshdFixture sshd = trusting();
  Client client(sshd);
  // Asked for a signature of the plain key: the agent doesn't know the certificate.
  CHECK(client.log_in_by(certificate.blob, [&](std::string_view data, std::string_view algorithm) {
    return client_of.sign(certificate.key_blob, data, algorithm, {});
  }) == 0);
  CHECK(client.logged_in());
}

TEST_CASE("what is wrong with a certificate is told before a host is asked, and such a one is refused by it") {
  const TempDir folder;
  const std::string file = new_key(folder, "ed25519", "");
  const SshdFixture sshd = trusting();
  const auto opened = [&] { return (*KeyFile::read(file))->open({}); }();
  REQUIRE(opened);
  const auto refused = [&](const std::string& blob) {
    Client client(sshd);
    return client.log_in_by(blob, [&](std::string_view data, std::string_view algorithm) { return opened->sign(data, algorithm); }) !=
           0;
  };
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  const std::string path = certificate_beside(file);
  SECTION("expired") {
    const auto certificate = certificate_at(certify_user_key(file, {"-n", SshdFixture::user(), "-V", "20240101000000Z:20240203040500Z"}));
    CHECK(certificate.trouble(now) == "the certificate '" + path + "' has expired on 2024-02-03 04:05 UTC");
    CHECK(certificate.trouble(certificate.valid_to - 1).empty());
    CHECK(certificate.label() == path + " ('me' for " + SshdFixture::user() + ", until 2024-02-03 04:05 UTC)");
    CHECK(refused(certificate.blob));
  }
  SECTION("not yet valid") {
    const auto certificate = certificate_at(certify_user_key(file, {"-n", SshdFixture::user(), "-V", "20990101000000Z:21000101000000Z"}));
    CHECK(certificate.trouble(now) == "the certificate '" + path + "' is not valid before 2099-01-01 00:00 UTC");
    CHECK(certificate.trouble(certificate.valid_from).empty());
    CHECK(refused(certificate.blob));
  }
  SECTION("for nobody") {
    const auto certificate = certificate_at(certify_user_key(file, {}));
    CHECK(certificate.trouble(now).empty());  // the account's authorized_keys may trust the authority
    CHECK(certificate.label() == path + " ('me' for nobody)");
    CHECK(refused(certificate.blob));
  }
  SECTION("a host's") {
    const auto certificate = certificate_at(certify_user_key(file, {"-h", "-n", SshdFixture::user()}));
    CHECK(certificate.trouble(now) == "the certificate '" + path + "' is a host's, not a user's");
    CHECK(refused(certificate.blob));
  }
  SECTION("nothing") {
    const auto certificate = certificate_at(certify_user_key(file, {"-n", "deploy," + SshdFixture::user(), "-z", "18446744073709551615"}));
    CHECK(certificate.trouble(now).empty());
    CHECK(certificate.label() == path + " ('me' for deploy, " + SshdFixture::user() + ")");
    CHECK(certificate.principals == std::vector<std::string>{"deploy", SshdFixture::user()});
    CHECK(certificate.serial == 18446744073709551615U);
    CHECK_FALSE(refused(certificate.blob));
  }
}

TEST_CASE("files that hold no certificate are told as such, and what is cut off is none") {
  const TempDir folder;
  const auto missing = read_certificate(folder / "missing");
  REQUIRE(missing);
  CHECK_FALSE(*missing);
  const std::string file = new_key(folder, "ed25519", "");
  const std::string certificate = certify_user_key(file, {"-n", "deploy"});
  for (const std::string& wrong : {file, file + ".pub", folder.write("empty", ""), folder.write("words", "ssh-ed25519-cert-v01@openssh.com AAAA me\n"),
                                   folder.write("other", "ssh-rsa-cert-v01@openssh.com" + file_text(certificate).substr(32))}) {
    INFO(wrong);
    const auto refused = read_certificate(wrong);
    REQUIRE_FALSE(refused);
    CHECK(to_text(refused.error()) == "can't use the certificate '" + wrong + "': it holds no certificate\n  see what it is: ssh-keygen -L -f " + wrong);
  }
  const std::string blob = certificate_at(certificate).blob;
  for (std::size_t size = 0; size < blob.size(); ++size) CHECK_FALSE(parse_certificate(blob.substr(0, size)));
  CHECK_FALSE(parse_certificate(blob + "x"));
}

TEST_CASE("the certificate of a key file is looked for where ssh-keygen puts it") {
  CHECK(certificate_beside("/keys/id") == "/keys/id-cert.pub");
  CHECK(certificate_beside("/keys/id.pub") == "/keys/id-cert.pub");
}

TEST_CASE("the certificate beside a key file, or one that is named, logs in where the key itself isn't known") {
  const TempDir folder;
  const std::string file = new_key(folder, "ed25519", "");
  const SshdFixture sshd = trusting();
  Settings settings;
  settings.host.identities = {file};
  settings.host.identities_given = true;
  SECTION("beside it") {
    certify_user_key(file, {"-n", SshdFixture::user()});
    expect_login(sshd, settings);
  }
  SECTION("named") {
    const std::string moved = folder / "elsewhere.pub";
    std::filesystem::rename(certify_user_key(file, {"-n", SshdFixture::user()}), moved);
    settings.host.certificates = {moved};
    expect_login(sshd, settings);
  }
  SECTION("named, before all that the agent has") {
    const std::string moved = folder / "elsewhere.pub";
    std::filesystem::rename(certify_user_key(file, {"-n", SshdFixture::user()}), moved);
    std::vector<std::string> others;
    for (const char* name : {"a1", "a2", "a3", "a4", "a5", "a6"}) others.push_back(key_pair("ed25519", name));
    const RealAgent agent(folder, others);
    settings.host.certificates = {moved};
    settings.host.agent_socket = agent.socket();
    expect_login(sshd, settings);
  }
  SECTION("for the agent's key") {
    const std::string moved = folder / "elsewhere.pub";
    std::filesystem::rename(certify_user_key(file, {"-n", SshdFixture::user()}), moved);
    const RealAgent agent(folder, {file});
    settings.host.identities.clear();
    settings.host.certificates = {moved};
    settings.host.agent_socket = agent.socket();
    expect_login(sshd, settings);
  }
  SECTION("named where a key is, as ssh -i takes it") {
    const std::string moved = folder / "elsewhere.pub";
    std::filesystem::rename(certify_user_key(file, {"-n", SshdFixture::user()}), moved);
    settings.host.identities_required = GENERATE(false, true);
    settings.host.identities = {moved};
    SECTION("beside its key's file") {
      settings.host.identities.push_back(file);
      expect_login(sshd, settings);
    }
    SECTION("for the agent's key") {
      const RealAgent agent(folder, {file});
      settings.host.agent_socket = agent.socket();
      settings.host.identities_only = true;
      expect_login(sshd, settings);
    }
    SECTION("for a key that isn't here") {
      if (settings.host.identities_required) settings.host.identities.push_back(key_pair("ed25519", "one"));
      CHECK(refused_login(sshd, settings).message.find(moved + ": only the public key is here, and no ssh-agent has the private one") != std::string::npos);
    }
  }
  SECTION("beside it, for nobody in particular, by the account's own line for the authority") {
    certify_user_key(file, {});
    sshd.authorize("cert-authority " + public_line("ed25519", "authority"));
    expect_login(sshd, settings);
  }
  SECTION("one that has expired is not shown to the host, and said") {
    certify_user_key(file, {"-n", SshdFixture::user(), "-V", "20200101:20200102"});
    const Error error = refused_login(sshd, settings);
    CHECK(error.message.find("has expired") != std::string::npos);
  }
  SECTION("one that is not there") {
    settings.host.certificates = {folder / "gone.pub"};
    const Error error = refused_login(sshd, settings);
    CHECK(error.message.find("gone.pub: no such file") != std::string::npos);
  }
}
