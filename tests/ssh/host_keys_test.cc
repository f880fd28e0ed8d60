#include "ssh/host_keys.h"

#include "ssh/libssh2_patches.h"
#include "ssh/public_key_line.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sshd_fixture.h"
#include "support/temp_dir.h"

using namespace kirikae;
using namespace kirikae::ssh;
using kirikae::test::public_key_line;
using kirikae::test::PublicKeyLine;
using kirikae::test::TempDir;

namespace {

ErrorCode code_of(const Result<void>& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

}  // namespace

TEST_CASE("the key on file is accepted, under the rules for names and ports") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "web1,10.0.0.1 " + key.line + "\n[web2]:2222 " + key.line +
                                                              "\n*.example.com,!db.example.com " + key.line +
                                                              "\n2001:db8::1 " + key.line + "\n")});
  CHECK(keys.verify("web1", 22, key.blob));
  CHECK(keys.verify("WEB1", 22, key.blob));
  CHECK(keys.verify("10.0.0.1", 22, key.blob));
  CHECK(keys.verify("web2", 2222, key.blob));
  CHECK(keys.verify("a.example.com", 22, key.blob));
  CHECK(keys.verify("2001:DB8::1", 22, key.blob));
  CHECK(code_of(keys.verify("web2", 22, key.blob)) == ErrorCode::host_key);
  CHECK(keys.verify("web2", 22, key.blob).error().message.ends_with(":1 has this key under 'web1,10.0.0.1'"));
  CHECK(code_of(keys.verify("db.example.com", 22, key.blob)) == ErrorCode::host_key);
}

TEST_CASE("where nothing is known of a port, what is known of the host's own port counts, if it lets the key in") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const PublicKeyLine other = public_key_line("ed25519", "two");
  const PublicKeyLine rsa = public_key_line("rsa", "one");
  const HostKeys keys = HostKeys::load({folder.write("known_hosts", "web1 " + key.line + "\nweb2 " + key.line + "\n[web2]:2222 " + other.line +
                                                              "\nweb3 " + rsa.line + "\n@revoked web3 " + key.line + '\n')});
  CHECK(keys.verify("web1", 2222, key.blob));
  CHECK(keys.key_types("web3", 2222) == std::vector<std::string>{"rsa-sha2-512", "rsa-sha2-256"});
  CHECK(keys.judge("web1", 2222, other.blob).standing == Standing::unknown);
  CHECK(keys.judge("web2", 2222, key.blob).standing == Standing::changed);
  CHECK(keys.judge("web3", 2222, key.blob).standing == Standing::revoked);
}

TEST_CASE("names that ssh-keygen has hashed are recognised") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const PublicKeyLine other = public_key_line("ed25519", "two");
  const std::string file = folder.write(
      "known_hosts", "web1 " + key.line + "\n[web2]:2222 " + key.line + "\n2001:db8::1 " + key.line + "\n");
  REQUIRE(test::run_program({"ssh-keygen", "-q", "-H", "-f", file}).status == 0);
  REQUIRE(folder.read("known_hosts").find("web1") == std::string::npos);
  const HostKeys keys = HostKeys::load({file});
  CHECK(keys.verify("web1", 22, key.blob));
  CHECK(keys.verify("Web1", 22, key.blob));
  CHECK(keys.verify("web2", 2222, key.blob));
  CHECK(keys.verify("2001:db8::1", 22, key.blob));
  CHECK_FALSE(keys.verify("web2", 22, key.blob));
  REQUIRE_FALSE(keys.verify("web3", 22, key.blob));
  CHECK(keys.verify("web3", 22, key.blob).error().message.ends_with("; " + file + ":1 has this key under another name"));
  CHECK(keys.verify("web1", 22, other.blob).error().message.starts_with("HOST KEY OF 'web1' HAS CHANGED"));
  CHECK(keys.key_types("web1", 22) == std::vector<std::string>{"ssh-ed25519"});
}

