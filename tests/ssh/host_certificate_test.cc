// Certificates of hosts: what is read of them, and whom they vouch for. Real ones of ssh-keygen, and such as it doesn't make.
#include "ssh/host_certificate.h"

#include "ssh/host_certificate_support.h"
#include "ssh/host_keys.h"
#include "ssh/key_file.h"
#include "ssh/libssh2_patches.h"
#include "ssh/private_key.h"
#include "support/catch.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

namespace {

constexpr std::uint64_t now = 1'800'000'000;

// An authority of ours, that signs whatever it is given.
class Authority {
 public:
  explicit Authority(char seed = 'a') : key_(*make_ed25519(std::string(32, seed))) {}
  [[nodiscard]] const std::string& blob() const { return key_.public_blob(); }
  [[nodiscard]] std::string sign(std::string_view data) const {
    std::string signature;
    append_string(signature, "ssh-ed25519");
    append_string(signature, *key_.sign(data, "ssh-ed25519"));
    return signature;
  }
  // The claims, signed.
  [[nodiscard]] std::string certify(Claims claims) const {
    if (claims.authority.empty()) claims.authority = blob();
    if (!claims.sign) claims.sign = [this](std::string_view data) { return sign(data); };
    return blob_of(claims);
  }
  [[nodiscard]] std::string line() const { return "ssh-ed25519 " + to_base64(blob()); }

 private:
  PrivateKey key_;
};

// What a security key does, done by a key of a file: nobody can tell by the signatures.
class SecurityKey {
 public:
  explicit SecurityKey(const std::string& file) : key_(*(*KeyFile::read(file))->open("")), plain_(key_type(key_.public_blob())) {
    append_string(blob_, plain_ == "ssh-ed25519" ? "sk-ssh-ed25519@openssh.com" : "sk-ecdsa-sha2-nistp256@openssh.com");
    WireReader fields(key_.public_blob());
    fields.string();
    blob_ += fields.rest();
    append_string(blob_, application);
  }
  [[nodiscard]] const std::string& blob() const { return blob_; }
  [[nodiscard]] std::string sign(std::string_view data) const {
    std::string about = sha256_bytes(application) + touched + counter + sha256_bytes(data);
    std::string signature;
    append_string(signature, key_type(blob_));
    append_string(signature, *key_.sign(about, plain_));
    return signature + touched + counter;
  }
  [[nodiscard]] std::string certify(Claims claims) const {
    claims.authority = blob();
    if (!claims.sign) claims.sign = [this](std::string_view data) { return sign(data); };
    return blob_of(claims);
  }
  [[nodiscard]] std::string line() const { return key_type(blob_) + " " + to_base64(blob_); }

 private:
  inline static const std::string application = "ssh:", touched = "\x01", counter = "seen";
  PrivateKey key_;
  std::string plain_, blob_;
};

CertificateTrouble trouble_of(const std::string& blob, std::string_view name = "web1", std::string_view signatures = {}) {
  const auto certificate = HostCertificate::read(blob);
  if (!certificate) return certificate.error();
  return certificate->trouble(name, now, signatures);
}

std::string packed(std::initializer_list<std::string> strings) {
  std::string bytes;
  for (const auto& string : strings) append_string(bytes, string);
  return bytes;
}

}  // namespace

