#include "core/secret.h"

#include <openssl/crypto.h>

namespace kirikae {

void Secret::wipe() {
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

}  // namespace kirikae
