// The login against a real sshd: which keys are tried, in which order, and what the errors say.
#include "core/digest.h"
#include "ssh/auth_support.h"
#include "ssh/host_keys.h"
#include "ssh/key_file.h"
#include "ssh/libssh2_patches.h"
#include "ssh/wire.h"
#include "support/catch.h"
#include "support/file_text.h"
#include "support/process.h"

using namespace kirikae;
using namespace kirikae::ssh;
using namespace kirikae::test;

TEST_CASE("ed25519, ecdsa and rsa key files log in, in every plain form") {
  const TempDir folder;
  const SshdFixture sshd;
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    sshd.authorize(public_line(type, "one"));
    std::vector<std::vector<std::string>> forms{{"-N", ""}};
    if (std::string_view(type) != "ed25519")
      forms.insert(forms.end(), {{"-N", "", "-m", "PEM"}, {"-N", "", "-m", "PKCS8"}});
    for (const auto& form : forms) {
      INFO(type << " " << form.back());
      expect_login(sshd, given({key_copy(folder, type, "one", form)}));
    }
  }
}

TEST_CASE("keys of other sizes log in") {
  const TempDir folder;
  const SshdFixture sshd;
  const std::vector<std::vector<std::string>> kinds{{"ecdsa", "384"}, {"ecdsa", "521"}, {"rsa", "3072"}};
  for (const auto& kind : kinds) {
    INFO(kind[0] << " " << kind[1]);
    const std::string file = folder / (kind[0] + kind[1]);
    REQUIRE(run_program({"ssh-keygen", "-q", "-t", kind[0], "-b", kind[1], "-N", "", "-f", file}).status == 0);
    sshd.authorize(file_text(file + ".pub"));
    expect_login(sshd, given({file}));
  }
}

TEST_CASE("an ed25519 key in PKCS#8 form logs in") {
  const TempDir folder;
  const SshdFixture sshd;
  const std::string file = folder / "key";
  REQUIRE(run_program({"openssl", "genpkey", "-algorithm", "ed25519", "-out", file}).status == 0);
  const auto key = KeyFile::read(file);
  REQUIRE((key && *key));
  sshd.authorize("ssh-ed25519 " + to_base64((*key)->public_blob()));
  expect_login(sshd, given({file}));
}

TEST_CASE("keys of the agent log in, by rsa-sha2 where the key is rsa") {
  const TempDir folder;
  const auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  const RealAgent agent(folder, {key_pair(type, "one")});
  const SshdFixture sshd;
  sshd.authorize(public_line(type, "one"));
  Settings settings;
  settings.host.agent_socket = agent.socket();
  expect_login(sshd, settings);
}

TEST_CASE("a certificate in the agent logs in") {
  const TempDir folder;
  const auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  const std::string file = key_copy(folder, type, "one", {"-N", ""});
  REQUIRE(run_program({"ssh-keygen", "-q", "-s", key_pair("ed25519", "authority"), "-I", "me", "-n",
                       SshdFixture::user(), file + ".pub"})
              .status == 0);
  const RealAgent agent(folder, {file});  // ssh-add takes the certificate beside the key too
  const SshdFixture sshd({.host_keys = {"ed25519"},
                          .config = {"TrustedUserCAKeys " + key_pair("ed25519", "authority") + ".pub"},
                          .login_shell = {},
                          .home = {},
                          .environment = {}});
  Settings settings;
  settings.host.agent_socket = agent.socket();
  expect_login(sshd, settings);
}

TEST_CASE("the agent's keys are tried before the usual files, and a file that the agent has is not tried again") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one"), key_pair("rsa", "one")});
  const SshdFixture sshd;
  Settings settings;
  settings.host.agent_socket = agent.socket();
  settings.host.identities = {folder / "missing", key_copy(folder, "ed25519", "one", {"-N", ""}), key_pair("ecdsa", "one")};
  const Error error = refused_login(sshd, settings);
  CHECK(error.code == ErrorCode::auth);
  CHECK(to_text(error) == "no key was accepted for user '" + SshdFixture::user() +
                              "': " + agent_label("ed25519", "one") + ": refused; " + agent_label("rsa", "one") +
                              ": refused; " + key_pair("ecdsa", "one") +
                              ": refused" + takes_keys + "\n  see what ssh says: " + ssh_command(sshd));
}