TEST_CASE("a certificate of each kind of key, signed by each kind of authority, vouches for its host", "[slow]") {
  const TempDir folder;
  const std::string kind = GENERATE("ed25519", "ecdsa 256", "ecdsa 384", "ecdsa 521", "rsa 2048");
  const std::string by = GENERATE("ed25519", "ecdsa 256", "ecdsa 384", "ecdsa 521", "rsa 2048", "rsa 2048 256");
  CAPTURE(kind, by);
  const bool short_digest = by == std::string("rsa 2048 256");
  const std::string authority = make_pair(folder, short_digest ? "rsa 2048" : by, "authority");
  std::vector<std::string> options{"-h", "-n", "web1,web1.example.com"};
  if (short_digest) options.insert(options.end(), {"-t", "rsa-sha2-256"});
  const std::string host = make_pair(folder, kind, "host");
  const std::string blob = blob_of(certify(host, authority, options));
  CHECK(plain_key(blob) == blob_of(host + ".pub"));
  CHECK(plain_key(plain_key(blob)) == plain_key(blob));
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "@cert-authority *.example.com,web1 " + public_half(authority + ".pub") + "\n")});
  CHECK(keys.verify("web1", 22, blob));
  CHECK(keys.verify("web1.example.com", 22, blob));
  CHECK(keys.judge("web1", 22, blob).standing == Standing::known);
  CHECK(keys.judge("web2.example.com", 22, blob).standing == Standing::vouched);
  CHECK(keys.judge("web2", 22, blob).standing == Standing::unknown);
  CHECK(keys.judge("web1", 2222, blob).standing == Standing::known);
}

TEST_CASE("what a certificate says about other hosts, other times or other ends is no word for this one") {
  const Authority authority;
  const auto text = [&](Claims claims, std::string_view name = "web1") { return trouble_of(authority.certify(std::move(claims)), name).text; };
  const std::string then = date_of(now);
  CHECK(text({}) == "");
  CHECK(text({.to = now}) == "has expired on " + then + ", and here it is " + then);
  CHECK(text({.to = now + 1}) == "");
  CHECK(text({.from = now + 1}) == "is not valid before " + then + ", and here it is " + then);
  CHECK(text({.from = now}) == "");
  CHECK(text({.purpose = 1}) == "is a user's, not a host's");
  CHECK(text({.principals = {}}) == "names no host");
  CHECK(text({.principals = {"web2", "*"}}) == "is for 'web2', '*' and not for 'web1'");
  CHECK(text({.principals = {"web2", "web1"}}) == "");
  CHECK(text({}, "WEB1") == "is for 'web1' and not for 'WEB1'");
  CHECK(text({.principals = {"web"}}) == "is for 'web' and not for 'web1'");
  CHECK(text({.principals = {"web1 "}}) == "is for 'web1 ' and not for 'web1'");
  CHECK(text({.critical = packed({"force-command", "x"})}) == "has the critical option 'force-command', which hosts have none of");
  CHECK(text({.extensions = packed({"whatever", "x"})}) == "");
  CHECK(trouble_of(authority.certify({.to = now})).hint ==
        "if this machine's clock is ahead, set it; else have the authority sign the host's key: ssh-keygen -s CA -I ID -h -n web1 KEY.pub");
  CHECK(trouble_of(authority.certify({.from = now + 1})).hint.starts_with("if this machine's clock is behind, set it; else "));
  CHECK(trouble_of(authority.certify({.principals = {"web2"}})).hint.find("HostKeyAlias") != std::string::npos);
}

