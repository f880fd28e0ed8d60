// Secrets on their way from this machine to commands, and what commands say of them.
#include "deploy/secrets.h"

#include <thread>

#include "core/shell_quote.h"
#include "event/redact.h"
#include "runner/masked_lines.h"
#include "runner/run_world.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::test {
namespace {

using recipe::HookPoint;

const std::string secret = "correct-horse&battery";

std::shared_ptr<const SecretSet> one_secret() {
  auto secrets = std::make_shared<SecretSet>();
  secrets->add("API_KEY", Secret(secret));
  return secrets;
}

recipe::Recipe recipe_with(const TempDir& folder, recipe::SecretSource source) {
  recipe::Recipe recipe;
  recipe.folder = folder.path().string();
  recipe.secrets.emplace("API_KEY", std::move(source));
  return recipe;
}

deploy::LookUp nothing() {
  return [](const std::string&) { return std::nullopt; };
}

std::string text_of(const std::vector<Error>& errors) {
  std::string text;
  for (const Error& error : errors) text += to_text(error) + '\n';
  return text;
}

// The value, or the errors.
std::string fetched(const recipe::Recipe& recipe, const deploy::LookUp& environment) {
  const auto secrets = deploy::fetch_secrets(recipe, environment, {}, {});
  return secrets ? std::string((*secrets)->values().at("API_KEY").reveal()) : text_of(secrets.error());
}

}  // namespace

TEST_CASE("a secret is fetched from the environment, from a file, from a command", "[secrets]") {
  TempDir folder;
  const auto environment = [](const std::string& name) {
    return name == "KEY" ? std::optional<std::string>(" from env \n") : std::nullopt;
  };
  CHECK(fetched(recipe_with(folder, {"KEY", "", "", {}}), environment) == " from env \n");
  folder.write("key", "from a file\n\n");
  CHECK(fetched(recipe_with(folder, {"", folder / "key", "", {}}), nothing()) == "from a file\n");
  folder.write("key", "from Windows\r\n");
  CHECK(fetched(recipe_with(folder, {"", folder / "key", "", {}}), nothing()) == "from Windows");
  folder.write("other", "in the folder");
  CHECK(fetched(recipe_with(folder, {"", "", "echo said aloud >&2; cat other; echo", {}}), nothing()) == "in the folder");
}

TEST_CASE("a secret that can't be fetched is an error with its name and its source", "[secrets]") {
  TempDir folder;
  CHECK(fetched(recipe_with(folder, {"KEY", "", "", {}}), nothing()) ==
        "secret 'API_KEY': the environment variable 'KEY' is not set\n");
  const std::string missing = folder / "missing";
  CHECK(fetched(recipe_with(folder, {"", missing, "", {}}), nothing()) ==
        "secret 'API_KEY': can't read '" + missing + "': No such file or directory\n");
  CHECK(fetched(recipe_with(folder, {"", "", "echo half; echo locked >&2; exit 3", {}}), nothing()) ==
        "secret 'API_KEY': the command ended with status 3: locked\n");
  CHECK(fetched(recipe_with(folder, {"", "", "echo 12345", {}}), nothing()) ==
        "secret 'API_KEY', from its command: it has fewer than 6 characters, and would be masked where it isn't meant\n");
  CHECK(fetched(recipe_with(folder, {"", "", "true", {}}), nothing()) == "secret 'API_KEY', from its command: it is empty\n");
  CHECK(fetched(recipe_with(folder, {"", "", "printf 'abcdef\\0gh'", {}}), nothing()).find("NUL") != std::string::npos);
  CHECK(fetched(recipe_with(folder, {"", "", "yes abcdefgh", {}}), nothing()) == "secret 'API_KEY': the command prints more than 16385 bytes\n");
  CHECK(fetched(recipe_with(folder, {"", "", "yes abcdefgh | head -c 16385", {}}), nothing()).find("longer than 16 KiB") != std::string::npos);
}

TEST_CASE("what one secret's command complains of is rid of the other secrets", "[secrets]") {
  TempDir folder;
  recipe::Recipe recipe = recipe_with(folder, {"", "", "echo " + shell_quote(secret), {}});
  recipe.secrets.emplace("B", recipe::SecretSource{"", "", "echo no access with " + shell_quote(secret) + " >&2; exit 1", {}});
  CHECK(fetched(recipe, nothing()) == "secret 'B': the command ended with status 1: no access with ***\n");
}

