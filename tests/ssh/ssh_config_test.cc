// How hosts are reached, as the system's ssh says it.
#include <chrono>

#include "ssh/config_reader.h"
#include "ssh/ssh_config_support.h"
#include "support/catch.h"
#include "support/never.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace kirikae::ssh {
namespace {

HostSettings settings_of(const TempDir& folder, const std::string& text, const std::string& name = "web",
                         const Overrides& overrides = {}) {
  auto settings = config_of(folder, text, overrides).of({name, 0, ""}, {});
  if (!settings) throw std::runtime_error(to_text(settings.error()));
  return *std::move(settings);
}

Error config_error_of(const TempDir& folder, const std::string& text) {
  auto settings = config_of(folder, text).of({"web", 0, ""}, {});
  if (settings) throw std::runtime_error("no error");
  return settings.error();
}

}  // namespace

TEST_CASE("a host is reached as ssh_config says, patterns and tokens included") {
  const TempDir folder;
  const HostSettings web = settings_of(folder, R"(Host web
  HostName %h.example.com
  Port 2222
  User deploy
  IdentityFile ~/.ssh/%r@%h
  IdentityFile "${KEYS}/a b"
  IdentityFile ~root/.ssh/id
  IdentityFile ~nobody-at-all/id
  IdentitiesOnly yes
  IdentityAgent /run/other
  CertificateFile %d/%n-cert.pub
  UserKnownHostsFile /etc/hosts_of/web "/a b/known" ~/more
  HostKeyAlias farm
  ConnectTimeout 7
  ServerAliveInterval 4
  ServerAliveCountMax 2
  AddressFamily inet6
  BindAddress 127.0.0.9
  ControlPath /run/%n:%p
  Ciphers aes256-ctr
  CASignatureAlgorithms rsa-sha2-512,ssh-ed25519
Host *
  User nobody
  Port 1
)");
  CHECK(web.address == "web.example.com");
  CHECK(web.port == 2222);
  CHECK(web.user == "deploy");
  CHECK(web.identities ==
        Names{"/lab/ada/.ssh/deploy@web.example.com", "/keys/a b", "/root/.ssh/id", "~nobody-at-all/id"});
  CHECK(web.identities_given);
  CHECK(web.identities_only);
  CHECK_FALSE(web.identities_required);
  CHECK(web.agent_socket == "/run/other");
  CHECK(web.certificates == Names{"/lab/ada/web-cert.pub"});
  REQUIRE(web.known_hosts.size() == 5);  // ssh itself has put its user's folder before the third
  CHECK(web.known_hosts[0] == "/etc/hosts_of/web");
  CHECK(web.known_hosts[1] == "/a b/known");
  CHECK(web.known_hosts[2].ends_with("/more"));
  CHECK(web.known_hosts[3] == "/etc/ssh/ssh_known_hosts");
  CHECK(web.host_key_alias == "farm");
  CHECK(web.connect_timeout == std::chrono::seconds(7));
  CHECK(web.keepalive == std::chrono::seconds(4));
  CHECK(web.keepalive_count == 2);
  CHECK(web.family == AddressFamily::ipv6);
  CHECK(web.bind_address == "127.0.0.9");
  CHECK(web.control_path == "/run/web:2222");
  CHECK(web.ciphers == "aes256-ctr");
  CHECK(web.ca_signature_algorithms == "rsa-sha2-512,ssh-ed25519");
  CHECK(web.macs.empty());  // nobody has named any
  CHECK(web.warnings.empty());
}

TEST_CASE("where ssh_config says nothing, a host has ssh's defaults") {
  const HostSettings host = *SshConfig({.config = "none"}, ada).of({"Web1", 0, ""}, {});
  CHECK(host.address == "web1");  // as ssh looks it up
  CHECK(host.ca_signature_algorithms.empty());
  CHECK(host.port == 22);
  CHECK(host.user == test::run_program({"id", "-un"}).output.substr(0, host.user.size()));
  CHECK_FALSE(host.identities_given);
  CHECK(host.identities.front() == "/lab/ada/.ssh/id_rsa");
  CHECK(host.agent_socket == "/run/agent");
  CHECK(host.connect_timeout == std::chrono::seconds(10));
  CHECK(host.keepalive == std::chrono::seconds(15));
  CHECK(host.jumps.empty());
  CHECK_FALSE(host.accept_new);
}

TEST_CASE("what is asked for goes before ssh_config, and chooses its blocks") {
  const TempDir folder;
  SshConfig config = config_of(folder, "Match user ops\n  IdentityFile /ops\nHost *\n  User nobody\n  Port 1\n");
  const HostSettings host = *config.of({"web", 2222, "ops"}, {});
  CHECK(host.port == 2222);
  CHECK(host.user == "ops");
  CHECK(host.identities == Names{"/ops"});
}