TEST_CASE("given identities are the only keys tried, and the agent signs for those that it has") {
  const TempDir folder;
  const std::string locked = key_copy(folder, "ed25519", "two", {"-N", passphrase});
  const RealAgent agent(folder, {key_pair("ed25519", "one"), key_pair("ed25519", "two")});
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "two"));
  Settings settings = given({locked});
  settings.host.agent_socket = agent.socket();
  SECTION("an encrypted file, without asking") { expect_login(sshd, settings); }
  SECTION("a public key alone") {
    settings.host.identities = {locked + ".pub"};
    expect_login(sshd, settings);
  }
  SECTION("a public key beside a private one that is not here") {
    std::filesystem::remove(locked);
    expect_login(sshd, settings);
  }
  SECTION("a file that others can read") {
    settings.host.identities = {folder.write("open", file_text(key_pair("ed25519", "two")), 0644)};
    expect_login(sshd, settings);
    settings.host.identities_required = false;
    settings.host.identities_given = settings.host.identities_only = true;
    expect_login(sshd, settings);
  }
  SECTION("others of the agent are left alone") {
    settings.host.identities = {key_pair("rsa", "two")};
    CHECK(refused_login(sshd, settings).message ==
          "no key was accepted for user '" + SshdFixture::user() + "': " + key_pair("rsa", "two") + ": refused" + takes_keys);
  }
}

TEST_CASE("a given identity that can't be used is an error before the host is asked") {
  const TempDir folder;
  const SshdFixture sshd;
  const Error missing = refused_login(sshd, given({folder / "missing"}));
  CHECK(missing.code == ErrorCode::auth);
  CHECK(missing.hint == "the recipe names it: ssh.identity");
  CHECK(missing.message == "the private key '" + (folder / "missing") + "' does not exist");
  const std::string open_to_all = folder.write("open", file_text(key_pair("ed25519", "client")), 0644);
  CHECK(refused_login(sshd, given({open_to_all})).hint == "chmod 600 " + open_to_all);
  const Error public_only = refused_login(sshd, given({key_pair("ed25519", "client") + ".pub"}));
  CHECK(public_only.message == "no key was accepted for user '" + SshdFixture::user() +
                                   "': " + key_pair("ed25519", "client") +
                                   ".pub: only the public key is here, and no ssh-agent has the private one" + takes_keys);
}

TEST_CASE("a usual key file that can't be used is passed over, and said so when nothing else helps") {
  const TempDir folder;
  const SshdFixture sshd;
  Settings settings;
  const std::string broken = folder.write("id_rsa", "hello", 0600);
  settings.host.identities = {broken, key_pair("ed25519", "one")};
  CHECK(refused_login(sshd, settings).message ==
        "no key was accepted for user '" + SshdFixture::user() + "': " + broken + ": can't use '" + broken +
            "': it holds no private key; " + key_pair("ed25519", "one") + ": refused" + takes_keys);
  settings.host.identities = {broken, SshdFixture::client_key()};
  expect_login(sshd, settings);
}

TEST_CASE("where there is no key at all, the error says how to get one") {
  const TempDir folder;
  const SshdFixture sshd;
  Settings settings;
  settings.host.identities = {folder / "id_ed25519"};
  settings.host.agent_socket = folder / "nobody";
  const Error error = refused_login(sshd, settings, "deploy");
  CHECK(to_text(error) ==
        "there is no key to log in with: no ssh-agent at '" + (folder / "nobody") +
            "': No such file or directory, and no key file was found" + takes_keys + "\n  make one and take it to the host: "
            "ssh-keygen -t ed25519 && ssh-copy-id -p " +
            std::to_string(sshd.port()) + " deploy@127.0.0.1");
}

