// Why here: OpenSSL has no bcrypt, and libssh2 has one only inside of its own login functions, where it would run again
// for every host (a tenth of a second each, twice for some files). With it, an encrypted key is opened once for the
// whole run.
#include "ssh/bcrypt_kdf.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>
#include <utility>

#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

void require(bool ok) {
  if (!ok) throw std::bad_alloc();  // OpenSSL's only reason to fail here
}

struct Blowfish {
  std::array<std::uint32_t, 18> subkeys;
  std::array<std::array<std::uint32_t, 256>, 4> boxes;

  void encrypt(std::uint32_t& left, std::uint32_t& right) const {
    for (std::size_t round = 0; round < 16; ++round) {
      left ^= subkeys[round];
      right ^= ((boxes[0][left >> 24U] + boxes[1][left >> 16U & 0xffU]) ^ boxes[2][left >> 8U & 0xffU]) +
               boxes[3][left & 0xffU];
      std::swap(left, right);
    }
    std::swap(left, right);
    right ^= subkeys[16];
    left ^= subkeys[17];
  }
};

// Blowfish starts from the binary digits of pi behind the point, 32 to a word. Computed (about 40 ms, once) from
// pi = 16 atan(1/5) - 4 atan(1/239) rather than written down: a thousand constants that nobody could review.
class PiDigits {
 public:
  PiDigits() {
    constexpr int guard_bits = 64;
    Number sum = times_inverse_tangent(16, 5, guard_bits);
    const Number less = times_inverse_tangent(4, 239, guard_bits);
    require(BN_sub(sum.get(), sum.get(), less.get()) == 1 && BN_rshift(sum.get(), sum.get(), guard_bits) == 1 &&
            BN_mask_bits(sum.get(), bits) == 1);
    std::array<unsigned char, bits / 8> bytes{};
    require(BN_bn2binpad(sum.get(), bytes.data(), bits / 8) == bits / 8);
    std::size_t at = 0;
    const auto word = [&] {
      std::uint32_t value = 0;
      for (int i = 0; i < 4; ++i) value = value << 8U | bytes[at++];
      return value;
    };
    for (auto& subkey : start_.subkeys) subkey = word();
    for (auto& box : start_.boxes) {
      for (auto& entry : box) entry = word();
    }
  }

  [[nodiscard]] const Blowfish& start() const { return start_; }

 private:
  static constexpr int bits = (18 + 4 * 256) * 32;
  using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

  static Number number() {
    Number made(BN_new(), BN_free);
    require(made != nullptr);
    return made;
  }

  // factor * atan(1 / x), as a fixed-point number: the power series, term by term until nothing is left of them.
  static Number times_inverse_tangent(BN_ULONG factor, BN_ULONG x, int guard_bits) {
    Number power = number();
    Number term = number();
    Number sum = number();
    require(BN_set_word(power.get(), factor) == 1 && BN_lshift(power.get(), power.get(), bits + guard_bits) == 1);
    BN_div_word(power.get(), x);
    for (BN_ULONG odd = 1; !BN_is_zero(power.get()); odd += 2) {
      require(BN_copy(term.get(), power.get()) != nullptr);
      BN_div_word(term.get(), odd);
      const bool add = odd % 4 == 1;
      require((add ? BN_add : BN_sub)(sum.get(), sum.get(), term.get()) == 1);
      BN_div_word(power.get(), x * x);
    }
    return sum;
  }

  Blowfish start_{};
};

using Sha512 = std::array<unsigned char, 64>;

Sha512 sha512(const void* bytes, std::size_t size) {
  Sha512 digest{};
  require(EVP_Digest(bytes, size, digest.data(), nullptr, EVP_sha512(), nullptr) == 1);
  return digest;
}

// Its bytes as words, over and over.
class Cycle {
 public:
  explicit Cycle(const Sha512& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) words_[i / 4] = words_[i / 4] << 8U | bytes[i];
  }
  std::uint32_t next() { return words_[at_++ % words_.size()]; }
  void rewind() { at_ = 0; }
  void wipe() { OPENSSL_cleanse(words_.data(), sizeof words_); }

 private:
  std::array<std::uint32_t, 16> words_{};
  std::size_t at_ = 0;
};

// Mixes a key into the state; `salt` may be none.
void expand(Blowfish& state, Cycle& key, Cycle* salt) {
  key.rewind();
  if (salt != nullptr) salt->rewind();
  for (auto& subkey : state.subkeys) subkey ^= key.next();
  std::uint32_t left = 0;
  std::uint32_t right = 0;
  const auto fill = [&](auto& words) {
    for (std::size_t i = 0; i < words.size(); i += 2) {
      if (salt != nullptr) {
        left ^= salt->next();
        right ^= salt->next();
      }
      state.encrypt(left, right);
      words[i] = left;
      words[i + 1] = right;
    }
  };
  fill(state.subkeys);
  for (auto& box : state.boxes) fill(box);
}

using Block = std::array<unsigned char, 32>;

Block bcrypt_hash(const Blowfish& start, const Sha512& passphrase, const Sha512& salt) {
  Blowfish state = start;
  Cycle key(passphrase);
  Cycle salted(salt);
  expand(state, key, &salted);
  for (int i = 0; i < 64; ++i) {
    expand(state, salted, nullptr);
    expand(state, key, nullptr);
  }
  constexpr std::string_view text = "OxychromaticBlowfishSwatDynamite";
  Block out{};
  for (std::size_t at = 0; at < text.size(); at += 8) {
    WireReader reader(text.substr(at, 8));
    std::uint32_t left = *reader.number();
    std::uint32_t right = *reader.number();
    for (int i = 0; i < 64; ++i) state.encrypt(left, right);
    for (std::size_t i = 0; i < 4; ++i) {  // the one place where bcrypt-pbkdf is little-endian
      out[at + i] = static_cast<unsigned char>(left >> (8 * i));
      out[at + 4 + i] = static_cast<unsigned char>(right >> (8 * i));
    }
  }
  OPENSSL_cleanse(&state, sizeof state);
  key.wipe();
  return out;
}

}  // namespace

Secret bcrypt_kdf(std::string_view passphrase, std::string_view salt, std::uint32_t rounds, std::size_t size) {
  static const PiDigits pi;
  Sha512 hashed = sha512(passphrase.data(), passphrase.size());
  const std::size_t stride = (size + Block().size() - 1) / Block().size();
  std::string key(size, '\0');
  for (std::uint32_t count = 1; count <= stride; ++count) {
    std::string counted(salt);
    append_number(counted, count);
    Block step = bcrypt_hash(pi.start(), hashed, sha512(counted.data(), counted.size()));
    Block sum = step;
    for (std::uint32_t i = 1; i < rounds; ++i) {
      step = bcrypt_hash(pi.start(), hashed, sha512(step.data(), step.size()));
      for (std::size_t j = 0; j < sum.size(); ++j) sum[j] ^= step[j];
    }
    // The blocks' bytes are dealt out in turn, not one block after the other.
    for (std::size_t i = 0, at = count - 1; i < sum.size() && at < size; ++i, at += stride)
      key[at] = static_cast<char>(sum[i]);
    OPENSSL_cleanse(sum.data(), sum.size());
    OPENSSL_cleanse(step.data(), step.size());
  }
  OPENSSL_cleanse(hashed.data(), hashed.size());
  return Secret(std::move(key));
}

}  // namespace kirikae::ssh
