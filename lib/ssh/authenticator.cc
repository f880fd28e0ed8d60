#include "ssh/authenticator.h"

#include <fmt/core.h>
#include <libssh2.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "ssh/interactive_login.h"
#include "ssh/key_ring.h"
#include "ssh/libssh2_patches.h"
#include "ssh/login_lessons.h"
#include "ssh/passwords.h"
#include "ssh/socket.h"
#include "ssh/wire.h"

namespace kirikae::ssh {
namespace {

constexpr int max_tries = 64;        // most hosts hang up long before (OpenSSH's MaxAuthTries is 6)
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

std::string session_of(std::string_view data) { return std::string(WireReader(data).string().value_or("")); }

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

// One host's login.
class Login {
 public:
  Login(KeyRing& keys, Passwords& passwords, Lessons& lessons, LIBSSH2_SESSION* session, const Target& target,
        const HostSettings& host, const Authenticator::Call& call, const Wait& wait, const Authenticator::Beside& beside)
      : keys_(keys),
        lessons_(lessons),
        lesson_(lessons.about(target)),
        session_(session),
        target_(target),
        host_(host),
        call_(call),
        wait_(wait),
        beside_(beside),
        interactive_(passwords, session, target, host.login, call, wait, beside.tries_are_over) {}

  Result<void> run() {
    std::vector<KeyRing::Key> keys;
    if (uses_keys()) {
      TRY_ASSIGN(keys, keys_.keys(host_, wait_));
    }
    if (lesson_.keys_are_useless) {
      notes_ = lesson_.notes;
      left_out_ = lesson_.left_out;
    } else {
      TRY_ASSIGN(const bool accepted, try_keys(keys));
      if (accepted) return {};
    }
    TRY_ASSIGN(auto answer, without_keys());
    if (answer == Answer::next_step && interactive_.takes("publickey")) {
      keys_are_over_ = false;
      TRY_ASSIGN(const bool accepted, try_keys(keys));
      if (accepted) return {};
      if (!host_is_gone_) {
        TRY_ASSIGN(answer, without_keys());
      }
    }
    if (answer == Answer::let_in) return {};
    return std::unexpected(uses_keys() && !tried_ && all_notes().empty() ? no_keys() : refused());
  }

 private:
  using Answer = InteractiveLogin::Answer;

  [[nodiscard]] bool uses_keys() const { return host_.login.allows("publickey"); }

  Result<bool> try_keys(const std::vector<KeyRing::Key>& keys) {
    one_key_ = std::ranges::count_if(keys, [](const auto& key) { return key.unusable().empty(); }) == 1;
    for (const KeyRing::Key& key : keys) {
      if (keys_are_over_) break;
      if (!key.unusable().empty()) {
        note(key, key.unusable());
      } else if (tries_ == max_tries || host_is_gone_) {
        left_out_.push_back(key.label());
      } else {
        TRY_ASSIGN(const bool accepted, try_key(key));
        if (accepted) return true;
      }
    }
    return false;
  }

  // What the host takes beside keys, now that these are not what it wants, or not all.
  Result<Answer> without_keys() {
    if (!host_is_gone_ && tries_ < max_tries && !interactive_.has_asked()) {
      TRY_ASSIGN(const auto answer, interactive_.ask_for_methods());
      if (answer == Answer::let_in) return answer;
      host_is_gone_ = answer == Answer::hung_up;
    }
    if (!interactive_.possible()) return Answer::refused;
    if (host_is_gone_ || tries_ == max_tries) return std::unexpected(come_again());
    if (!interactive_.takes("password") && !interactive_.takes("keyboard-interactive")) return Answer::refused;
    // What was asked for behind a signature is thrown away by a host that wants more than that.
    if (beside_.signed_sent && signatures_ > 0 && !lesson_.wants_more) {
      lesson_.wants_more = true;
      return std::unexpected(come_again());
    }
    TRY_ASSIGN(const auto answer, interactive_.run());
    if (answer == Answer::hung_up) return std::unexpected(come_again());
    return answer;
  }

  // This connection is of no more use; over a new one there are tries for what was not tried yet.
  Error come_again() {
    if (!knows_a_key_ && !lesson_.keys_are_useless) {
      lesson_.keys_are_useless = true;
      lesson_.notes = notes_;
      lesson_.left_out = left_out_;
    }
    lessons_.learn(target_, lesson_);
    return Error(ErrorCode::lost,
                 fmt::format("the host hung up while '{}' logged in{}", target_.user, joined(": ", all_notes(), "; ")));
  }

  static std::string joined(std::string_view first, const std::vector<std::string>& items, std::string_view between) {
    std::string text;
    for (const std::string& item : items) text.append(text.empty() ? first : between).append(item);
    return text;
  }

