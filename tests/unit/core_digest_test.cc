#include "core/digest.h"
#include "core/quick_sum.h"

#include <set>

#include "support/catch.h"

namespace kirikae {
namespace {

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

}  // namespace

// Vectors of FIPS 180-4.
TEST_CASE("SHA-256 agrees with the standard's vectors", "[core]") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(to_hex(sha256_bytes("abc")) == sha256_hex("abc"));
}

// As `xxhsum -H2` has it.
TEST_CASE("a quick sum is XXH3's 128 bits, of what has come since the last one", "[core]") {
  QuickSum sum;
  CHECK(sum.take() == QuickSum::Value{0x99aa06d3014798d8, 0x6001c324468d497f});
  for (const std::string_view piece : {"a", "", "bc"}) sum.update(piece);
  CHECK(sum.take() == QuickSum::Value{0x06b05ab6733a6185, 0x78af5f94892f3950});
  sum.update("abc");
  CHECK(sum.take() == QuickSum::Value{0x06b05ab6733a6185, 0x78af5f94892f3950});
}

TEST_CASE("SHA-256 in pieces is SHA-256 of the whole", "[core]") {
  Sha256 hash;
  for (const std::string_view piece : {"a", "", "b", "c"}) hash.update(piece);
  Sha256 moved = std::move(hash);
  CHECK(moved.hex() == sha256_hex("abc"));
}

// RFC 2202, cases 1, 2, 3 and 6.
TEST_CASE("HMAC-SHA1 agrees with the vectors of its RFC", "[core]") {
  CHECK(to_hex(hmac_sha1_bytes(std::string(20, '\x0b'), "Hi There")) == "b617318655057264e28bc0b6fb378c8ef146be00");
  CHECK(to_hex(hmac_sha1_bytes("Jefe", "what do ya want for nothing?")) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(to_hex(hmac_sha1_bytes(std::string(20, '\xaa'), std::string(50, '\xdd'))) ==
        "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
  CHECK(to_hex(hmac_sha1_bytes(std::string(80, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

// RFC 4648, section 10.
TEST_CASE("base64 goes both ways, and refuses what is none", "[core]") {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(to_base64(plain) == encoded);
    std::string bytes;
    CHECK(from_base64(encoded, bytes));
    CHECK(bytes == plain);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::string back;
  CHECK(from_base64(to_base64(all), back));
  CHECK(back == all);
  std::string ignored;
  for (const std::string_view wrong :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", " Zm9v", "Zm9-", "Zm9_", "Zg==Zg==", "Z=g="}) {
    INFO(wrong);
    CHECK(!from_base64(wrong, ignored));
  }
}

TEST_CASE("hex digits are lower case, random ones are not the same twice", "[core]") {
  CHECK(to_hex(std::string_view("\x00\x0f\xf0\xff", 4)) == "000ff0ff");
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_hex(16);
    CHECK(text.size() == 32);
    CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(seen.insert(text).second);
  }
}

}  // namespace kirikae