TEST_CASE("the recipe's settings go before those of ssh_config") {
  const TempDir folder;
  Overrides overrides;
  overrides.known_hosts = {"/srv/known"};
  overrides.identities = {"/srv/key"};
  overrides.accept_new = false;
  overrides.connect_timeout = std::chrono::seconds(3);
  overrides.keepalive = std::chrono::seconds(9);
  const HostSettings host = settings_of(folder,
                                        "IdentityFile /other\nUserKnownHostsFile /other\nStrictHostKeyChecking accept-new\n"
                                        "ConnectTimeout 40\nServerAliveInterval 40\n",
                                        "web", overrides);
  CHECK(host.known_hosts == Names{"/srv/known"});
  CHECK(host.identities == Names{"/srv/key"});
  CHECK(host.identities_required);
  CHECK_FALSE(host.accept_new);
  CHECK(host.connect_timeout == std::chrono::seconds(3));
  CHECK(host.keepalive == std::chrono::seconds(9));
}

TEST_CASE("jump hosts and proxy commands are read with their tokens") {
  const TempDir folder;
  const HostSettings host = settings_of(folder, "ProxyJump ada@gate:2200,ssh://inner,[fe80::1]:23\n");
  CHECK(host.jumps == std::vector<Hop>{{"gate", 2200, "ada"}, {"inner", 0, ""}, {"fe80::1", 23, ""}});
  CHECK(settings_of(folder, "ProxyJump none\n").jumps.empty());
  CHECK(settings_of(folder, "Host web\n  HostName web.eu\n  User ada\n  ProxyJump %r@gate-%n.%h:2200\n").jumps ==
        std::vector<Hop>{{"gate-web.web.eu", 2200, "ada"}});
  CHECK(settings_of(folder, "Host web\n HostName 10.0.0.1\n Port 23\n User u\n ProxyCommand nc -x 'p%%' %h %p %n %r\n").proxy_command ==
        "nc -x 'p%' 10.0.0.1 23 web u");
}

TEST_CASE("jump lists that are none are refused") {
  for (const char* text : {"a:99999", "a:", "-a", "a,-b", "u@", "[::1]:x"}) {
    INFO(text);
    CHECK_FALSE(parse_jumps(text));
  }
}

TEST_CASE("the values none and SSH_AUTH_SOCK mean what they mean to ssh") {
  const TempDir folder;
  const HostSettings none = settings_of(folder, "IdentityFile none\nIdentityAgent none\nUserKnownHostsFile none\n");
  CHECK(none.identities.empty());
  CHECK(none.agent_socket.empty());
  CHECK(none.known_hosts.front() == "/etc/ssh/ssh_known_hosts");
  CHECK_FALSE(none.has_place_for_new_keys);
  CHECK(settings_of(folder, "UserKnownHostsFile /a\n").has_place_for_new_keys);
  CHECK(settings_of(folder, "UserKnownHostsFile none\n", "web", {.known_hosts = {"/b"}}).has_place_for_new_keys);
  CHECK(settings_of(folder, "IdentityAgent SSH_AUTH_SOCK\n").agent_socket == "/run/agent");
  CHECK(settings_of(folder, "IdentityAgent $KEYS\n").agent_socket == "/keys");
  CHECK(settings_of(folder, "ForwardAgent /agents/%n/%%\n").forward_agent == "/agents/web/%");
  CHECK_FALSE(settings_of(folder, "ForwardAgent no\n").forward_agent);
  CHECK(settings_of(folder, "ForwardAgent yes\n").forward_agent == "/run/agent");
  CHECK(settings_of(folder, "ForwardAgent yes\nIdentityAgent none\n").forward_agent == "");
  CHECK(settings_of(folder, "ForwardAgent $KEYS\n").forward_agent == "/keys");
  CHECK(settings_of(folder, "ForwardAgent /run/%r\n").forward_agent.value_or("").starts_with("/run/"));
}

TEST_CASE("the system's known_hosts files may lie at home, too, and those behind them count") {
  const TempDir folder;
  const HostSettings host = settings_of(folder, "UserKnownHostsFile /a\nGlobalKnownHostsFile /etc/known ~/corp ~/\"b c\" /d\n");
  CHECK(host.known_hosts == Names{"/a", "/etc/known", "/lab/ada/corp", "/lab/ada/b c", "/d"});
}

