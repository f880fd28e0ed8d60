// Error, Result and TRY: how every fallible function of lib/ reports failure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kirikae {

// What behaviour branches on; the text is for people only.
enum class ErrorCode {
  usage,      // the command line
  recipe,     // the recipe or a file that it names
  connect,    // no connection, or the SSH handshake failed
  auth,       // the host refused every key, or a key that the recipe names can't be used
  host_key,   // the host's key is unknown, changed or revoked
  locked,     // somebody else has the hosts' lock, or has frozen them
  preflight,  // the host answers, but can't take or roll back a release; nothing was written
  remote,     // a command on a host ended with a status other than 0, or by a signal
  lost,       // the connection broke, or a command ended without a trustworthy status
  timeout,    // a deadline passed
  cancelled,  // somebody asked us to stop
  local,      // a file, a process or memory on this machine
  internal,   // a bug of ours
};

// Its name as above: what programs branch on (docs/events.md).
std::string_view name_of(ErrorCode code);

// A place in a recipe. Lines and columns count from 1; 0 means unknown. Columns count bytes.
struct Span {
  std::string file;
  int line = 0;
  int column = 0;
  int length = 1;           // bytes that the caret line marks
  std::string source_line;  // the text of the line, without its newline
};

// Text is lower case, without full stop, names in single quotes: object + cause; `hint` is the next step to take.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::vector<std::string> context;  // from the innermost to the outermost: what was being done
  std::string hint;
  std::optional<Span> span;
  std::string host;  // display name, empty where no host is concerned

  Error() = default;
  Error(ErrorCode error_code, std::string text, std::string next_step = {})
      : code(error_code), message(std::move(text)), hint(std::move(next_step)) {}

  Error&& with_context(std::string doing) && {
    context.push_back(std::move(doing));
    return std::move(*this);
  }
  Error&& on(std::string host_name) && {
    host = std::move(host_name);
    return std::move(*this);
  }
};

template <class T>
using Result = std::expected<T, Error>;

// One error, whole: `file:line:column: message`, the source line with a caret, context, then the hint on a line of its own.
// Ends without a newline.
std::string to_text(const Error& error);
// Context and message alone.
std::string message_of(const Error& error);

}  // namespace kirikae

// TRY(call): leaves the function with call's error, if it has one. TRY_ASSIGN(declaration, call): the same, and keeps the value.
// (std::expected has no and_then with GCC 12.)
#define KIRIKAE_JOIN_(a, b) a##b
#define KIRIKAE_JOIN(a, b) KIRIKAE_JOIN_(a, b)
#define TRY(...)                                                                     \
  do {                                                                               \
    if (auto try_result = (__VA_ARGS__); !try_result) {                              \
      return std::unexpected(std::move(try_result).error());                         \
    }                                                                                \
  } while (false)
#define TRY_ASSIGN_(result, declaration, ...)                                        \
  auto result = (__VA_ARGS__);                                                       \
  if (!result) return std::unexpected(std::move(result).error());                    \
  declaration = *std::move(result)
#define TRY_ASSIGN(declaration, ...) TRY_ASSIGN_(KIRIKAE_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
