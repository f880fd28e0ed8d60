// Certificates of hosts: whatever is done to them, none is taken for signed but what was signed.
#include <algorithm>

#include "core/digest.h"
#include "fuzz/driver.h"
#include "ssh/host_certificate.h"

namespace kirikae::fuzz {
namespace {

std::string decoded(std::string_view text) {
  std::string blob;
  must(from_base64(text, blob), "a seed is base64");
  return blob;
}

// Of keys that are kept nowhere: an ecdsa key's, by an ed25519 key, and the other way round, with a critical option.
const std::vector<std::string>& real() {
  static const std::vector<std::string> blobs{
      decoded("AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgZwrOGg1Q3favzjJxLd35UgLafcAcSJh/ftzH"
      "JapuomgAAAAIbmlzdHAyNTYAAABBBPhUZ7HBfIg+63I6bTDeEDn3OH0p4gjecilZE8P72zYhzEL/BXqvFgPAUxODvT/mP+B7VITK"
      "JTsBOr2lPnFwA3IAAAAAAAAAAAAAAAIAAAACaWQAAAAcAAAABHdlYjEAAAAQd2ViMS5leGFtcGxlLmNvbQAAAAAAAAAA////////"
      "//8AAAAAAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIGDMLxdLpXICSpZHpzB2aMOpFfqQHgXbsifr5ws7sYdnAAAAUwAA"
      "AAtzc2gtZWQyNTUxOQAAAEAIaIJLmAtCE9R2BG/mpr02lnwI6Ht05cqzuQlaWc119UkX+ee6LvSYvdTG+aKh7Q+LBPp5kl9cr/Mq"
      "FfRyBR0N"),
      decoded("AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIEe9vWj1j0I03VJIcQRlehtmIZtIMl2I1y3QNTcRKyj+AAAA"
      "IGknB7qoktMQIC4lfQ4x6Zq04Vu6IiluNHnAG8umJ4uXAAAAAAAAAAAAAAACAAAAAmlkAAAACAAAAAR3ZWIxAAAAAAAAAAD/////"
      "/////wAAABAAAAADb2RkAAAABQAAAAF4AAAAAAAAAAAAAABoAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB"
      "BHEvc7nnGAaha0Cotz96Q4Tvrk+nnbL6G9+zV3NvTrrxOL0/05TyWc7HbNUu3Mo5djDrLi/zaZKAGSDU6FbBDiUAAABjAAAAE2Vj"
      "ZHNhLXNoYTItbmlzdHAyNTYAAABIAAAAIHpaX0/yCbh7HFGS0yIhRvDRHjnItdpg9kD4jQNkviDzAAAAIBDYdWNmV0719WLuL5vV"
      "UtlQnx8sql4HhFUbHKnA43nx")};
  return blobs;
}

}  // namespace

std::vector<std::string> seeds() { return real(); }

void try_input(std::string_view input) {
  must(!ssh::plain_key(input).empty() || input.empty(), "there is a key, or the input itself");
  ssh::is_certificate(input);
  const auto parsed = ssh::parse_certificate(input);
  const auto certificate = ssh::HostCertificate::read(input);
  if (!certificate) {
    must(certificate.error().any() && !certificate.error().hint.empty(), "a refusal says why, and what to do");
    return;
  }
  must(parsed.has_value(), "what is taken was read");
  must(parsed->signed_size < input.size(), "there is a signature behind what is signed");
  const auto trouble = certificate->trouble("web1", 1'800'000'000, {});
  // An authority's signature has more than one form (an ecdsa number with a zero before it), and other authorities sign other things.
  const bool is_real = std::ranges::any_of(
      real(), [&](const std::string& blob) { return blob.starts_with(input.substr(0, parsed->signed_size)); });
  must(trouble.any() || is_real, "nothing but what was signed is good");
}

}  // namespace kirikae::fuzz