TEST_CASE("the key types on file are told in file order, once each, over all files") {
  const TempDir folder;
  const std::string ed25519 = public_key_line("ed25519", "one").line;
  const std::string ecdsa = public_key_line("ecdsa", "one").line;
  const std::string rsa = public_key_line("rsa", "one").line;
  const HostKeys keys =
      HostKeys::load({folder.write("a", "@revoked web1 " + ed25519 + "\nweb1 " + rsa +
                                  "\nca " + ed25519 + "\n"),
            folder / "missing",
            folder.write("b", "web1 " + ecdsa + "\nweb1 " + rsa + "\n")});
  CHECK(keys.key_types("web1", 22) == std::vector<std::string>{"rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256"});
  CHECK(keys.key_types("nobody", 22).empty());
  CHECK(keys.warnings().empty());
}

TEST_CASE("a host is not asked first for a key of a kind of which the known one is revoked") {
  const TempDir folder;
  const std::string ed25519 = public_key_line("ed25519", "one").line, ecdsa = public_key_line("ecdsa", "one").line;
  const HostKeys keys =
      HostKeys::load({folder.write("a", "@revoked * " + ed25519 + "\nweb1 " + ed25519 + "\nweb1 " + ecdsa + "\n")});
  CHECK(keys.key_types("web1", 22) == std::vector<std::string>{"ecdsa-sha2-nistp256"});
}

TEST_CASE("an unknown host key is refused with its fingerprint, the files and the command that adds it") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const std::string file = folder.write("known hosts", "other " + key.line + "\nnonsense\n");
  const std::string second = folder.write("second", "");
  const auto refused = HostKeys::load({file, folder / "missing", second}).verify("web1", 2222, key.blob);
  REQUIRE_FALSE(refused);
  CHECK(to_text(refused.error()) == "host key of 'web1' (port 2222) is not known: ssh-ed25519 " +
                                        fingerprint(key.blob) + " (read: " + file + ", " + second +
                                        "); " + file + ":1 has this key under 'other'; passed over: " + file +
                                        ":2: no key\n  compare the fingerprint with the one that `ssh-keygen -lf "
                                        "/etc/ssh/ssh_host_ed25519_key.pub` prints on the host; "
                                        "if they are the same, run: ssh-keyscan -p 2222 -t ed25519 web1 >> '" +
                                        file + "'");

  const auto none = HostKeys::load({folder / "missing"}).verify("$(id)", 22, public_key_line("rsa", "one").blob);
  CHECK(none.error().message == "host key of '$(id)' is not known: ssh-rsa " + fingerprint(public_key_line("rsa", "one").blob) +
                                    " (none of these files is there: " + (folder / "missing") + ")");
  CHECK(none.error().hint.ends_with("run: ssh-keyscan -t rsa '$(id)' >> " + (folder / "missing")));

  for (const std::vector<std::string>& files : {std::vector<std::string>{"/dev/null", file}, {}}) {
    const auto nowhere = HostKeys::load(files, "deploy trust production").verify("web1", 22, key.blob);
    CHECK(nowhere.error().message.find(files.empty() ? " (no known_hosts file is named)" : " (read: /dev/null, " + file + ")") != std::string::npos);
    CHECK(
        nowhere.error().hint.ends_with("if they are the same, name a file for it under 'ssh' in the recipe "
                                       "(known_hosts_file: PATH), then run: deploy trust production"));
  }
}

TEST_CASE("the fingerprint is the one that ssh-keygen prints") {
  const std::string file = test::key_pair("ed25519", "one");
  CHECK(test::run_program({"ssh-keygen", "-lf", file})
            .output.find(" " + fingerprint(public_key_line("ed25519", "one").blob) + " ") != std::string::npos);
}