TEST_CASE("an authority signs as ssh_config allows it, and never by SHA-1, DSA or in ways that aren't known here") {
  const Authority authority;
  CHECK(trouble_of(authority.certify({}), "web1", "ssh-ed25519,rsa-sha2-512").text.empty());
  CHECK(trouble_of(authority.certify({}), "web1", "ecdsa-sha2-nistp256,rsa-sha2-512").text ==
        "is signed with 'ssh-ed25519', which CASignatureAlgorithms of ssh_config doesn't allow");

  const TempDir folder;
  const std::string host = make_pair(folder, "ed25519", "host");
  const std::string old = blob_of(certify(host, key_pair("rsa", "authority"), {"-h", "-n", "web1", "-t", "ssh-rsa"}));
  CHECK(trouble_of(old).text == "is signed by 'ssh-rsa' with 'ssh-rsa', which is not taken here");
  const auto named = [&](const std::string& type) {
    return trouble_of(authority.certify({.authority = packed({type, "x"}), .sign = [&](std::string_view) { return packed({type, "x"}); }})).text;
  };
  CHECK(named("ssh-dss") == "is signed by 'ssh-dss' with 'ssh-dss', which is not taken here");
  CHECK(named("webauthn-sk-ecdsa-sha2-nistp256@openssh.com").ends_with("which is not taken here"));
  const SecurityKey by_browser(make_pair(folder, "ecdsa 256", "browser"));
  CHECK(trouble_of(by_browser.certify({.sign = [](std::string_view) { return packed({"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "x"}); }})).text ==
        "is signed by 'sk-ecdsa-sha2-nistp256@openssh.com' with 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com', which is not taken here");
  const std::string small = blob_of(certify(host, make_pair(folder, "rsa 1024", "small"), {"-h", "-n", "web1"}));
  CHECK(trouble_of(small).text == "");  // as OpenSSH, which takes no less
}

TEST_CASE("an authority in a security key vouches as any other, by what ssh-keygen takes for its signature, too") {
  const TempDir folder;
  const std::string kind = GENERATE("ed25519", "ecdsa 256");
  CAPTURE(kind);
  const SecurityKey authority(make_pair(folder, kind, "authority"));
  const std::string blob = authority.certify({});
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "@cert-authority web1 " + authority.line() + "\n")});
  CHECK(keys.verify("web1", 22, blob));
  CHECK(trouble_of(blob, "web1", "sk-*").text == "");
  CHECK(trouble_of(blob, "web1", "ssh-ed25519,ecdsa-*").text.ends_with("CASignatureAlgorithms of ssh_config doesn't allow"));
  const auto others_take = [&](const std::string& bytes) {
    return run_program({"ssh-keygen", "-L", "-f", folder.write("cert.pub", Claims().type + " " + to_base64(bytes) + "\n")}).status == 0;
  };
  CHECK(others_take(blob));
  const std::string other = authority.certify({.sign = [&](std::string_view data) { return authority.sign(std::string(data) + "x"); }});
  CHECK_FALSE(others_take(other));
  CHECK(trouble_of(other).text == "is no proof: its signature is not that of the authority which it names");
  // Its flags and its counter are signed, too.
  for (std::size_t at = 0; at < blob.size(); ++at) {
    std::string changed = blob;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CAPTURE(at);
    REQUIRE_FALSE(keys.verify("web1", 22, changed));
    REQUIRE_FALSE(keys.verify("web1", 22, blob.substr(0, at)));
  }
  CHECK_FALSE(keys.verify("web1", 22, authority.certify({.sign = [&](std::string_view data) { return authority.sign(data) + "x"; }})));
}

TEST_CASE("what is malformed, or not signed by whom it names, is no proof at all") {
  const Authority authority;
  const auto text = [&](Claims claims) { return trouble_of(authority.certify(std::move(claims))).text; };
  const std::string damaged = "is no proof: it is damaged";
  CHECK(text({.purpose = 0}) == damaged);
  CHECK(text({.purpose = 3}) == damaged);
  CHECK(text({.type = "ssh-ed25519-cert-v02@openssh.com"}) == damaged);
  CHECK(text({.id = std::string("a\0b", 3)}) == damaged);
  CHECK(text({.principals = {std::string("web1\0.evil", 10)}}) == damaged);
  CHECK(text({.principals = std::vector<std::string>(256, "web1")}) == "");
  CHECK(text({.principals = std::vector<std::string>(257, "web1")}) == damaged);
  CHECK(text({.behind_principals = "x"}) == damaged);
  CHECK(text({.critical = packed({"alone"})}) == damaged);
  CHECK(text({.extensions = packed({"alone"})}) == damaged);
  CHECK(trouble_of(authority.certify({}) + "x").text == damaged);
  const Authority other('b');
  const std::string foreign = "is no proof: its signature is not that of the authority which it names";
  CHECK(text({.authority = other.blob()}) == foreign);
  CHECK(text({.authority = authority.blob() + "x"}) == foreign);
  CHECK(text({.sign = [&](std::string_view data) { return authority.sign(data) + "x"; }}) == foreign);
  CHECK(text({.sign = [&](std::string_view data) { return authority.sign(std::string(data) + "x"); }}) == foreign);
  CHECK(text({.sign = [&](std::string_view) { return std::string(); }}) == foreign);
  const std::string inner = authority.certify({});
  CHECK(text({.authority = inner}) == "is no proof: its authority is a certificate itself");
}

TEST_CASE("a certificate that is cut, or changed anywhere, vouches for nobody") {
  const TempDir folder;
  const std::string by = GENERATE("ed25519", "ecdsa", "rsa");
  const std::string kind = GENERATE("ed25519", "ecdsa 521", "rsa 2048");
  CAPTURE(by, kind);
  const std::string authority = key_pair(by, "authority");
  const std::string blob = blob_of(certify(make_pair(folder, kind, "host"), authority, {"-h", "-n", "web1"}));
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "@cert-authority web1 " + public_half(authority + ".pub") + "\n")});
  REQUIRE(keys.verify("web1", 22, blob));
  const auto refused = [&](const std::string& changed) {
    return keys.judge("web1", 22, changed).standing != Standing::known && !keys.verify("web1", 22, changed);
  };
  for (std::size_t size = 0; size < blob.size(); ++size) {
    CAPTURE(size);
    REQUIRE(refused(blob.substr(0, size)));
  }
  for (std::size_t at = 0; at < blob.size(); ++at) {
    for (const unsigned char bits : {0x01, 0x80, 0xff}) {
      std::string changed = blob;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ bits);
      CAPTURE(at, bits);
      REQUIRE(refused(changed));
    }
    REQUIRE(refused(blob.substr(0, at) + blob.substr(at + 1)));
  }
}