TEST_CASE("what keys may be like is read of ssh_config") {
  const TempDir folder;
  CHECK(settings_of(folder, "User u\n").key_algorithms.empty());
  CHECK(settings_of(folder, "User u\n").least_rsa_bits == 0);
  const HostSettings host = settings_of(folder, "PubkeyAcceptedAlgorithms rsa-sha2-512,ssh-ed25519\nRequiredRSASize 3072\n");
  CHECK(host.key_algorithms == "rsa-sha2-512,ssh-ed25519");
  CHECK(host.least_rsa_bits == 3072);
}

TEST_CASE("a laxer rule for host keys is accept-new at most, and said") {
  const TempDir folder;
  CHECK(settings_of(folder, "StrictHostKeyChecking accept-new\n").warnings.empty());
  const HostSettings lax = settings_of(folder, "StrictHostKeyChecking no\n");
  CHECK(lax.accept_new);
  REQUIRE(lax.warnings.size() == 1);
  CHECK(lax.warnings[0].find("refused all the same") != std::string::npos);
  const std::string no_key = "NoHostAuthenticationForLocalhost yes\n";
  CHECK(settings_of(folder, no_key).warnings.empty());
  CHECK(settings_of(folder, no_key + "HostName 127.0.0.7\n").warnings.size() == 1);
}

TEST_CASE("directives that only ssh follows are told apart by whether one can go without them") {
  const TempDir folder;
  const auto beyond = [&](const std::string& line) {
    const HostSettings settings = settings_of(folder, line);
    REQUIRE(settings.beyond.size() == 1);
    CHECK(settings.beyond[0].directive == line.substr(0, line.find(' ')));
    return settings.beyond[0].needed;
  };
  CHECK(beyond("BindInterface lo\n"));
  CHECK(beyond("ProxyUseFdpass yes\nProxyCommand pass %h\n"));
  CHECK(beyond("RevokedHostKeys /gone\n"));
  CHECK_FALSE(beyond("PKCS11Provider /lib/token.so\n"));
  CHECK_FALSE(beyond("KnownHostsCommand /bin/true\n"));
  CHECK(settings_of(folder, "ProxyUseFdpass no\nProxyCommand pass %h\nPKCS11Provider none\n").beyond.empty());
  // Without a proxy command of its own, nothing passes a descriptor.
  CHECK(settings_of(folder, "ProxyUseFdpass yes\n").beyond.empty());
  CHECK(settings_of(folder, "ProxyUseFdpass yes\nProxyJump gate\n").beyond.empty());
}

TEST_CASE("the hash of a connection is the one that this machine's ssh makes of it") {
  const TempDir folder, other;
  const std::string text = "Host a b\n  HostName %h.example.com\nHost *\n  User deploy\n";
  SshConfig config = config_of(folder, text + "  IdentityFile /keys/%C\n  CertificateFile /keys/%C%%C.pub\n  ControlPath /mine/%n\n");
  for (const std::string name : {"a", "b", "c", "d"}) {
    const auto settings = config.of({name, 0, ""}, {});
    REQUIRE(settings.has_value());
    // ssh has it replaced in this one.
    const std::string hash = settings_of(other, text + "  UserKnownHostsFile /%C\n", name).known_hosts.at(0);
    CHECK(hash.size() == 41);
    CHECK(settings->identities == Names{"/keys" + hash});
    CHECK(settings->certificates == Names{"/keys" + hash + "%C.pub"});
    CHECK(settings->control_path == "/mine/" + name);
  }
}

TEST_CASE("directives that decide where, as whom or whose keys are refused where they can't be followed") {
  const TempDir folder;
  CHECK(config_error_of(folder, "IdentityFile /keys/%K\n").message.find("the token '%K'") != std::string::npos);
  CHECK(config_error_of(folder, "IdentityFile ${NOT_SET}/key\n").message.find("the variable 'NOT_SET' is not set") != std::string::npos);
}

TEST_CASE("an error in ssh_config is told with its line, as ssh has it") {
  const TempDir folder;
  const Error error = config_error_of(folder, "Host web\n  Prot 22\n");
  CHECK(error.code == ErrorCode::connect);
  CHECK(error.message == "ssh_config can't be used: " + (folder / "ssh config") + ": line 2: Bad configuration option: prot");
}

TEST_CASE("ssh is asked about a host once in a run, however many ask at the same time") {
  const TempDir folder;
  SshConfig config = config_of(folder, "Match exec \"echo %n >> " + (folder / "asked") + "\"\n  Port 23\n");
  const std::vector<SshConfig::Wanted> wanted = {{"a", 0, ""}, {"b", 0, ""}, {"c", 0, ""}};
  for (int i = 0; i < 2; ++i) {
    for (const auto& settings : config.of(wanted, {})) {
      REQUIRE(settings);
      CHECK(settings->port == 23);
      // As it is known from then on.
      CHECK(config.of({settings->address, 23, settings->user}, {}));
    }
  }
  CHECK(test::run_program({"sort", folder / "asked"}).output == "a\nb\nc\n");
}

