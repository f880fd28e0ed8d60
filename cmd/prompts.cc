#include "prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "core/redactor.h"
#include "deploy/secrets.h"
#include "event/redact.h"
#include "local.h"
#include "recipe/text.h"
#include "ui/ask.h"

namespace kirikae::cmd {
namespace {

constexpr std::size_t longest = 4096;  // bytes of an answer, as of a line that a terminal edits

enum class Need { none, values, all };

// Commands have the answers in their environment, and a plan is made of what a deploy is made of.
Need need_of(const Options& options) {
  if (options.dry_run) return Need::values;
  switch (options.verb) {
    case Verb::deploy:
    case Verb::rollback:
    case Verb::prune:
    case Verb::task:
    case Verb::run:
      return Need::all;
    case Verb::plan:
      return Need::values;
    default:
      return Need::none;
  }
}

// What of the recipe a verb that asks nothing else can't do without: which hosts there are, where things are on them, and what it looks at.
std::set<std::string_view> keys_for(Verb verb) {
  std::set<std::string_view> keys = {"application", "deploy_to", "keep_releases", "user", "hosts", "ssh", "shared"};
  if (verb == Verb::logs) keys.insert("logs");
  if (verb == Verb::check || verb == Verb::diff) keys.insert({"source", "templates", "copied"});
  if (verb == Verb::check) keys.insert({"transfer", "compression", "tasks", "hooks"});
  return keys;
}

// Whether more than the answers themselves would be missing where the whole recipe is printed.
bool has_holes(const recipe::Recipe& recipe) {
  const auto is_prompt = [&](const std::string& var) {
    return std::ranges::find(recipe.prompts, var, &recipe::Prompt::name) != recipe.prompts.end();
  };
  return std::ranges::any_of(recipe.waiting.keys, [](const std::string& key) { return key != "vars"; }) ||
         !std::ranges::all_of(recipe.waiting.vars, is_prompt);
}

bool has_to_ask(const recipe::Recipe& recipe, const Options& options) {
  if (options.verb == Verb::config && !options.ssh) return has_holes(recipe);
  return std::ranges::any_of(keys_for(options.verb),
                             [&](std::string_view key) { return recipe.waiting.keys.contains(std::string(key)); });
}

// What --set says, of a prompt whose answer is no var.
std::optional<std::string> given_value(const Options& options, const std::string& name) {
  std::optional<std::string> value;
  for (const std::string& word : options.sets) {
    for (const std::string& start : {name + '=', "vars." + name + '='}) {
      if (word.starts_with(start)) value = word.substr(start.size());
    }
  }
  return value;
}

Error no_answer(const recipe::Prompt& prompt, std::string message) {
  Error error(ErrorCode::usage, std::move(message), fmt::format("--set {}=… answers it", prompt.name));
  error.span = prompt.span;
  return error;
}

Result<std::optional<Secret>> fallback_of(const recipe::Prompt& prompt, const recipe::Recipe& recipe, const std::stop_token& stop) {
  if (prompt.fallback) return Secret(*prompt.fallback);
  if (prompt.fallback_command.empty()) return std::nullopt;
  auto output = deploy::output_of(prompt.fallback_command, recipe.folder, longest, stop);
  if (output) return std::optional<Secret>(*std::move(output));
  Error error = std::move(output).error().with_context(fmt::format("the default of '{}'", prompt.name));
  error.span = prompt.span;
  error.hint = fmt::format("--set {}=… answers the question", prompt.name);
  return std::unexpected(std::move(error));
}

Error cancelled(const recipe::Prompt& prompt) {
  return {ErrorCode::cancelled, fmt::format("'{}' was not answered; nothing was done", prompt.question)};
}

// Asked again until there is an answer.
Result<Secret> ask(const recipe::Prompt& prompt, std::optional<Secret> fallback, const std::stop_token& stop) {
  for (;;) {
    Secret answer;
    if (prompt.secret) {
      answer = ui::ask_secret(prompt.question, stop);
      if (stop.stop_requested()) return std::unexpected(cancelled(prompt));
      if (answer.empty() && !fallback) return std::unexpected(no_answer(prompt, fmt::format("no answer to '{}'", prompt.question)));
    } else {
      const std::string hint = fallback ? fmt::format(" [{}]", fallback->reveal()) : "";
      auto line = ui::ask_line(prompt.question + hint, stop);
      if (!line) return std::unexpected(cancelled(prompt));
      answer = Secret(*std::move(line));
    }
    if (!answer.empty()) return answer;
    if (fallback) return *std::move(fallback);
  }
}

// Where nobody can be asked, there is a default.
Result<Secret> answer_to(const recipe::Prompt& prompt, const recipe::Recipe& recipe, bool can_ask, const std::stop_token& stop) {
  TRY_ASSIGN(auto fallback, fallback_of(prompt, recipe, stop));
  if (can_ask) return ask(prompt, std::move(fallback), stop);
  return *std::move(fallback);
}

std::string fault_of(std::string_view answer) {
  if (answer.size() > longest) return fmt::format("it is longer than {} bytes", longest);
  if (recipe::invalid_utf8(answer) < answer.size()) return "it is not UTF-8 text";
  if (answer.find('\0') != std::string_view::npos) return "it has a NUL byte in it";
  return {};
}

// A default's command may say on its standard error what is secret here: what it has from the environment, or was answered before.
void take_secrets_out(Errors& errors, const recipe::Recipe& recipe, const Answers& answers) {
  Redactor redactor;
  const auto add = [&](std::string_view value) {
    if (Redactor::can_mask(value)) redactor.add(value);
  };
  for (const auto& [name, source] : recipe.secrets) {
    if (!source.env.empty()) add(environment_variable(source.env).value_or(""));
  }
  for (const auto& [name, answer] : answers.secrets) add(answer.reveal());
  for (Error& error : errors) event::redact(error, redactor);
}

}  // namespace

std::expected<Answers, Errors> answers_to(const recipe::Recipe& recipe, const Options& options, const std::stop_token& stop) {
  const Need need = need_of(options);
  Answers answers;
  if (need == Need::none && !has_to_ask(recipe, options)) return answers;
  Errors errors;
  const bool can_ask = ui::can_ask();
  const auto is_needed = [&](const recipe::Prompt& prompt) { return !prompt.secret || need == Need::all; };
  // Before a default's command is run in vain.
  for (const recipe::Prompt& prompt : recipe.prompts) {
    if (can_ask || !is_needed(prompt) || prompt.answered || prompt.fallback || !prompt.fallback_command.empty()) continue;
    errors.push_back(no_answer(prompt, fmt::format("'{}' is asked, and nobody can be asked here", prompt.question)));
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  for (const recipe::Prompt& prompt : recipe.prompts) {
    if (!is_needed(prompt)) continue;
    if (prompt.answered) {
      if (prompt.secret) answers.secrets.emplace(prompt.name, Secret(given_value(options, prompt.name).value_or("")));
      continue;
    }
    auto answer = answer_to(prompt, recipe, can_ask, stop);
    if (!answer) {
      errors.push_back(std::move(answer).error());
      if (errors.back().code == ErrorCode::cancelled) break;
      continue;
    }
    if (const std::string fault = fault_of(answer->reveal()); !fault.empty()) {
      errors.push_back(no_answer(prompt, fmt::format("the answer to '{}' can't be taken: {}", prompt.question, fault)));
    } else if (prompt.secret) {
      answers.secrets.emplace(prompt.name, *std::move(answer));
    } else {
      answers.texts.emplace(prompt.name, answer->reveal());
    }
  }
  take_secrets_out(errors, recipe, answers);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return answers;
}

}  // namespace kirikae::cmd