  [[nodiscard]] std::vector<std::string> all_notes() const {
    std::vector<std::string> notes = notes_;
    notes.insert(notes.end(), interactive_.notes().begin(), interactive_.notes().end());
    return notes;
  }

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
    tried_ = true;
    waited_ = waited_ || !key.tells();
    const auto blob = keys_.public_blob(key, wait_);
    if (!blob) {
      TRY(note_error(key, blob.error()));
      return false;
    }
    // A question less, where a signature costs nobody anything and is likely to be wanted.
    const bool at_once = libssh2_is_patched && keys_.signs_alone(key) && (one_key_ || lessons_.accepted(*blob));
    sign_first(session_, at_once);
    Signing signing;
    std::optional<Error> sign_error;
    int code = 0;
    while ((code = ask_host(*blob, signing)) == signature_wanted) {
      signing.asked = false;
      AgentBinding* const binding = beside_.binding;
      if (binding != nullptr) binding->session_id = session_of(signing.data);
      auto signature = keys_.sign(key, signing.data, signing.algorithm, binding == nullptr ? AgentBinding() : *binding, wait_);
      if (signature) {
        signing.signature = *std::move(signature);
        ++signatures_;
        knows_a_key_ = knows_a_key_ || !at_once;
      } else {
        signing.refused = true;
        sign_error = std::move(signature).error();
      }
      // Nothing more to say to this host: the session is left in the middle of the request, and must not be used again.
      if (wait_.stop.stop_requested()) return std::unexpected(Error(ErrorCode::cancelled, "cancelled"));
    }
    if (code == 0) {
      lessons_.accept(*blob);
      return true;
    }
    if (sign_error) {
      TRY(note_error(key, *std::move(sign_error)));
      return false;
    }
    if (code == LIBSSH2_ERROR_AUTHENTICATION_FAILED && at_once && !one_key_ && !login_failure(session_).value_or(LoginFailure()).partial) {
      // What was sent behind the signature is of no use, and hosts count refused signatures: once more, asking.
      lessons_.hosts_differ();
      return std::unexpected(Error(ErrorCode::lost, fmt::format("the host refuses a key of '{}' that another one takes", target_.user)));
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
      if (code == LIBSSH2_ERROR_EAGAIN && signing.used && beside_.signed_sent && !lesson_.wants_more) {
        beside_.signed_sent(signatures_);
      }
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
      if (was_signed || libssh2_is_patched) return judge_failure(key, "refused");
      note(key, "refused");
      ++tries_;
      return {};
    }
    if (code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED && !hung_up()) {
      if (was_signed) return judge_failure(key, "known to the host, but not enough to log in (it may want a second factor)");
      note(key, "unusable");
      ++tries_;
      return {};
    }
    if (beside_.tries_are_over && beside_.tries_are_over()) {
      note(key, no_more_tries);
      host_is_gone_ = true;
      return {};
    }
    // Too many keys make a host hang up. With a key that it knows, or while somebody was typing, it had another reason.
    if (tries_ == 0 || was_signed || waited_) {
      return std::unexpected(
          Error(ErrorCode::lost, fmt::format("the host hung up while '{}' logged in", target_.user), "see what ssh says: " + ssh_command(target_)));
    }
    note(key, "the host hung up, as it does after too many keys");
    host_is_gone_ = true;
    return {};
  }

  // A key that isn't enough, or one that the host does not take. Where libssh2 doesn't say which, and the host takes keys still, there is only
  // `else_say` to say.
  Result<void> judge_failure(const KeyRing::Key& key, std::string_view else_say) {
    TRY_ASSIGN(const auto answer, interactive_.look_again("publickey"));
    ++tries_;
    host_is_gone_ = answer == Answer::hung_up;
    keys_are_over_ = !host_is_gone_ && !interactive_.takes("publickey");
    const bool partial = answer == Answer::next_step;
    knows_a_key_ = knows_a_key_ || partial;
    note(key, partial ? "not enough to log in" : libssh2_is_patched ? "refused" : else_say);
    return {};
  }

  // libssh2 gives a lost connection here the code of a refused signature; only the text tells them apart.
  bool hung_up() {
    char* text = nullptr;
    libssh2_session_last_error(session_, &text, nullptr, 0);
    return text != nullptr && std::string_view(text).starts_with("Waiting for");
  }

  // And what ssh_config has kept us from.
  [[nodiscard]] std::string what_it_takes() const {
    return joined("; ", interactive_.barred(), "; ") + joined("; the host accepts: ", interactive_.methods(), ", ");
  }

