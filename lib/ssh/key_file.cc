#include "ssh/key_file.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <new>

#include "core/digest.h"
#include "core/shell_quote.h"
#include "ssh/local_file.h"
#include "ssh/openssh_key.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr std::string_view begin_openssh = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view end_openssh = "-----END OPENSSH PRIVATE KEY-----";

Error unusable_key(const std::string& path, const std::string& why, std::string hint = {}) {
  return Error(ErrorCode::local, fmt::format("can't use '{}': {}", path, why), std::move(hint));
}

// The blob of a line such as `ssh-ed25519 AAAA… comment`; empty: the text is none.
std::string public_key_line(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return {};
  const auto type = text.substr(0, space);
  const auto encoded = text.substr(space + 1);
  std::string blob;
  return from_base64(encoded.substr(0, encoded.find(' ')), blob) && key_type(blob) == type ? blob : std::string();
}

Result<std::string> neighbour_blob(const std::string& path) {
  TRY_ASSIGN(const auto file, read_local_file(path + ".pub", key_file_limit));
  return file ? public_key_line(file->bytes) : std::string();
}

// Empty: there is no such block in the text, or it is damaged.
Secret decode_container(std::string_view text) {
  const auto begin = text.find(begin_openssh);
  const auto end = text.find(end_openssh);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  std::string encoded(text.substr(begin + begin_openssh.size(), end - begin - begin_openssh.size()));
  std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  const Secret wiped(std::move(encoded));
  std::string container;
  return from_base64(wiped.reveal(), container) ? Secret(std::move(container)) : Secret();
}

int give_passphrase(char* buffer, int size, int, void* given) {
  const auto& passphrase = *static_cast<std::string_view*>(given);
  if (passphrase.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, passphrase.data(), passphrase.size());
  return static_cast<int>(passphrase.size());
}

// Whether the file could not even be decrypted, by an error of OpenSSL's queue. What a wrong passphrase queues differs
// by format, and one of 256 decrypts to what has a sound padding: then the decoder "does not support" what came out.
bool lacks_cipher(unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_EVP) return reason == ERR_R_UNSUPPORTED;
  return ERR_GET_LIB(code) == ERR_LIB_PEM &&
         (reason == PEM_R_UNSUPPORTED_CIPHER || reason == PEM_R_UNSUPPORTED_ENCRYPTION);
}

}  // namespace

Result<std::optional<KeyFile>> KeyFile::read(const std::string& path) {
  KeyFile key(path);
  TRY_ASSIGN(auto file, read_local_file(path, key_file_limit));
  if (!file) {
    TRY_ASSIGN(key.blob_, neighbour_blob(path));
    if (key.blob_.empty()) return std::nullopt;
    return key;
  }
  key.blob_ = public_key_line(file->bytes);
  if (!key.blob_.empty()) return key;

  key.bytes_ = Secret(std::move(file->bytes));
  const std::string_view text = key.bytes_.reveal();
  if (file->owner == ::getuid() && (file->mode & 077U) != 0) {
    key.exposed_ = unusable_key(path, fmt::format("others can read this private key (mode {:04o})", file->mode & 07777U), "chmod 600 " + shell_word(path));
  }
  if (text.starts_with("PuTTY-User-Key-File")) {
    return std::unexpected(unusable_key(path, "it is in PuTTY's format",
                                        fmt::format("puttygen {0} -O private-openssh -o {0}.openssh", shell_word(path))));
  }
  if (text.find(begin_openssh) != std::string_view::npos) {
    key.container_ = decode_container(text);
    const auto parsed = parse_openssh_key(key.container_.reveal());
    if (!parsed) return std::unexpected(unusable_key(path, "the file is damaged"));
    key.blob_ = parsed->public_blob;
    key.hardware_ = key_type(key.blob_).starts_with("sk-");
    key.encrypted_ = parsed->cipher != "none" && !key.hardware_;
    if (key.hardware_) key.bytes_ = Secret();
    return key;
  }
  if (text.find("-----BEGIN ") == std::string_view::npos || text.find("PRIVATE KEY-----") == std::string_view::npos) {
    return std::unexpected(unusable_key(path, "it holds no private key"));
  }
  key.encrypted_ = text.find("ENCRYPTED") != std::string_view::npos;
  if (!key.encrypted_ && !key.exposed_) {
    TRY_ASSIGN(const PrivateKey opened, key.open({}));
    key.blob_ = opened.public_blob();
  } else if (auto blob = neighbour_blob(path); blob) {
    key.blob_ = *std::move(blob);
  }
  return key;
}

Result<PrivateKey> KeyFile::open(std::string_view passphrase) const {
  auto opened =
      container_.empty() ? open_pem(passphrase) : open_openssh_key(*parse_openssh_key(container_.reveal()), passphrase);
  if (opened || opened.error().code == ErrorCode::auth) return opened;
  const Error& error = opened.error();
  return std::unexpected(
      unusable_key(path_, error.message, error.hint.empty() ? std::string() : error.hint + shell_word(path_)));
}

Result<PrivateKey> KeyFile::open_pem(std::string_view passphrase) const {
  const std::string_view text = bytes_.reveal();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                      BIO_free);
  if (bio == nullptr) throw std::bad_alloc();
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &passphrase);
  if (key != nullptr) return PrivateKey::from({key, EVP_PKEY_free});
  bool unsupported = false;
  while (const auto code = ERR_get_error()) unsupported = unsupported || lacks_cipher(code);
  if (!encrypted_ || unsupported) {
    return std::unexpected(
        Error(ErrorCode::local, "its format is not known here, or it is damaged", std::string(conversion)));
  }
  return std::unexpected(Error(ErrorCode::auth, "wrong passphrase"));
}

}  // namespace kirikae::ssh
