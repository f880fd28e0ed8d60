#include "ssh/key_builder.h"

#include <algorithm>
#include <array>
#include <new>

namespace kirikae::ssh {
namespace {

constexpr std::array<Curve, 3> curves{{{"nistp256", "prime256v1", EVP_sha256},
                                       {"nistp384", "secp384r1", EVP_sha384},
                                       {"nistp521", "secp521r1", EVP_sha512}}};

const Curve* curve_by(std::string_view Curve::*name, std::string_view wanted) {
  const auto* const found = std::ranges::find(curves, wanted, name);
  return found == curves.end() ? nullptr : found;
}

using Params = std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

}  // namespace

const Curve* curve_of_ssh(std::string_view name) { return curve_by(&Curve::ssh, name); }
const Curve* curve_of_openssl(std::string_view name) { return curve_by(&Curve::openssl, name); }

Number number_of(std::string_view bytes) {
  Number number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr),
      BN_clear_free);
  if (number == nullptr) throw std::bad_alloc();
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

KeyBuilder::KeyBuilder() : builder_(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free) {
  if (builder_ == nullptr) throw std::bad_alloc();
}

void KeyBuilder::add(const char* name, const Number& number) {
  ok_ = ok_ && OSSL_PARAM_BLD_push_BN(builder_.get(), name, number.get()) == 1;
}

void KeyBuilder::add_text(const char* name, std::string_view text) {
  ok_ = ok_ && OSSL_PARAM_BLD_push_utf8_string(builder_.get(), name, text.data(), text.size()) == 1;
}

void KeyBuilder::add_bytes(const char* name, std::string_view bytes) {
  ok_ = ok_ && OSSL_PARAM_BLD_push_octet_string(builder_.get(), name, bytes.data(), bytes.size()) == 1;
}

std::shared_ptr<EVP_PKEY> KeyBuilder::make(const char* type, int selection) {
  const Params params(OSSL_PARAM_BLD_to_param(builder_.get()), OSSL_PARAM_free);
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (!ok_ || params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

}  // namespace kirikae::ssh