TEST_CASE("a command of ssh_config that hangs is not waited for longer than asked") {
  const TempDir folder;
  const test::Never never;
  SshConfig config = config_of(folder, "Match exec \"read x <" + never.path() + "\"\n  Port 23\n");
  const auto settings = config.of({"web", 0, ""}, {Deadline::in(std::chrono::milliseconds(300)), {}});
  REQUIRE_FALSE(settings);
  CHECK(settings.error().code == ErrorCode::timeout);
  CHECK(settings.error().hint == "a 'Match exec' of ssh_config may hang: ssh -G -F '" + (folder / "ssh config") + "' -- web");
}

}  // namespace kirikae::ssh

namespace kirikae::ssh {
namespace {

// As on a machine without an ssh program.
LocalUser without_ssh(const TempDir& folder) {
  LocalUser self = ada;
  self.home = folder / "home";
  self.environment["PATH"] = folder / "bin";
  return self;
}

}  // namespace

TEST_CASE("by which methods a login is tried is read of ssh_config, by ssh and without it") {
  const TempDir folder;
  const bool with_ssh = GENERATE(true, false);
  const auto rules_of = [&](const std::string& text) {
    return SshConfig({.config = folder.write("config", text)}, with_ssh ? ada : without_ssh(folder)).of({"web", 0, ""}, {})->login;
  };
  INFO(with_ssh);
  CHECK(rules_of("") == LoginRules{});
  CHECK(rules_of("PubkeyAuthentication yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\nBatchMode no\n") == LoginRules{});
  CHECK(rules_of("PubkeyAuthentication no\n") == LoginRules{.off = {"publickey"}});
  CHECK(rules_of("DSAAuthentication no\n") == LoginRules{.off = {"publickey"}});
  CHECK(rules_of("PasswordAuthentication NO\n") == LoginRules{.off = {"password"}});
  CHECK(rules_of("KbdInteractiveAuthentication no\n") == LoginRules{.off = {"keyboard-interactive"}});
  CHECK(rules_of("ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n") == LoginRules{.off = {"keyboard-interactive"}});
  CHECK(rules_of("PreferredAuthentications password,publickey\n") == LoginRules{.preferred = Names{"password", "publickey"}});
  CHECK(rules_of("PreferredAuthentications none\n") == LoginRules{.preferred = Names{"none"}});
  CHECK(rules_of("Host other\n  BatchMode no\nHost *\n  BatchMode Yes\n") == LoginRules{.batch = true});
  CHECK(rules_of("NumberOfPasswordPrompts 1\n") == LoginRules{.prompts = 1});
  CHECK(rules_of("NumberOfPasswordPrompts 0\n") == LoginRules{.prompts = 0});
}

TEST_CASE("a host that nobody is asked for is watched as closely as others") {
  const TempDir folder;
  CHECK(settings_of(folder, "BatchMode yes\n").keepalive == std::chrono::seconds(15));
  CHECK(settings_of(folder, "BatchMode yes\nServerAliveInterval 40\n").keepalive == std::chrono::seconds(40));
  CHECK(settings_of(folder, "ServerAliveInterval 300\n").keepalive == std::chrono::seconds(300));
  CHECK(settings_of(folder, "ServerAliveInterval 40\nServerAliveCountMax 0\n").keepalive_count == 0);
}

TEST_CASE("the letters of a Host line are taken as they are written, as ssh takes them") {
  const TempDir folder;
  const std::string text = "Host WEB*\n  Port 1\nHost web1 db?\n  Port 2\nHost * !Db1\n  User u\n";
  SshConfig by_ssh = config_of(folder, text);
  SshConfig by_us({.config = folder / "ssh config"}, without_ssh(folder));
  const auto port_and_user = [](SshConfig& config, const char* name) {
    const HostSettings host = *config.of({name, 0, ""}, {});
    return std::to_string(host.port) + (host.user == "u" ? " u" : "");
  };
  for (const auto& [name, expected] : {std::pair{"web1", "2 u"}, {"WEB1", "1 u"}, {"Web1", "22 u"}, {"db1", "2 u"}, {"Db1", "22"}, {"DB1", "22 u"}}) {
    INFO(name);
    CHECK(port_and_user(by_ssh, name) == expected);
    CHECK(port_and_user(by_us, name) == expected);
  }
}

TEST_CASE("a comma in a Host line separates nothing, as for ssh") {
  const TempDir folder;
  SshConfig by_ssh = config_of(folder, "Host a,b !c,x web?,*\n  Port 1\nHost c * !d\n  Port 2\n");
  SshConfig by_us({.config = folder / "ssh config"}, without_ssh(folder));
  for (const auto& [name, port] : {std::pair{"a", 2}, {"b", 2}, {"c", 2}, {"web1", 2}, {"d", 22}}) {
    INFO(name);
    CHECK(by_ssh.of({name, 0, ""}, {})->port == port);
    CHECK(by_us.of({name, 0, ""}, {})->port == port);
  }
}

TEST_CASE("blocks of ssh_config are chosen by their patterns, and the first value counts") {
  const std::string text = R"(# a comment
Port 1
Host *.example.com !db.example.com
  User "web user"
  IdentityFile = ~/a
HOST db.*
  HostName=10.0.0.1
Match user x
  Port 2
Match all
  IdentityFile ~/b
Host Web.*
  ProxyCommand sh -c "nc %h"
Include more
Host other
  Include never
)";
  const ConfigReading web = read_config(text, "Web.example.com");
  CHECK(web.answer == "port 1\nuser web user\nidentityfile ~/a\nidentityfile ~/b\nproxycommand sh -c \"nc %h\"\n");
  CHECK(web.skipped == Names{"line 8: Match user x", "line 14: Include more"});
  CHECK(read_config(text, "db.example.com").answer == "port 1\nhostname 10.0.0.1\nidentityfile ~/b\n");
  CHECK(read_config("", "x").answer.empty());
  CHECK(read_config("Host", "x").answer.empty());
}

