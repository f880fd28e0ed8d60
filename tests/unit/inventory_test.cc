#include "inventory/inventory.h"

#include "support/catch.h"

namespace kirikae::inventory {
namespace {

using Names = std::vector<std::string>;

recipe::HostEntry host_entry(std::string address, Names roles = {}, bool primary = false) {
  recipe::HostEntry entry;
  entry.address = std::move(address);
  entry.roles = std::move(roles);
  entry.primary = primary;
  entry.span = {"deploy.yml", 1, 1, 1, "x"};
  return entry;
}

recipe::Recipe recipe_of(std::vector<recipe::HostEntry> entries) {
  recipe::Recipe recipe;
  recipe.hosts = std::move(entries);
  return recipe;
}

std::vector<Host> hosts_of(std::vector<recipe::HostEntry> entries) {
  auto hosts = expand(recipe_of(std::move(entries)));
  REQUIRE(hosts);
  return *std::move(hosts);
}

Names names_of(const std::vector<Host>& hosts) {
  Names names;
  for (const Host& host : hosts) names.push_back(host.name);
  return names;
}

// `user@address:port` of every host that the text stands for; the error's text where it is none.
Names specs_of(std::string_view text) {
  const auto specs = parse_host_spec(text);
  if (!specs) return {to_text(specs.error())};
  Names all;
  for (const auto& spec : *specs) all.push_back(spec.user + '@' + spec.address + ':' + std::to_string(spec.port));
  return all;
}

Names selected(const std::vector<Host>& hosts, const Filter& filter) {
  const auto some = select(hosts, filter);
  return some ? names_of(*some) : Names{to_text(some.error())};
}

}  // namespace

TEST_CASE("an address has a user and a port, or not", "[inventory]") {
  CHECK(specs_of("app1.example.com") == Names{"@app1.example.com:0"});
  CHECK(specs_of("deploy@app1:2222") == Names{"deploy@app1:2222"});
  CHECK(specs_of("me@corp@app1") == Names{"me@corp@app1:0"});
  CHECK(specs_of("192.0.2.1:22") == Names{"@192.0.2.1:22"});
  CHECK(specs_of("my_host-1") == Names{"@my_host-1:0"});
}

TEST_CASE("IPv6 addresses are told from ranges and from ports", "[inventory]") {
  CHECK(specs_of("2001:db8::1") == Names{"@2001:db8::1:0"});
  CHECK(specs_of("[2001:DB8:0:0::1]:2222") == Names{"@2001:db8::1:2222"});
  CHECK(specs_of("root@[::1]") == Names{"root@::1:0"});
  CHECK(specs_of("root@::1") == Names{"root@::1:0"});
  CHECK(specs_of("[fe80::1%eth0]:22") == Names{"@fe80::1%eth0:22"});
  CHECK(specs_of("::ffff:192.0.2.1") == Names{"@::ffff:c000:201:0"});
  CHECK(specs_of("[1-2].example.com:22") == Names{"@1.example.com:22", "@2.example.com:22"});
  CHECK(specs_of("1:2:3:4:5:6:7:8") == Names{"@1:2:3:4:5:6:7:8:0"});
  CHECK(specs_of("1:0:0:4:0:0:0:8") == Names{"@1:0:0:4::8:0"});
  for (const std::string_view wrong :
       {":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "::1.2.3.256", "1.2.3.4::", "::%", "::1%a b"}) {
    INFO(wrong);
    CHECK(specs_of(wrong).front().find("is no IPv6 address") != std::string::npos);
  }
}

TEST_CASE("ranges count up, padded as written, and several multiply", "[inventory]") {
  CHECK(specs_of("app[08-11]") == Names{"@app08:0", "@app09:0", "@app10:0", "@app11:0"});
  CHECK(specs_of("app[8-10].x") == Names{"@app8.x:0", "@app9.x:0", "@app10.x:0"});
  CHECK(specs_of("app[0-1]") == Names{"@app0:0", "@app1:0"});
  CHECK(specs_of("u@r[1-2]n[01-02]:23") == Names{"u@r1n01:23", "u@r1n02:23", "u@r2n01:23", "u@r2n02:23"});
  CHECK(parse_host_spec("app[1-10000]")->size() == 10000);
  CHECK(parse_host_spec("a[1-100]b[1-100]")->size() == 10000);
  CHECK(!parse_host_spec("app[0-10000]"));
  CHECK(!parse_host_spec("a[1-101]b[1-100]"));
  CHECK(!parse_host_spec("a[0-999999999]"));
  CHECK(!parse_host_spec("a[0-99999999999999999999]"));
}

TEST_CASE("a host's user is its own, else its entry's, else the recipe's, else open", "[inventory]") {
  auto recipe = recipe_of({host_entry("a"), host_entry("b"), host_entry("own@c")});
  recipe.hosts[1].user = "entry";
  CHECK(expand(recipe)->at(0).user.empty());
  recipe.user = "recipe";
  const auto hosts = *expand(recipe);
  CHECK(hosts[0].user == "recipe");
  CHECK(hosts[1].user == "entry");
  CHECK(hosts[2].user == "own");
}

TEST_CASE("a host's port is its own, else its entry's, else the recipe's", "[inventory]") {
  auto recipe = recipe_of({host_entry("a"), host_entry("b"), host_entry("c:24")});
  recipe.ssh.port = 2200;
  recipe.hosts[1].port = 23;
  const auto hosts = *expand(recipe);
  CHECK(hosts[0].port == 2200);
  CHECK(hosts[1].port == 23);
  CHECK(hosts[2].port == 24);
}

TEST_CASE("names are addresses, with the port only where two would be the same", "[inventory]") {
  CHECK(names_of(hosts_of({host_entry("a[1-2]"), host_entry("b:22"), host_entry("b:23"), host_entry("u@c:24")})) ==
        Names{"a1", "a2", "b:22", "b:23", "c"});
  CHECK(names_of(hosts_of({host_entry("[::1]:22"), host_entry("[::1]:23"), host_entry("::2")})) ==
        Names{"[::1]:22", "[::1]:23", "::2"});
}

TEST_CASE("what an entry says holds for every host of its range", "[inventory]") {
  auto recipe = recipe_of({host_entry("a[1-2]", {"app", "web"})});
  recipe.hosts[0].vars = {{"w", "1"}};
  const auto hosts = expand(recipe);
  REQUIRE(hosts);
  for (const Host& host : *hosts) {
    CHECK(host.roles == Names{"app", "web"});
    CHECK(host.vars == std::map<std::string, std::string>{{"w", "1"}});
    CHECK(!host.primary);
  }
  CHECK(hosts_of({host_entry("a", {"db"}, true)})[0].primary);
}

TEST_CASE("the same host twice is an error with the place of the second", "[inventory]") {
  auto recipe = recipe_of({host_entry("a"), host_entry("u@A:22")});
  recipe.hosts[1].span = {"deploy.yml", 7, 3, 6, "- u@A:22"};
  const auto hosts = expand(recipe);
  REQUIRE(!hosts);
  REQUIRE(hosts.error().size() == 1);
  CHECK(hosts.error()[0].span->line == 7);
}

TEST_CASE("too many hosts in a stage are refused before they fill the memory", "[inventory]") {
  std::vector<recipe::HostEntry> entries;
  for (int i = 0; i < 200; ++i) entries.push_back(host_entry("h" + std::to_string(i) + "-[1-10000]"));
  const auto hosts = expand(recipe_of(entries));
  REQUIRE(!hosts);
  REQUIRE(hosts.error().size() == 1);
  CHECK(hosts.error()[0].message == "more than 100000 hosts in the stage");
}

TEST_CASE("a task's roles choose hosts; where no host of the stage has roles, all match", "[inventory]") {
  const auto with_roles = hosts_of({host_entry("a", {"app"}), host_entry("b")});
  CHECK(with_roles[0].has_any_role({}));
  CHECK(with_roles[0].has_any_role({"db", "app"}));
  CHECK(!with_roles[0].has_any_role({"db"}));
  CHECK(with_roles[1].has_any_role({}));
  CHECK(!with_roles[1].has_any_role({"app"}));
  const auto without = hosts_of({host_entry("a"), host_entry("b")});
  CHECK(without[0].has_any_role({"db"}));
  CHECK(without[1].has_any_role({"db"}));
}

TEST_CASE("hosts are selected by names with wildcards, by roles, and left out again", "[inventory]") {
  const auto hosts = hosts_of({host_entry("app[1-3].x", {"app"}), host_entry("db1.x", {"db"}), host_entry("both.x", {"app", "db"})});
  CHECK(selected(hosts, {}) == Names{"app1.x", "app2.x", "app3.x", "db1.x", "both.x"});
  CHECK(selected(hosts, {{"app*"}, {}, {}}) == Names{"app1.x", "app2.x", "app3.x"});
  CHECK(selected(hosts, {{"db1.x", "app?.x"}, {}, {"*2*"}}) == Names{"app1.x", "app3.x", "db1.x"});
  CHECK(selected(hosts, {{}, {"db"}, {}}) == Names{"db1.x", "both.x"});
  CHECK(selected(hosts, {{"app*", "both.x"}, {"db", "app"}, {"app1.x"}}) == Names{"app2.x", "app3.x", "both.x"});
  CHECK(selected(hosts, {{"*a*a*"}, {}, {}}).front().find("no host of the stage") != std::string::npos);
  CHECK(selected(hosts, {{"**1.*"}, {}, {}}) == Names{"app1.x", "db1.x"});
}

TEST_CASE("a selection that fits nothing is told, with what is known", "[inventory]") {
  const auto hosts = hosts_of({host_entry("app1.example.com", {"app"}), host_entry("db1.example.com", {"db"})});
  CHECK(selected(hosts, {{"app2.example.com"}, {}, {}}) ==
        Names{"--hosts: no host of the stage has the name 'app2.example.com'\n  did you mean 'app1.example.com'?"});
  CHECK(selected(hosts, {{}, {"ap"}, {}}) ==
        Names{"--roles: no host of the stage has the role 'ap'\n  did you mean 'app'?"});
  CHECK(selected(hosts, {{}, {}, {"x*"}}) ==
        Names{"--exclude: no host of the stage has the name 'x*'\n  known: app1.example.com, db1.example.com"});
  CHECK(selected(hosts, {{"app*"}, {"db"}, {}}) ==
        Names{"no host is left: --hosts, --roles and --exclude leave out all of the stage\n"
              "  the stage has 2 hosts; select less narrowly"});
  const auto error = select(hosts, {{"x"}, {}, {}});
  REQUIRE(!error);
  CHECK(error.error().code == ErrorCode::usage);
}

TEST_CASE("hosts that a word names are told without an option's name", "[inventory]") {
  const auto hosts = hosts_of({host_entry("app[1-2].example.com", {"app"}), host_entry("db1.example.com", {"db"})});
  const auto those = named(hosts, "app?.*");
  REQUIRE(those);
  CHECK(those->size() == 2);
  CHECK(named(hosts, "db1.example.com")->front().name == "db1.example.com");
  CHECK(to_text(named(hosts, "db2.example.com").error()) == "no host of the stage has the name 'db2.example.com'\n  did you mean 'db1.example.com'?");
}

TEST_CASE("a wildcard pattern made to be slow is not", "[inventory]") {
  const auto hosts = hosts_of({host_entry(std::string(240, 'a'))});
  std::string pattern;
  for (int i = 0; i < 120; ++i) pattern += "*a";
  CHECK(selected(hosts, {{pattern + "*b"}, {}, {}}).front().find("no host") != std::string::npos);
  CHECK(selected(hosts, {{pattern}, {}, {}}).size() == 1);
}

}  // namespace kirikae::inventory
