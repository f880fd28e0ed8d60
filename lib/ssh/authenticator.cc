#include "ssh/authenticator.h"

#include <fmt/core.h>
#include <libssh2.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/shell_quote.h"
#include "ssh/key_ring.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr int max_tries = 6;         // OpenSSH's MaxAuthTries: the host hangs up after as many
constexpr int signature_wanted = 1;  // no code of libssh2's

// What passes between libssh2's sign callback and us. The callback only says what it wants, and the signature is made
// outside of it, where neither the session's time limit runs nor libssh2 is in the middle of something.
struct Signing {
  std::string data;  // to be signed; empty: not asked yet
  std::string algorithm;
  std::optional<std::string> signature;
  bool refused = false;
  bool asked = false;  // and no answer given yet
  bool used = false;   // and on its way
};

// RFC 4252, section 7: string session id, byte 50, string user, string service, string "publickey", byte 1, string
// algorithm, …
std::string algorithm_of(std::string_view data) {
  WireReader reader(data);
  reader.string();
  reader.byte();
  for (int i = 0; i < 3; ++i) reader.string();
  reader.byte();
  return std::string(reader.string().value_or(""));
}

int sign_callback(LIBSSH2_SESSION*, unsigned char** signature, std::size_t* size, const unsigned char* data,
                  std::size_t data_size, void** abstract) {
  auto& signing = *static_cast<Signing*>(*abstract);
  if (signing.refused) return LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
  if (!signing.signature) {
    signing.data.assign(reinterpret_cast<const char*>(data), data_size);
    signing.algorithm = algorithm_of(signing.data);
    signing.asked = true;
    return LIBSSH2_ERROR_EAGAIN;
  }
  *size = signing.signature->size();
  *signature = static_cast<unsigned char*>(std::malloc(*size));  // libssh2 frees it
  if (*signature == nullptr) return LIBSSH2_ERROR_ALLOC;
  std::memcpy(*signature, signing.signature->data(), *size);
  signing.used = true;
  return 0;
}

std::string ssh_command(const Target& target) {
  return fmt::format("ssh{} {}", target.port == 22 ? "" : fmt::format(" -p {}", target.port),
                     shell_word(target.user + "@" + target.address));
}

// One host's login.
class Login {
 public:
  Login(KeyRing& keys, LIBSSH2_SESSION* session, const Target& target, const HostSettings& host, const Authenticator::Call& call,
        const Wait& wait, const std::function<void(int)>& signed_sent)
      : keys_(keys), session_(session), target_(target), host_(host), call_(call), wait_(wait), signed_sent_(signed_sent) {}

  Result<void> run() {
    TRY_ASSIGN(const std::vector<KeyRing::Key> keys, keys_.keys(host_, wait_));
    for (const KeyRing::Key& key : keys) {
      if (!key.unusable().empty()) {
        note(key, key.unusable());
      } else if (tries_ == max_tries || host_is_gone_) {
        left_out_.push_back(key.label());
      } else {
        TRY_ASSIGN(const bool accepted, try_key(key));
        if (accepted) return {};
      }
    }
    return std::unexpected(tries_ == 0 && notes_.empty() ? no_keys() : refused());
  }

 private:
  void note(const KeyRing::Key& key, std::string_view result) {
    notes_.push_back(fmt::format("{}: {}", key.label(), result));
  }

  // Ends the login where the error is not about this key alone.
  Result<void> note_error(const KeyRing::Key& key, Error error) {
    if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
    if (error.code == ErrorCode::cancelled || wait_.deadline.passed()) return std::unexpected(std::move(error));
    note(key, error.message);
    return {};
  }

  Result<bool> try_key(const KeyRing::Key& key) {
    waited_ = waited_ || !key.tells();
    const auto blob = keys_.public_blob(key, wait_);
    if (!blob) {
      TRY(note_error(key, blob.error()));
      return false;
    }
    Signing signing;
    std::optional<Error> sign_error;
    int code = 0;
    while ((code = ask_host(*blob, signing)) == signature_wanted) {
      signing.asked = false;
      auto signature = keys_.sign(key, signing.data, signing.algorithm, wait_);
      if (signature) {
        signing.signature = *std::move(signature);
        ++signatures_;
      } else {
        signing.refused = true;
        sign_error = std::move(signature).error();
      }
      // Nothing more to say to this host: the session is left in the middle of the request, and must not be used again.
      if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
    }
    if (code == 0) return true;
    if (sign_error) {
      TRY(note_error(key, *std::move(sign_error)));
      return false;
    }
    TRY(judge(key, code, signing.signature.has_value()));
    return false;
  }