TEST_CASE("no more keys are tried than a host allows, and the others are named") {
  const TempDir folder;
  std::vector<std::string> keys;
  for (int i = 0; i < 8; ++i) keys.push_back(key_pair("ed25519", "many" + std::to_string(i)));
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "many5"));
  expect_login(sshd, given(keys));  // the sixth

  std::swap(keys[5], keys[6]);
  const Error error = refused_login(sshd, given(keys));
  CHECK(error.code == ErrorCode::auth);
  std::string tried;
  for (int i = 0; i < 5; ++i) tried += keys[static_cast<std::size_t>(i)] + ": refused; ";
  CHECK(error.message == "no key was accepted for user '" + SshdFixture::user() + "': " + tried + keys[5] +
                             ": the host hung up, as it does after too many keys; not tried any more: " + keys[6] +
                             ", " + keys[7] + (libssh2_is_patched ? takes_keys : ""));
  CHECK(error.hint == "name the right key in the recipe (ssh: identity), and see what ssh says: " + ssh_command(sshd));

  const SshdFixture patient({.config = {"MaxAuthTries 20"}});
  patient.authorize(public_line("ed25519", "many5"));
  expect_login(patient, given(keys));  // the seventh now
}

TEST_CASE("where IdentitiesOnly leaves out all that the agent has, that is said") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one")});
  const SshdFixture sshd;
  Settings settings;
  settings.host.agent_socket = agent.socket();
  settings.host.identities_only = true;
  const Error error = refused_login(sshd, settings);
  CHECK(
      error.message.starts_with("there is no key to log in with: the ssh-agent's are left out (IdentitiesOnly of "
                                "ssh_config), and no key file was found"));
  CHECK(error.hint.starts_with("name one in ssh_config (IdentityFile) or in the recipe (ssh: identity)"));
}

TEST_CASE("where ssh has a connection open that it would use, a login that fails says so") {
  const TempDir folder;
  const SshdFixture sshd;
  Settings settings = given({key_pair("ed25519", "stranger")});
  settings.host.control_path = folder / "open";
  CHECK(refused_login(sshd, settings).hint == "see what ssh says: " + ssh_command(sshd));
  std::vector<std::string> ssh{"ssh", "-F", "none", "-S", settings.host.control_path};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> argv = ssh;
    argv.insert(argv.end(), more.begin(), more.end());
    argv.insert(argv.end(), {"-i", SshdFixture::client_key(), "-o", "UserKnownHostsFile=" + sshd.known_hosts(), "-p",
                             std::to_string(sshd.port()), SshdFixture::user() + "@" + sshd.address(), "true"});
    return run_program(argv).status;
  };
  REQUIRE(with({"-M", "-o", "ControlPersist=yes"}) == 0);
  const Error error = refused_login(sshd, settings);
  REQUIRE(with({"-O", "exit"}) == 0);
  CHECK(error.hint == "see what ssh says: " + ssh_command(sshd) + "; it may use the connection that it has open at '" +
                          settings.host.control_path + "' (ControlPath), which this program doesn't");
}

TEST_CASE("keys that ssh_config leaves out by their kind or length are not shown to a host") {
  const TempDir folder;
  std::vector<std::string> keys;
  for (const char* name : {"r1", "r2", "r3", "r4", "r5", "r6"}) keys.push_back(key_pair("rsa", name));
  keys.push_back(key_pair("ed25519", "one"));
  const RealAgent agent(folder, keys);
  const SshdFixture sshd;
  sshd.authorize(public_line("ed25519", "one"));
  Settings settings;
  settings.host.agent_socket = agent.socket();
  SECTION("neither") { CHECK(refused_login(sshd, settings).message.find("not tried any more") != std::string::npos); }
  SECTION("by their kind") {
    settings.host.key_algorithms = "ssh-ed25519*,ecdsa-*";
    expect_login(sshd, settings);
  }
  SECTION("by their length") {
    settings.host.least_rsa_bits = 16384;
    expect_login(sshd, settings);
  }
  SECTION("one that would do") {
    settings.host.key_algorithms = "rsa-sha2-512";
    CHECK(refused_login(sshd, settings).message.find("not tried: PubkeyAcceptedAlgorithms of ssh_config leaves it out") != std::string::npos);
  }
}

