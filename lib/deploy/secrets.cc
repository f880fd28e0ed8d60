#include "deploy/secrets.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "core/fd.h"
#include "core/subprocess.h"
#include "event/redact.h"

namespace kirikae::deploy {
namespace {

using recipe::SecretSource;

constexpr std::size_t longest_secret = std::size_t{16} << 10U;  // of one
constexpr std::size_t longest_sum = std::size_t{64} << 10U;  // they share the environment of a command with its text
constexpr std::size_t most_words = 500;                      // bytes of what a command says on its standard error
constexpr std::chrono::minutes command_patience{2};

// Text with room from the start, so that growing leaves no copies of it behind.
std::string roomy(std::size_t room) {
  std::string text;
  text.reserve(room);
  return text;
}

Secret without_last_newline(std::string text) {
  text.resize(text.size() - (text.ends_with("\r\n") ? 2 : text.ends_with('\n') ? 1 : 0));
  return Secret(std::move(text));
}

Result<Secret> read_secret(const std::string& path) {
  const auto failed = [&](int number) {
    return std::unexpected(
        Error(ErrorCode::usage, fmt::format("can't read '{}': {}", path, std::generic_category().message(number))));
  };
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return failed(errno);
  std::string text = roomy(longest_secret + 2);
  text.resize(longest_secret + 2);
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return without_last_newline(std::move(text));
}

Result<Secret> value_of(const SecretSource& source, const recipe::Recipe& recipe, const LookUp& environment,
                        std::stop_token stop) {
  if (!source.file.empty()) return read_secret(source.file);
  if (!source.command.empty()) return output_of(source.command, recipe.folder, longest_secret + 1, std::move(stop));
  auto value = environment(source.env);
  if (value) return Secret(*std::move(value));
  return std::unexpected(Error(ErrorCode::usage, fmt::format("the environment variable '{}' is not set", source.env)));
}

// Why it can't be one; empty: it can.
std::string fault_of(std::string_view value) {
  if (value.empty()) return "it is empty";
  if (value.find('\0') != std::string_view::npos) return "it has a NUL byte in it, which no variable can hold";
  if (value.size() > longest_secret) return fmt::format("it is longer than {} KiB", longest_secret / 1024);
  if (!Redactor::can_mask(value)) {
    return fmt::format("it has fewer than {} characters, and would be masked where it isn't meant", Redactor::least);
  }
  return {};
}

std::string origin_of(const SecretSource& source) {
  if (!source.file.empty()) return fmt::format("file '{}'", source.file);
  return source.command.empty() ? fmt::format("variable '{}'", source.env) : "its command";
}

}  // namespace

Result<Secret> output_of(const std::string& command, const std::string& folder, std::size_t most, std::stop_token stop) {
  std::string output = roomy(most + 1), words;
  SubprocessCall call;
  call.folder = folder;
  call.deadline = Deadline::in(command_patience);
  std::stop_source enough;  // or the run's own stop
  const std::stop_callback told(stop, [&] { enough.request_stop(); });
  call.stop = enough.get_token();
  call.on_output = [&](bool is_error, std::string_view bytes) {
    std::string& text = is_error ? words : output;
    const std::size_t room = is_error ? most_words : most + 1;
    if (text.size() < room) text += bytes.substr(0, room - text.size());
    if (output.size() > most) enough.request_stop();
  };
  run_in_shell(call, command);
  auto ended = run_subprocess(call);
  const bool too_long = output.size() > most;
  Secret secret = without_last_newline(std::move(output));
  if (too_long) return std::unexpected(Error(ErrorCode::local, fmt::format("the command prints more than {} bytes", most)));
  if (!ended) return std::unexpected(std::move(ended).error());
  if (ended->status == 0) return secret;
  if (Redactor::can_mask(secret.reveal())) {  // a shell that traces itself says what it prints
    Redactor redactor;
    redactor.add(secret.reveal());
    words = redactor.redact(words, Redactor::End::cut);
  }
  while (words.ends_with('\n')) words.pop_back();
  return std::unexpected(Error(ErrorCode::local, fmt::format("the command ended with status {}{}{}", ended->status,
                                                             words.empty() ? "" : ": ", words)));
}

std::expected<std::shared_ptr<const SecretSet>, std::vector<Error>> fetch_secrets(const recipe::Recipe& recipe,
                                                                                const LookUp& environment,
                                                                                std::map<std::string, Secret> answers,
                                                                                std::stop_token stop) {
  auto secrets = std::make_shared<SecretSet>();
  std::vector<Error> errors;
  std::size_t sum = 0;
  for (auto& [name, answer] : answers) {
    if (const std::string fault = fault_of(answer.reveal()); !fault.empty()) {
      errors.emplace_back(ErrorCode::usage, fmt::format("the answer to '{}' can't be a secret: {}", name, fault));
      continue;
    }
    sum += answer.reveal().size();
    secrets->add(name, std::move(answer));
  }
  const auto passwords = recipe::passwords_of(recipe);
  for (const auto& [name, source] : recipe.secrets) {
    auto value = value_of(source, recipe, environment, stop);
    Error error;
    if (!value) {
      error = std::move(value).error().with_context(fmt::format("secret '{}'", name));
    } else if (const std::string fault = fault_of(value->reveal()); !fault.empty()) {
      error = Error(ErrorCode::usage, fmt::format("secret '{}', from {}: {}", name, origin_of(source), fault));
    } else if (sum += value->reveal().size(); sum > longest_sum) {
      error = Error(ErrorCode::usage, fmt::format("the secrets up to '{}' are longer than {} KiB together", name, longest_sum / 1024));
    } else {
      passwords.contains(name) ? secrets->keep(name, *std::move(value)) : secrets->add(name, *std::move(value));
      continue;
    }
    if (!source.span.file.empty()) error.span = source.span;
    errors.push_back(std::move(error));
    if (stop.stop_requested()) break;
  }
  // A command may say on its standard error what another one has told; its words are cut at a number of bytes.
  for (Error& error : errors) event::redact(error, secrets->redactor(), Redactor::End::cut);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return secrets;
}

}  // namespace kirikae::deploy
