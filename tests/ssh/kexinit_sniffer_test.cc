// What is read of a host's first packets, as they come.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/kexinit.h"
#include "ssh/wire.h"
#include "support/catch.h"

using namespace kirikae::ssh;

namespace {

constexpr char msg_ignore = 2, msg_debug = 4, msg_kexinit = 20, msg_newkeys = 21, msg_reply = 31, msg_gex_reply = 33;

// The padding has what could be one more field.
std::string packet(char type, const std::string& content) {
  const std::string padding(16, '\0');
  std::string bytes;
  append_string(bytes, std::string(1, static_cast<char>(padding.size())) + type + content + padding);
  return bytes;
}

std::string fields(const std::vector<std::string>& all) {
  std::string bytes;
  for (const auto& each : all) append_string(bytes, each);
  return bytes;
}

const std::string any_greeting = "SSH-2.0-any\r\n";
const std::string lists = packet(msg_kexinit, std::string(16, 'c') + fields({"kex", "ssh-ed25519", "c1", "c2", "m1", "m2", "", "", "", ""}) + std::string(5, '\0'));

KexinitSniffer fed(const std::string& bytes, std::size_t piece) {
  KexinitSniffer sniffer;
  for (std::size_t at = 0; at < bytes.size(); at += piece) sniffer.feed(std::string_view(bytes).substr(at, piece));
  return sniffer;
}

}  // namespace

TEST_CASE("a host's lists and its signature are found in what it says, however that comes") {
  const std::size_t piece = GENERATE(1, 7, 100'000);
  const std::string chat = packet(msg_ignore, fields({"x"})) + packet(msg_debug, std::string(1, '\0') + fields({"x", ""}));
  const bool by_group = GENERATE(false, true);
  const std::string answer = by_group ? packet(msg_reply, fields({"prime", "generator"})) + chat + packet(msg_gex_reply, fields({"key", "half", "signature"}))
                                      : packet(msg_reply, fields({"key", "half", "signature"}));
  const auto sniffer = fed("a line before\n" + any_greeting + chat + lists + chat + answer + packet(msg_newkeys, "") + "whatever follows", piece);
  CHECK(sniffer.banner() == "SSH-2.0-any");
  CHECK(sniffer.complete());
  CHECK(sniffer.missing({"kex", "ssh-ed25519", "c1,c2", "m1"}) == "MAC: it offers 'm2', this program 'm1'");
  CHECK(sniffer.signature() == "signature");
}

TEST_CASE("what comes in the clear no more is no signature") {
  CHECK(fed(any_greeting + lists + packet(msg_newkeys, "") + packet(msg_reply, fields({"key", "half", "signature"})), 50).signature().empty());
  CHECK(fed(any_greeting + packet(msg_reply, fields({"key", "half", "signature"})) + lists, 50).signature().empty());
  CHECK(fed(any_greeting + lists + packet(msg_reply, fields({"key", "half"})), 50).signature().empty());
}