  // For what libssh2 has no means for, and where ssh gets in without any.
  [[nodiscard]] std::string with_ssh_instead(std::string hint) const {
    std::error_code ignored;
    if (std::filesystem::is_socket(host_.control_path, ignored)) {
      hint +=
          fmt::format("; it may use the connection that it has open at '{}' (ControlPath), which this program doesn't",
                      host_.control_path);
    }
    for (const char* method : {"gssapi-with-mic", "hostbased"}) {
      if (interactive_.takes(method)) return hint + fmt::format("; for {}, {}", method, openssh_advice);
    }
    return hint;
  }

  Error refused() {
    const bool said = !interactive_.notes().empty();
    std::string text = fmt::format("no {} was {} for user '{}'{}",
                                   !said ? "key" : notes_.empty() ? "password" : "key and no password",
                                   said || uses_keys() ? "accepted" : "tried", target_.user,
                                   joined(": ", all_notes(), "; "));
    const std::string trouble = uses_keys() ? keys_.agent_trouble(host_.agent_socket) : "";
    if (!trouble.empty()) text.append("; ").append(trouble);
    text += joined("; not tried any more: ", left_out_, ", ");
    text += what_it_takes();
    return Error(ErrorCode::auth, std::move(text),
                 with_ssh_instead(left_out_.empty() ? "see what ssh says: " + ssh_command(target_)
                                                    : "name the right key in the recipe (ssh: identity), and see what ssh says: " +
                                                          ssh_command(target_)));
  }

  Error no_keys() {
    std::string trouble = keys_.agent_trouble(host_.agent_socket);
    const bool only_named = trouble.empty() && host_.identities_only && keys_.agent_has_any(host_.agent_socket);
    if (trouble.empty())
      trouble = only_named ? "the ssh-agent's are left out (IdentitiesOnly of ssh_config)"
                           : "the ssh-agent has none or is not running";
    std::string text =
        fmt::format("there is no key to log in with: {}, and no key file was found{}", trouble, what_it_takes());
    if (only_named) {
      return Error(ErrorCode::auth, std::move(text),
                   with_ssh_instead("name one in ssh_config (IdentityFile) or in the recipe (ssh: identity): of a key "
                                    "of the agent, the .pub file is enough"));
    }
    if (interactive_.has_asked() && !interactive_.takes("publickey") && (interactive_.takes("password") || interactive_.takes("keyboard-interactive"))) {
      return Error(ErrorCode::auth, std::move(text),
                   with_ssh_instead("it takes no key: run it at a terminal, where you are asked, or name a secret that has the password (ssh: password)"));
    }
    return Error(ErrorCode::auth, std::move(text),
                 with_ssh_instead("make one and take it to the host: ssh-keygen -t ed25519 && ssh-copy-id" +
                                  ssh_command(target_).substr(3)));
  }

  KeyRing& keys_;
  Lessons& lessons_;
  Lesson lesson_;
  LIBSSH2_SESSION* session_;
  const Target& target_;
  const HostSettings& host_;
  const Authenticator::Call& call_;
  const Wait& wait_;
  const Authenticator::Beside& beside_;
  InteractiveLogin interactive_;
  int signatures_ = 0;
  int tries_ = 0;  // that the host counts
  bool tried_ = false;
  bool host_is_gone_ = false;
  bool keys_are_over_ = false;
  bool one_key_ = false;      // to try
  bool knows_a_key_ = false;  // the host has asked for a signature, or taken one
  bool waited_ = false;  // perhaps: for somebody to type a passphrase
  std::vector<std::string> notes_;
  std::vector<std::string> left_out_;
};

}  // namespace

Settings asking_in_turn(Settings settings) {
  if (!settings.ask) return settings;
  settings.ask = [ask = settings.ask, one = std::make_shared<std::mutex>()](const std::string& question) {
    const std::scoped_lock lock(*one);
    return ask(question);
  };
  return settings;
}

struct Authenticator::State {
  State(const Settings& settings, Passwords::Given given) : keys(settings), passwords(std::move(given), settings.ask) {}
  KeyRing keys;
  Passwords passwords;
  Lessons lessons;
};

Authenticator::Authenticator(const Settings& settings, Passwords::Given given)
    : state_(std::make_unique<State>(asking_in_turn(settings), std::move(given))) {}
Authenticator::~Authenticator() = default;

Result<void> Authenticator::authenticate(LIBSSH2_SESSION* session, const Target& target, const HostSettings& host,
                                         const Call& call, const Wait& wait, const Beside& beside) {
  auto& [keys, passwords, lessons] = *state_;
  return Login(keys, passwords, lessons, session, target, host, call, wait, beside).run();
}

}  // namespace kirikae::ssh
