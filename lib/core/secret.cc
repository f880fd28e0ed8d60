#include "core/secret.h"

#include <openssl/crypto.h>

namespace kirikae {

void wipe(void* memory, std::size_t size) { OPENSSL_cleanse(memory, size); }

void Secret::wipe() {
  kirikae::wipe(text_.data(), text_.size());
  text_.clear();
}

}  // namespace kirikae
