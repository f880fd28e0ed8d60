// Text as OpenSSL takes it: bytes without a sign.
#pragma once

#include <string>
#include <string_view>

namespace kirikae::ssh {

inline const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
inline unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace kirikae::ssh
