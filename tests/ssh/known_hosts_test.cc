#include "ssh/known_hosts.h"

#include "support/catch.h"

using namespace kirikae::ssh;
using Marker = KnownHostsLine::Marker;

namespace {

const std::string ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPbmXQRRaFsTTnVDbDb9PVWbFHIwTyxR8fxa91nOKjh";

}  // namespace

TEST_CASE("a known_hosts file is read line by line, and a broken line costs only itself") {
  const std::string text =
      "# comment\n"
      "\n"
      "  \t\n"
      "web1,10.0.0.1 " +
      ed25519 +
      " somebody@laptop\r\n"
      "\t web2\t" +
      ed25519 +
      "\n"
      "@revoked * " +
      ed25519 +
      "\n"
      "@cert-authority *.example.com " +
      ed25519 +
      "\n"
      "@unheard-of web3 " +
      ed25519 +
      "\n"
      "web4 ssh-ed25519\n"
      "web5 ssh-ed25519 AAAA!\n"
      "web6 ssh-rsa " +
      ed25519.substr(12) +
      "\n"
      "|2|abc|def " +
      ed25519 +
      "\n"
      "|1|c2hvcnQ=|c2hvcnQ= " +
      ed25519 +
      "\n"
      "web7 1024 35 1234567\n"
      "web8 " +
      ed25519;  // no newline at the end
  const KnownHosts all = parse_known_hosts(text);

  REQUIRE(all.lines.size() == 5);
  CHECK(all.lines[0].line == 4);
  CHECK(all.lines[0].patterns == "web1,10.0.0.1");
  CHECK(all.lines[0].key.size() == 51);
  CHECK(all.lines[1].line == 5);
  CHECK(all.lines[1].patterns == "web2");
  CHECK(all.lines[2].marker == Marker::revoked);
  CHECK(all.lines[3].marker == Marker::cert_authority);
  CHECK(all.lines[4].patterns == "web8");
  CHECK(all.lines[4].line == 15);

  std::vector<std::string> bad;
  for (const auto& line : all.bad_lines) bad.push_back(std::to_string(line.line) + ": " + line.why);
  CHECK(bad == std::vector<std::string>{"8: unknown marker", "9: no key", "10: the key is no base64",
                                        "11: the key is not of the type that the line says",
                                        "12: unknown way of hashing the name", "13: broken hashed name",
                                        "14: the key is no base64"});
}

TEST_CASE("a known_hosts line of a megabyte is read like any other") {
  std::string names = "host0";
  for (int i = 1; names.size() < 1'000'000; ++i) names += ",host" + std::to_string(i);
  const KnownHosts all = parse_known_hosts(names + " " + ed25519 + "\nlast " + ed25519 + "\n");
  REQUIRE(all.lines.size() == 2);
  CHECK(matches_patterns(all.lines[0].patterns, "host70000"));
  CHECK_FALSE(matches_patterns(all.lines[0].patterns, "last"));
}

TEST_CASE("a host is listed under its name in lower case, with its port where that is not 22") {
  CHECK(listed_name("Web1.Example.COM", 22) == "web1.example.com");
  CHECK(listed_name("web1", 2222) == "[web1]:2222");
  CHECK(listed_name("2001:DB8::1", 22) == "2001:db8::1");
  CHECK(listed_name("2001:db8::1", 2222) == "[2001:db8::1]:2222");
}

TEST_CASE("patterns of known_hosts match as OpenSSH's do") {
  struct Case {
    const char* patterns;
    const char* name;
    bool matches;
  };
  const Case cases[] = {
      {"web1", "web1", true},
      {"WEB1", "web1", true},
      {"web1", "web11", false},
      {"web1", "web", false},
      {"a,web1,b", "web1", true},
      {"*.example.com", "web1.example.com", true},
      {"*.example.com", "example.com", false},
      {"web?", "web1", true},
      {"web?", "web", false},
      {"w*b*1", "wabab1", true},
      {"*", "anything", true},
      {"**", "", true},
      {"*.example.com,!db.example.com", "web.example.com", true},
      {"*.example.com,!db.example.com", "db.example.com", false},
      {"!db.example.com,*.example.com", "db.example.com", false},
      {"!web1", "web2", false},  // a negation alone matches nothing
      {"!*", "web1", false},
      {"[web1]:2222", "[web1]:2222", true},
      {"[*.example.com]:2222", "[web1.example.com]:2222", true},
      {"[web1]:*", "[web1]:2222", true},
      {"web1", "[web1]:2222", false},
      {"*.example.com", "[web1.example.com]:2222", false},
      {"*", "[web1]:2222", true},
      {"", "web1", false},
      {",", "web1", false},
      {"!", "web1", false},
  };
  for (const Case& c : cases) {
    INFO(c.patterns << " against " << c.name);
    CHECK(matches_patterns(c.patterns, c.name) == c.matches);
  }
}

TEST_CASE("a pattern made of stars is not slow") {
  const std::string stars = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
  CHECK_FALSE(
      matches_patterns(stars, std::string(255, 'a')));  // would take years if every star were tried with every other
}