TEST_CASE("a changed host key is refused loudly, with both fingerprints, the line and the commands") {
  const TempDir folder;
  const PublicKeyLine old_key = public_key_line("ed25519", "one");
  const PublicKeyLine new_key = public_key_line("ed25519", "two");
  const std::string file = folder.write("known_hosts", "# ours\n[web1]:2222 " + old_key.line + "\n");
  const auto refused = HostKeys::load({file}).verify("web1", 2222, new_key.blob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::host_key);
  CHECK(refused.error().message == "HOST KEY OF 'web1' (port 2222) HAS CHANGED: it shows ssh-ed25519 " +
                                       fingerprint(new_key.blob) + ", but known is ssh-ed25519 " +
                                       fingerprint(old_key.blob) + " (" + file +
                                       ":2); somebody may be listening in, or the host was installed anew");
  CHECK(refused.error().hint ==
        "ask whoever runs the host; only if the new fingerprint is its own, run: ssh-keygen -R '[web1]:2222' -f " +
            file + " && ssh-keyscan -p 2222 -t ed25519 web1 >> " + file);
}

TEST_CASE("a changed key that only a pattern covers is not to be removed by ssh-keygen") {
  const TempDir folder;
  const PublicKeyLine old_key = public_key_line("ed25519", "one");
  const std::string file =
      folder.write("known_hosts", "*.example.com " + old_key.line + "\nweb1.example.com " + old_key.line + "\n");
  const auto refused = HostKeys::load({file}).verify("web1.example.com", 22, public_key_line("ecdsa", "one").blob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().hint ==
        "ask whoever runs the host; only if the new fingerprint is its own, take " + file +
            ":1 out with an editor (its pattern covers other hosts too), then run: ssh-keygen -R "
            "web1.example.com -f " +
            file + " && ssh-keyscan -t ecdsa web1.example.com >> " + file);
}

TEST_CASE("the fixing commands for a changed key fix it") {
  const TempDir folder;
  const test::SshdFixture sshd;
  const std::string file = folder.write(
      "known_hosts", "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + public_key_line("ed25519", "one").line + "\n");
  const PublicKeyLine shown = public_key_line("ed25519", "host");
  const auto refused = HostKeys::load({file}).verify("127.0.0.1", sshd.port(), shown.blob);
  REQUIRE_FALSE(refused);
  const std::string& hint = refused.error().hint;
  REQUIRE(test::run_program({"sh", "-c", "exec 2>/dev/null; " + hint.substr(hint.find("run: ") + 5)}).status == 0);
  CHECK(HostKeys::load({file}).verify("127.0.0.1", sshd.port(), shown.blob));
}

TEST_CASE("a revoked key is refused, even where another line knows it") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const std::string file = folder.write("known_hosts", "web1 " + key.line + "\n@revoked * " + key.line + "\n");
  const auto refused = HostKeys::load({file}).verify("web1", 22, key.blob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::host_key);
  CHECK(refused.error().message ==
        "host key of 'web1' is revoked: ssh-ed25519 " + fingerprint(key.blob) + " (" + file + ":2)");
  CHECK(HostKeys::load({file}).verify("web1", 22, public_key_line("ed25519", "two").blob).error().message.find("HAS CHANGED") !=
        std::string::npos);
}

TEST_CASE("a plain key of a host that only a certificate authority vouches for is refused with the reason") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const std::string file =
      folder.write("known_hosts", "@cert-authority *.example.com " + public_key_line("ed25519", "two").line + "\n");
  const auto refused = HostKeys::load({file}).verify("web1.example.com", 22, key.blob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message ==
        "host key of 'web1.example.com' is not known: ssh-ed25519 " + fingerprint(key.blob) + "; " + file +
            ":1 trusts a certificate authority for this host, but " +
            (libssh2_is_patched ? "it shows no certificate" : "host certificates can't be checked here"));
  // The authority's own key is no host's key.
  CHECK_FALSE(HostKeys::load({file}).verify("web1.example.com", 22, public_key_line("ed25519", "two").blob));
}

TEST_CASE("known_hosts files that can't be read are passed over with a warning") {
  const TempDir folder;
  const PublicKeyLine key = public_key_line("ed25519", "one");
  const HostKeys keys = HostKeys::load({folder.path().string(), folder.write("known_hosts", "web1 " + key.line + "\nweb1\n")});
  CHECK(keys.verify("web1", 22, key.blob));
  CHECK(keys.warnings() ==
        std::vector<std::string>{"can't read '" + folder.path().string() + "': it is not a regular file",
                                 (folder / "known_hosts") + ":2: no key"});
}