TEST_CASE("certificates are asked for where an authority is on file, before all else, by a library that has them") {
  const TempDir folder;
  const Authority authority;
  const std::string plain = public_half(key_pair("ecdsa", "one") + ".pub");
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "web1 " + plain + "\n@cert-authority web1,web2 " + authority.line() + "\n@revoked * " +
                                                                        authority.line() + "\nweb3 " + plain + "\n")});
  std::vector<std::string> certificates;
  if (libssh2_is_patched) {
    certificates = {"ssh-ed25519-cert-v01@openssh.com",         "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
                    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",        "rsa-sha2-256-cert-v01@openssh.com"};
  }
  CHECK(keys.key_types("web2", 22) == certificates);
  certificates.emplace_back("ecdsa-sha2-nistp256");
  CHECK(keys.key_types("web1", 22) == certificates);
  CHECK(keys.key_types("web3", 22) == std::vector<std::string>{"ecdsa-sha2-nistp256"});
}

TEST_CASE("a certificate that says nothing about a host leaves its key to the lines for keys, and the error says why it doesn't count") {
  const TempDir folder;
  const Authority authority, other('b');
  const std::string key = key_pair("ed25519", "one"), stranger = public_half(key_pair("ed25519", "two") + ".pub");
  const std::string key_blob = blob_of(key + ".pub");
  WireReader fields(key_blob);
  fields.string();
  const Claims claims{.key = std::string(*fields.string()), .to = now - 1'000'000'000};
  const std::string blob = authority.certify(claims);
  REQUIRE(plain_key(blob) == key_blob);
  const std::string expired = "has expired on " + date_of(claims.to) + ", and here it is ";
  const std::string trust = "@cert-authority web1 " + authority.line() + "\n";
  const std::string shown = "ssh-ed25519 " + fingerprint(plain_key(blob));
  const auto judged = [&](const std::string& lines) {
    const HostKeys keys = HostKeys::load({folder.write("known_hosts", lines)}, "deploy trust production");
    const auto verified = keys.verify("web1", 22, blob);
    return std::pair(keys.judge("web1", 22, blob), verified ? Error() : verified.error());
  };

  SECTION("nothing else is known") {
    const auto [judgement, error] = judged("nonsense\n" + trust);
    CHECK(judgement.standing == Standing::vouched);
    CHECK(judgement.certificate.starts_with(expired));
    CHECK(error.code == ErrorCode::host_key);
    CHECK(error.message.starts_with("host certificate of 'web1' " + expired));
    CHECK(error.message.ends_with(": 'the id', signed by ssh-ed25519 " + fingerprint(authority.blob()) + "; " + (folder / "known_hosts") +
                                  ":2 trusts ssh-ed25519 " + fingerprint(authority.blob()) + "; nor is its key known: " + shown +
                                  "; passed over: " + (folder / "known_hosts") + ":1: no key"));
  }
  SECTION("the key itself is known") {
    CHECK(judged(trust + "web1 " + public_half(key + ".pub") + "\n").first.standing == Standing::known);
  }
  SECTION("another key is known") {
    const auto [judgement, error] = judged(trust + "web1 " + stranger + "\n");
    CHECK(judgement.standing == Standing::changed);
    CHECK(judgement.others.size() == 1);
    CHECK(error.message.starts_with("HOST KEY OF 'web1' HAS CHANGED: it shows " + shown + ", but known is "));
    CHECK(error.message.find("; its certificate " + expired) != std::string::npos);
    CHECK(error.hint.ends_with("run: deploy trust production --replace"));
  }
  SECTION("the key is revoked") {
    const auto [judgement, error] = judged(trust + "@revoked * " + public_half(key + ".pub") + "\n");
    CHECK(judgement.standing == Standing::revoked);
    CHECK(error.message == "host key of 'web1' is revoked: " + shown + " (" + (folder / "known_hosts") + ":2)");
  }
  SECTION("nobody trusts its authority") {
    const auto [judgement, error] = judged("@cert-authority web1 " + other.line() + "\n@cert-authority web2 " + authority.line() + "\n");
    CHECK(judgement.standing == Standing::vouched);
    CHECK(error.message == "host certificate of 'web1' is of an authority that is not trusted for it: 'the id', signed by ssh-ed25519 " +
                               fingerprint(authority.blob()) + "; " + (folder / "known_hosts") + ":1 trusts ssh-ed25519 " +
                               fingerprint(other.blob()) + "; nor is its key known: " + shown);
    CHECK(error.hint == "compare that fingerprint with the authority's own (ssh-keygen -lf CA.pub); if they are the same, add "
                        "'@cert-authority web1 ' and the line of CA.pub to " + (folder / "known_hosts"));
  }
  SECTION("the authority's key is known as a host's") {
    CHECK(judged("web1 " + authority.line() + "\n").first.standing == Standing::changed);
  }
}

TEST_CASE("an authority or a key that is revoked vouches for nobody, whatever else is known") {
  const TempDir folder;
  const Authority authority;
  const std::string blob = authority.certify({});
  const std::string plain = "ssh-ed25519 " + to_base64(plain_key(blob));
  const std::string lines = "@cert-authority web1 " + authority.line() + "\nweb1 " + plain + "\n";
  const auto refused = [&](const std::string& more) {
    const HostKeys keys = HostKeys::load({folder.write("known_hosts", lines + more)});
    const auto verified = keys.verify("web1", 22, blob);
    CHECK(keys.judge("web1", 22, blob).standing == (verified ? Standing::known : Standing::revoked));
    return verified ? Error() : verified.error();
  };
  CHECK(refused("").message.empty());
  const Error by_authority = refused("@revoked * " + authority.line() + "\n");
  CHECK(by_authority.message == "host certificate of 'web1' is of an authority that is revoked: 'the id', signed by ssh-ed25519 " +
                                    fingerprint(authority.blob()) + " (" + (folder / "known_hosts") + ":3)");
  CHECK(by_authority.hint == "have another authority sign the host's key, and trust that one (@cert-authority in known_hosts)");
  const std::string of_key = "host key of 'web1' is revoked: ssh-ed25519 " + fingerprint(plain_key(blob)) + " (" + (folder / "known_hosts") + ":3)";
  CHECK(refused("@revoked * " + plain + "\n").message == of_key);
  CHECK(refused("@revoked * ssh-ed25519-cert-v01@openssh.com " + to_base64(blob) + "\n").message == of_key);
  CHECK(refused("@revoked web2 " + authority.line() + "\n").message.empty());
}
