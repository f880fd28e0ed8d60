// What the system's ssh is told.
#include "ssh/openssh_command.h"

#include <algorithm>

#include "support/catch.h"

namespace kirikae::ssh {

TEST_CASE("the system's ssh is told what the recipe says, and nothing else") {
  Overrides overrides;
  auto argv = openssh_command(overrides, {{"web1", 0, ""}}, false, "exec x");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh", "-T", "-o", "RemoteCommand=none", "--", "web1", "exec x"});

  overrides.config = "/srv/shop/ssh config";
  overrides.known_hosts = {"/a b/known", "/50%/known"};
  overrides.accept_new = false;
  overrides.identities = {"/home keys/id"};
  overrides.connect_timeout = std::chrono::seconds(7);
  overrides.keepalive = std::chrono::seconds(15);
  overrides.forward_agent = true;
  argv = openssh_command(overrides, {{"-odd.example.com", 2222, "deploy"}}, true, "exec x");
  REQUIRE(argv);
  CHECK(*argv == std::vector<std::string>{"ssh",   "-t",
                                          "-F",    "/srv/shop/ssh config",
                                          "-o",    "RemoteCommand=none",
                                          "-o",    "StrictHostKeyChecking=yes",
                                          "-o",    "UserKnownHostsFile=\"/a b/known\" /50%%/known",
                                          "-o",    "GlobalKnownHostsFile=/dev/null",
                                          "-o",    "UpdateHostKeys=no",
                                          "-o",    "IdentityFile=\"/home keys/id\"",
                                          "-o",    "IdentitiesOnly=yes",
                                          "-o",    "ConnectTimeout=7",
                                          "-o",    "ServerAliveInterval=15",
                                          "-o",    "ForwardAgent=yes",
                                          "-p",    "2222",
                                          "-l",    "deploy",
                                          "--",    "-odd.example.com",
                                          "exec x"});

  // So are jump hosts: by themselves they have the file alone. What isn't said is left to ssh_config, and ssh may ask.
  overrides = {.config = "/c", .known_hosts = {"/known"}, .identities = {"/id"}};
  argv = openssh_command(overrides, {{"gate", 0, "ada"}, {"web1", 0, ""}}, true, "exec x");
  REQUIRE(argv);
  CHECK(std::ranges::find(*argv, "ProxyCommand=ssh -T -F /c -o UserKnownHostsFile=/known -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no "
                                 "-o IdentityFile=/id -o IdentitiesOnly=yes -l ada -W '[%h]:%p' -- gate") != argv->end());
}

TEST_CASE("the ssh that carries a run judges keys as strictly as the recipe, asks nobody, and tells its jump hosts so") {
  const auto has = [](const std::vector<std::string>& argv, const std::string& word) { return std::ranges::find(argv, word) != argv.end(); };
  const Overrides overrides{.config = "/50%/it's", .known_hosts = {"/50%/known"}};
  HostSettings host, jump;
  host.connect_timeout = std::chrono::seconds(7);
  host.accept_new = true;
  host.beyond = {{"KnownHostsCommand", "", "", false}};
  const std::vector<OpensshStop> stops = {{{"gate", 2222, "ada"}, jump}, {{"inner", 0, ""}, jump}, {{"web1", 0, "deploy"}, host}};
  const auto argv = openssh_master({overrides, stops, "/tmp/x/s", "/tmp/x/log", false}, "exec x");
  REQUIRE(argv);
  CHECK(std::vector<std::string>(argv->begin(), argv->begin() + 8) ==
        std::vector<std::string>{"ssh", "-T", "-F", "/50%/it's", "-E", "/tmp/x/log", "-S", "/tmp/x/s"});
  CHECK(std::vector<std::string>(argv->end() - 5, argv->end()) == std::vector<std::string>{"-l", "deploy", "--", "web1", "exec x"});
  for (const char* option : {"BatchMode=yes", "StrictHostKeyChecking=accept-new", "VerifyHostKeyDNS=no", "NoHostAuthenticationForLocalhost=no",
                             "UserKnownHostsFile=/50%%/known", "GlobalKnownHostsFile=/dev/null", "KnownHostsCommand=none",
                             "ConnectTimeout=7", "ServerAliveInterval=15", "ServerAliveCountMax=3", "ControlPersist=no", "ForwardAgent=no",
                             "ClearAllForwardings=yes", "RemoteCommand=none", "PermitLocalCommand=no", "ProxyUseFdpass=no"}) {
    INFO(option);
    CHECK(has(*argv, option));
  }
  const auto way = std::ranges::find_if(*argv, [](const std::string& word) { return word.starts_with("ProxyCommand="); });
  REQUIRE(way != argv->end());
  CHECK(way->starts_with("ProxyCommand=ssh -T -F '/50%%/it'\\''s' -o ControlMaster=no -o ControlPath=none -o LogLevel=INFO -o BatchMode=yes -o StrictHostKeyChecking=yes "));
  CHECK(way->ends_with(" -W '[%h]:%p' -- inner"));
  CHECK(way->find("UserKnownHostsFile=/50%%%%/known ") != std::string::npos);
  // The first of them within the second's, quoted and escaped once more.
  CHECK(way->find("ProxyCommand=ssh -T -F '\\''/50%%%%/it'") != std::string::npos);
  CHECK(way->find("[%%h]:%%p'\\'' -- gate' -o ProxyUseFdpass=no ") != std::string::npos);
  CHECK(way->find("-p 2222 -l ada ") != std::string::npos);

  const auto asking = openssh_master({overrides, {stops.back()}, "/tmp/x/s", "/tmp/x/log", true}, "exec x");
  REQUIRE(asking);
  CHECK_FALSE(has(*asking, "BatchMode=yes"));
  CHECK(std::ranges::none_of(*asking, [](const std::string& word) { return word.starts_with("ProxyCommand="); }));
}

TEST_CASE("what a person types to get to a host has what the recipe says, and no more") {
  const std::vector<SshConfig::Wanted> web1 = {{"web1", 0, ""}};
  const std::vector<SshConfig::Wanted> behind = {{"gate", 2200, "ada"}, {"fe80::1", 0, ""}, {"web1", 22, "deploy"}};
  const std::vector<Hop> hops = {{"gate", 2200, "ada"}, {"fe80::1", 0, ""}};
  CHECK(typed_command({}, web1) == "ssh web1");
  CHECK(typed_command({.config = "none"}, {{"web1", 2222, "de ploy"}}) == "ssh -F none -p 2222 'de ploy@web1'");
  // ssh_config's own way, which ssh finds by itself, and another one.
  CHECK(typed_command({}, behind) == "ssh -p 22 deploy@web1");
  CHECK(typed_command({}, behind, hops) == "ssh -o 'ProxyJump=ada@gate:2200,[fe80::1]' -p 22 deploy@web1");

  Overrides overrides{.known_hosts = {"/a b", "/c"}, .accept_new = false, .identities = {"/id"}, .connect_timeout = std::chrono::seconds(7)};
  CHECK(typed_command(overrides, web1) == "ssh -o StrictHostKeyChecking=yes -o 'UserKnownHostsFile=\"/a b\" /c' -o GlobalKnownHostsFile=/dev/null "
                                          "-o UpdateHostKeys=no -o IdentityFile=/id -o IdentitiesOnly=yes -o ConnectTimeout=7 web1");
  CHECK(typed_command({.config = "/c", .identities = {"/id"}}, {{"gate", 0, ""}, {"web1", 0, ""}}, {{"gate", 0, ""}}) ==
        "ssh -F /c -o IdentityFile=/id -o IdentitiesOnly=yes -o 'ProxyCommand=ssh -T -F /c -o IdentityFile=/id -o IdentitiesOnly=yes -W "
        "'\\''[%h]:%p'\\'' -- gate' -o ProxyUseFdpass=no web1");
  overrides.identities = {"/it's\""};
  CHECK(typed_command(overrides, web1) == "ssh web1");
}

TEST_CASE("a path that ssh would read as something else is refused") {
  for (const std::string path : {"/a\"b", "/a\\b", "/a${HOME}"}) {
    Overrides overrides;
    overrides.known_hosts = {path};
    const auto argv = openssh_command(overrides, {{"h", 22, "u"}}, true, "x");
    REQUIRE_FALSE(argv);
    CHECK(argv.error().code == ErrorCode::local);
    CHECK(argv.error().message == "ssh can't be told the path '" + path + "'");
  }
}

}  // namespace kirikae::ssh