  int ask_host(const std::string& blob, Signing& signing) {
    void* abstract = &signing;
    return call_([&] {
      const int code = libssh2_userauth_publickey(session_, target_.user.c_str(),
                                                  reinterpret_cast<const unsigned char*>(blob.data()), blob.size(),
                                                  sign_callback, &abstract);
      if (code == LIBSSH2_ERROR_EAGAIN && signing.asked) return signature_wanted;
      if (code == LIBSSH2_ERROR_EAGAIN && signing.used && signed_sent_) signed_sent_(signatures_);
      return code;
    });
  }

  // What a code that is no success says about the key; an error where the login is over.
  Result<void> judge(const KeyRing::Key& key, int code, bool was_signed) {
    if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
    if (code == LIBSSH2_ERROR_TIMEOUT) {
      return std::unexpected(
          Error(ErrorCode::timeout, fmt::format("the host did not answer while '{}' logged in", target_.user)));
    }
    if (code == LIBSSH2_ERROR_AUTHENTICATION_FAILED) {
      note(key, "refused");
      ++tries_;
      return {};
    }
    if (code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED && !hung_up()) {
      note(key, was_signed ? "known to the host, but not enough to log in (it may want a second factor)" : "unusable");
      ++tries_;
      return {};
    }
    // Too many keys make a host hang up. With a key that it knows, or while somebody was typing, it had another reason.
    if (tries_ == 0 || was_signed || waited_) {
      return std::unexpected(
          Error(ErrorCode::lost, fmt::format("the host hung up while '{}' logged in", target_.user)));
    }
    note(key, "the host hung up, as it does after too many keys");
    host_is_gone_ = true;
    return {};
  }

  // libssh2 gives a lost connection here the code of a refused signature; only the text tells them apart.
  bool hung_up() {
    char* text = nullptr;
    libssh2_session_last_error(session_, &text, nullptr, 0);
    return text != nullptr && std::string_view(text).starts_with("Waiting for");
  }

  Error refused() {
    std::string text = fmt::format("no key was accepted for user '{}'", target_.user);
    std::string_view separator = ": ";
    for (const std::string& item : notes_) {
      text.append(separator).append(item);
      separator = "; ";
    }
    if (const std::string trouble = keys_.agent_trouble(host_.agent_socket); !trouble.empty()) text.append(separator).append(trouble);
    if (!left_out_.empty()) {
      text += "; not tried any more: ";
      for (const std::string& label : left_out_) text.append(label).append(&label == &left_out_.back() ? "" : ", ");
    }
    return Error(ErrorCode::auth, std::move(text),
                 left_out_.empty() ? "see what ssh says: " + ssh_command(target_)
                                   : "name the right key in the recipe (ssh: identity), and see what ssh says: " +
                                         ssh_command(target_));
  }

  Error no_keys() {
    const std::string trouble = keys_.agent_trouble(host_.agent_socket);
    return Error(ErrorCode::auth,
                 fmt::format("there is no key to log in with: {}, and no key file was found",
                             trouble.empty() ? "the ssh-agent has none or is not running" : trouble),
                 fmt::format("make one and take it to the host: ssh-keygen -t ed25519 && ssh-copy-id{} {}",
                             target_.port == 22 ? "" : fmt::format(" -p {}", target_.port),
                             shell_word(target_.user + "@" + target_.address)));
  }

  KeyRing& keys_;
  LIBSSH2_SESSION* session_;
  const Target& target_;
  const HostSettings& host_;
  const Authenticator::Call& call_;
  const Wait& wait_;
  const std::function<void(int)>& signed_sent_;
  int signatures_ = 0;
  int tries_ = 0;  // that the host counts
  bool host_is_gone_ = false;
  bool waited_ = false;  // perhaps: for somebody to type a passphrase
  std::vector<std::string> notes_;
  std::vector<std::string> left_out_;
};

}  // namespace

struct Authenticator::State {
  explicit State(const Settings& settings) : keys(settings) {}
  KeyRing keys;
};

Authenticator::Authenticator(const Settings& settings) : state_(std::make_unique<State>(settings)) {}
Authenticator::~Authenticator() = default;

Result<void> Authenticator::authenticate(LIBSSH2_SESSION* session, const Target& target, const HostSettings& host,
                                         const Call& call, const Wait& wait, const std::function<void(int)>& signed_sent) {
  return Login(state_->keys, session, target, host, call, wait, signed_sent).run();
}

}  // namespace kirikae::ssh