TEST_CASE("a secret's command is stopped when the run is", "[secrets]") {
  TempDir folder;
  std::stop_source stop;
  std::jthread stopper([&] {
    (void)eventually([&] { return std::filesystem::exists(folder / "started"); });
    stop.request_stop();
  });
  const auto recipe = recipe_with(folder, {"", "", ": >started; sleep 300", {}});
  const auto secrets = deploy::fetch_secrets(recipe, nothing(), {}, stop.get_token());
  REQUIRE_FALSE(secrets);
  CHECK(secrets.error().front().code == ErrorCode::cancelled);
}

TEST_CASE("commands on hosts have secrets in their environment, and nothing else is told them", "[secrets]") {
  RunWorld world(2);
  world.request.secrets = one_secret();
  world.hook(HookPoint::build, "install");
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  for (const auto& host : world.hosts) {
    int told = 0;
    for (const FakeCall& call : host->calls()) {
      const bool has = call.text.find("export " + shell_assign("API_KEY", secret)) != std::string::npos;
      CHECK(has == (call.name == "task install"));
      told += has ? 1 : 0;
    }
    CHECK(told == 1);
  }
}

TEST_CASE("commands of this machine have secrets in their environment", "[secrets]") {
  RunWorld world(1);
  world.request.secrets = one_secret();
  world.hook(HookPoint::before_connect, "here", true, "printf %s \"$API_KEY\" >seen; echo \"I know $API_KEY\"");
  REQUIRE(world.deploy().outcome == event::Outcome::done);
  CHECK(world.folder.read("seen") == secret);
  const auto lines = world.events.all<event::Output>();
  REQUIRE(lines.size() == 1);
  CHECK(lines.front().line == "I know ***");
}

TEST_CASE("what a task says of a secret is in no event and no report", "[secrets]") {
  RunWorld world(1);
  world.request.secrets = one_secret();
  world.hook(HookPoint::build, "install");
  world.hosts[0]->answer("task install", {.exit = {1, ""},
                                          .out = "the key is " + secret + ".\ncorrect-\nhorse&bat\ntery\nend\n",
                                          .err = "https://x/?k=correct-horse%26battery\nfailed with " + secret + "\n"});
  const event::Report report = world.deploy();
  CHECK(report.outcome == event::Outcome::failed);
  std::string shown;
  for (const auto& output : world.events.all<event::Output>()) shown += output.line + "\n";
  CHECK(shown.find("the key is ***.\n***\nend\n") != std::string::npos);
  CHECK(shown.find("https://x/?k=***\nfailed with ***\n") != std::string::npos);
  REQUIRE(report.hosts[0].error);
  CHECK(to_text(*report.hosts[0].error).find("failed with ***") != std::string::npos);
  for (const auto& finished : world.events.all<event::StepFinished>()) {
    if (finished.error) CHECK(to_text(*finished.error).find("horse") == std::string::npos);
  }
}

TEST_CASE("a host's other words are rid of secrets, too", "[secrets]") {
  RunWorld world(1);
  world.request.secrets = one_secret();
  world.hosts[0]->answer("link", {.exit = {1, ""}, .err = "can't link " + secret + "\n"});
  const event::Report report = world.deploy();
  REQUIRE(report.hosts[0].error);
  CHECK(to_text(*report.hosts[0].error).find("can't link ***") != std::string::npos);
}

TEST_CASE("output that might become a secret is shown when nothing more comes", "[secrets]") {
  Recorder events;
  const auto secrets = one_secret();
  const runner::Emitter emit(events, secrets.get());
  std::vector<std::string> lines;
  std::mutex mutex;
  runner::MaskedLines masked(emit, [&](std::string line) {
    const std::lock_guard lock(mutex);
    lines.push_back(std::move(line));
  });
  masked.add("all is cor\n");
  CHECK(eventually([&] {
    const std::lock_guard lock(mutex);
    return lines.size() == 1;
  }));
  masked.add("rect-horse&battery\nnext");
  masked.flush();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "all is cor");
  CHECK(lines[1] == "***");
  CHECK(lines[2] == "next");
}

}  // namespace kirikae::test