TEST_CASE("a host that allows fewer tries hangs up, which is told as a refusal") {
  const SshdFixture sshd(
      {.host_keys = {"ed25519"}, .config = {"MaxAuthTries 2"}, .login_shell = {}, .home = {}, .environment = {}});
  const std::vector<std::string> keys{key_pair("ed25519", "one"), key_pair("ed25519", "two"),
                                      SshdFixture::client_key()};
  const Error error = refused_login(sshd, given(keys));
  CHECK(error.code == ErrorCode::auth);
  CHECK(error.message == "no key was accepted for user '" + SshdFixture::user() + "': " + keys[0] + ": refused; " +
                             keys[1] +
                             ": the host hung up, as it does after too many keys; not tried any more: " + keys[2] +
                             (libssh2_is_patched ? takes_keys : ""));
}

TEST_CASE("a host that wants a second factor is told apart from one that refuses the key") {
  const SshdFixture sshd(
      {.host_keys = {"ed25519"},
       .config = {"AuthenticationMethods publickey,keyboard-interactive", "KbdInteractiveAuthentication yes"},
       .login_shell = {},
       .home = {},
       .environment = {}});
  CHECK(refused_login(sshd, given({SshdFixture::client_key()}))
            .message.ends_with(": not enough to log in; the host accepts: keyboard-interactive"));
}

TEST_CASE("the key type on file is the one that a server with several shows") {
  const TempDir folder;
  const SshdFixture sshd(
      {.host_keys = {"ed25519", "ecdsa", "rsa"}, .config = {}, .login_shell = {}, .home = {}, .environment = {}});
  const auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  const std::string line = public_line(type, "host");
  const auto keys =
      HostKeys::load({folder.write("known_hosts", "[127.0.0.1]:" + std::to_string(sshd.port()) + " " + line)});
  std::string wanted;
  for (const std::string& name : keys.key_types("127.0.0.1", sshd.port()))
    wanted += (wanted.empty() ? "" : ",") + name;
  const Client client(sshd, wanted);
  CHECK(short_key_type(client.host_key()) == type);
  CHECK(keys.verify("127.0.0.1", sshd.port(), client.host_key()));
}

TEST_CASE("keys that ssh_config forbids are not tried, and the error says so") {
  const TempDir folder;
  const RealAgent agent(folder, {key_pair("ed25519", "one")});
  const SshdFixture sshd({.host_keys = {"ed25519"}, .config = {"LogLevel DEBUG1"}});
  sshd.authorize(public_line("ed25519", "one"));
  Settings settings = given({folder / "missing"});  // not even looked for
  settings.host.agent_socket = agent.socket();
  const std::string refusal = "no key was tried for user '" + SshdFixture::user() + "'; ";
  SECTION("by a setting of their own") {
    settings.host.login.off = {"publickey"};
    CHECK(refused_login(sshd, settings).message == refusal + "PubkeyAuthentication is off in ssh_config" + takes_keys);
  }
  SECTION("by a list that doesn't name them") {
    settings.host.login.preferred = {"password", "keyboard-interactive"};
    CHECK(refused_login(sshd, settings).message ==
          refusal + "PreferredAuthentications in ssh_config doesn't name publickey" + takes_keys);
  }
  CHECK(sshd.log().find("method publickey") == std::string::npos);
}

TEST_CASE("keys log in where ssh_config forbids all else, or names them last") {
  const SshdFixture sshd;
  Settings settings = given({SshdFixture::client_key()});
  settings.host.login = {.off = {"password", "keyboard-interactive"}, .preferred = {{"password", "publickey"}}, .batch = true};
  expect_login(sshd, settings);
}