TEST_CASE("quotes, backslashes and comments of ssh_config are read here as by ssh") {
  const TempDir folder;
  const std::string text = R"(Host 'one' # web
  User 1
Host t"w"o "thr"'ee'
  User "a b"
"Host" four
  HostName = "127.0.0.1" # not this
=Host five
  User a\b\"c\d
Host web
  IdentityFile ~/a\ b
  User 'it''s'
)";
  SshConfig by_ssh = config_of(folder, text);
  SshConfig by_us({.config = folder / "ssh config"}, without_ssh(folder));
  for (const char* name : {"one", "two", "three", "four", "five", "web"}) {
    INFO(name);
    const auto theirs = by_ssh.of({name, 0, ""}, {});
    const auto ours = by_us.of({name, 0, ""}, {});
    INFO((theirs ? "" : to_text(theirs.error())) << (ours ? "" : to_text(ours.error())));
    REQUIRE((theirs && ours));
    CHECK(ours->address == theirs->address);
    if (name != std::string("four")) CHECK(ours->user == theirs->user);  // ssh asks the system who we are
    if (theirs->identities_given) CHECK(ours->identities.front().ends_with("/a b"));
  }
}

TEST_CASE("without an ssh program ssh_config is read here, and what was passed over is said") {
  const TempDir folder;
  folder.write("home/.ssh/config",
               "Host web\n  HostName %h.example.com\n  Port 2222\n  UserKnownHostsFile ~/known /other\n  IdentityAgent ~/agent\nInclude more\n");
  SshConfig config({}, without_ssh(folder));
  const HostSettings web = *config.of({"web", 0, "deploy"}, {});
  CHECK(web.address == "web.example.com");
  CHECK(web.port == 2222);
  CHECK(web.user == "deploy");
  CHECK(web.known_hosts == Names{folder / "home/known", "/other", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
  CHECK(web.agent_socket == folder / "home/agent");
  CHECK(web.identities == Names{folder / "home/.ssh/id_rsa", folder / "home/.ssh/id_ecdsa", folder / "home/.ssh/id_ed25519"});
  CHECK_FALSE(web.identities_given);
  REQUIRE(web.warnings.size() == 1);
  CHECK(web.warnings[0].starts_with("no 'ssh' is installed here that could read it whole; passed over: " + (folder / "home/.ssh/config") +
                                    " line 6: Include more"));

  SshConfig none({.config = "none"}, without_ssh(folder));
  CHECK(none.of({"web", 0, ""}, {})->port == 22);
  CHECK(none.of({"web", 0, ""}, {})->user == "ada");
  SshConfig gone({.config = folder / "gone"}, without_ssh(folder));
  CHECK(gone.of({"web", 0, ""}, {}).error().message == "ssh_config can't be used: '" + (folder / "gone") + "' does not exist");
}

}  // namespace kirikae::ssh
