#include "plan/host_keys.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace kirikae::plan {
namespace {

const KeyName one{"ed25519", "SHA256:one", {}};

std::vector<HostKeyView> views() {
  std::vector<HostKeyView> all;
  for (const char* name : {"web1", "web2", "web3"}) all.push_back({name, false, KeyState::known, one});
  all.push_back({"gate", true, KeyState::fresh, one, {}, "/k"});
  all.push_back(
      {"db1", false, KeyState::changed, one, {{"rsa", "SHA256:two", "/k:3"}, {"ed25519", "SHA256:three", "/l:1"}}});
  all.push_back(all.back());
  all.back().file = "/k";
  all.push_back({"db2", false, KeyState::revoked, one});
  all.push_back({"db3", false, KeyState::fresh, one});
  return all;
}

}  // namespace

TEST_CASE("hosts of which the same is to be said share a line, and old keys stand there with their places", "[plan]") {
  CHECK(host_keys_text(views()) ==
        "web[1-3]: known: ed25519 SHA256:one\n"
        "gate (jump host): added to /k: ed25519 SHA256:one\n"
        "db1: HOST KEY HAS CHANGED: it shows ed25519 SHA256:one, but known is rsa SHA256:two (/k:3), ed25519 "
        "SHA256:three (/l:1)\n"
        "db1: replaced in /k: ed25519 SHA256:one, instead of rsa SHA256:two (/k:3), ed25519 SHA256:three (/l:1)\n"
        "db2: REVOKED: ed25519 SHA256:one\n"
        "db3: new: ed25519 SHA256:one\n");
  CHECK(host_keys_text({}).empty());
  auto expired = views().back();
  expired.certificate = "has expired";
  CHECK(host_keys_text({expired}) == "db3: new: ed25519 SHA256:one; its certificate has expired\n");
}

TEST_CASE("the same as data has each host by itself", "[plan]") {
  const auto hosts = nlohmann::json::parse(host_keys_json(views()))["hosts"];
  std::string states;
  for (const auto& host : hosts) states += host["state"].get<std::string>() + ' ';
  CHECK(states == "known known known added changed replaced revoked new ");
  CHECK(hosts[3] ==
        nlohmann::json::parse(R"({"host": "gate", "jump": true, "state": "added", "file": "/k", "others": [],
                                              "key": {"type": "ed25519", "fingerprint": "SHA256:one"}})"));
  auto expired = views().back();
  expired.certificate = "has expired";
  CHECK(nlohmann::json::parse(host_keys_json({expired}))["hosts"][0]["certificate"] == "has expired");
  CHECK_FALSE(hosts[7].contains("certificate"));
  CHECK(hosts[4]["others"][0] ==
        nlohmann::json::parse(R"({"type": "rsa", "fingerprint": "SHA256:two", "place": "/k:3"})"));
}

}  // namespace kirikae::plan
