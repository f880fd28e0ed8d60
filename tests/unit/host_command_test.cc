#include <string>

#include "host/command.h"
#include "support/catch.h"

namespace kirikae::host {

namespace {
const release::Layout layout("/srv/it's $(id)");

bool has(const Command& command, const std::string& text) { return command.text.find(text) != std::string::npos; }
}  // namespace

TEST_CASE("Values reach the host's functions as quoted assignments, and every step is one call") {
  const ReleaseInfo info{"20261122013000", "v1 'x'\nsecond line", "ann\x1b@laptop", "20261121013000"};
  const auto command = prepare(layout, info, "it's");
  CHECK(command.name == "prepare");
  CHECK(command.text == "kk_paths '/srv/it'\\''s $(id)'\n"
                            "kk_release='20261122013000'\nkk_revision='v1 '\\''x'\\'''\nkk_by='ann @laptop'\n"
                            "kk_previous='20261121013000'\nkk_application='it'\\''s'\nkk_prepare\n");
}

TEST_CASE("A record's values are cut to one line of at most 200 characters") {
  const ReleaseInfo info{"20261122013000", std::string(500, 'r'), "a\rb", ""};
  const auto command = prepare(layout, info);
  CHECK(has(command, "kk_revision='" + std::string(200, 'r') + "'\n"));
  CHECK(has(command, "kk_by='a'\n"));
}

TEST_CASE("A task's environment is exported in a subshell, and its text is quoted as it stands") {
  const auto command = task("migrate", "echo \"it's $HOME\"\nexit 3", "/srv/app", {{"A", "1"}, {"PATH", "/bin"}});
  CHECK(command.name == "task migrate");
  CHECK(command.text.substr(command.text.find("(\nkk_folder")) ==
        "(\nkk_folder='/srv/app'\nkk_run='echo \"it'\\''s $HOME\"\nexit 3'\nexport A='1'\nexport "
        "PATH='/bin'\nkk_task\n)\n");
}

TEST_CASE("Shared directories are told ancestors first, with the counts that keep the lists apart") {
  const auto command = link(layout, {"20261122013000", "r", "b", ""}, {"log/app", "log", "a b"}, {"x.yml"}, {"vendor"});
  CHECK(has(command, "kk_directories='3'\nkk_files='1'\nkk_link 'a b' 'log' 'log/app' 'x.yml' 'vendor'\n"));
}

TEST_CASE("Publish tells apart whatever is live, a release, and none") {
  release::Facts facts;
  facts.mv = "h";
  CHECK(has(publish(layout, "20261122013000", facts, std::nullopt), "kk_mv='h'\nkk_expect='any'\nkk_leaves=''\nkk_condemned=''\nkk_publish\n"));
  CHECK(has(publish(layout, "20261122013000", facts, ""), "kk_expect=''\n"));
  CHECK(has(publish(layout, "20261122013000", facts, "20261121013000"), "kk_expect='20261121013000'\n"));
  CHECK(has(publish(layout, "20261122013000", facts, ""), "kk_wanted='releases/20261122013000'\n"));
  CHECK(has(unpublish(layout, facts, "20261121013000", "releases/7"),
            "kk_wanted='releases/7'\nkk_mv='h'\nkk_expect='20261121013000'\nkk_unpublish\n"));
}

TEST_CASE("What calls our functions says so, or it would not find them; a recipe's command doesn't") {
  const auto log_line = log(layout, "{}", "");
  const auto command = task("migrate", "true", "/srv/app", {});
  CHECK(place_template(layout, "20261122013000", "x", false, 0644, "x").ours);
  CHECK(failure("template x", "no").ours);
  CHECK(joined("both", {log_line, mark(layout, "20261122013000", release::State::failed, {})}).ours);
  CHECK_FALSE(command.ours);
  CHECK_FALSE(joined("both", {log_line, command}).ours);
  CHECK(joined("both", {log_line, command}).text == log_line.text + command.text);
}

TEST_CASE("Joined commands say the same paths once, and others again") {
  const auto one = log(layout, "{}", "");
  const auto other = log(release::Layout("/srv/other"), "{}", "");
  const std::string set_paths = one.text.substr(0, one.text.find('\n') + 1);
  CHECK(set_paths.starts_with("kk_paths "));
  const std::string rest = one.text.substr(set_paths.size());
  CHECK(joined("two", {one, one}).text == one.text + rest);
  CHECK(joined("three", {one, other, one}).text == one.text + other.text + one.text);
}

TEST_CASE("A small payload is hashed by what starts quickly, where there is such a tool") {
  release::Facts facts;
  facts.hash = "openssl";
  const auto hashed_by = [&](std::uint64_t bytes) {
    const auto text = receive(layout, "20261122013000", "zstd", facts, bytes).text;
    const auto at = text.find("kk_stream_hash=");
    return text.substr(at, text.find('\n', at) - at);
  };
  CHECK(hashed_by(999) == "kk_stream_hash='openssl'");
  facts.small_hash = "sha256sum";
  CHECK(hashed_by(999) == "kk_stream_hash='sha256sum'");
  CHECK(hashed_by(999'999'999) == "kk_stream_hash='openssl'");
  CHECK(has(receive(layout, "20261122013000", "zstd", facts), "kk_stream_hash='openssl'"));
}

TEST_CASE("A missing file's name is told twice: as it is, and as the answer has it") {
  CHECK(has(facts(layout, {{"a\n%.yml", "b"}, {"log"}, {"b"}}), "kk_facts 'a\n%.yml' '=a%0A%25.yml' 'b' '=b' 'log' 'made' 'b' 'written'\n"));
}

TEST_CASE("A line of the log can't become two") {
  CHECK(has(log(layout, "{\"a\":1}\n{\"b\":2}", ""), "kk_json='{\"a\":1}'\n"));
}

TEST_CASE("An answer is unpacked where it came by gzip, if it is whole and not too large") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + '\n';
  CHECK(unpacked_answer("plain\n", 6) == "plain\n");
  CHECK_FALSE(unpacked_answer("plain\n", 5));
  CHECK(unpacked_answer("", 0) == "");
  // As it is for a shell: its size goes before it.
  std::string answer = packed(text);
  answer.erase(0, answer.find('\n') + 1);
  CHECK(unpacked_answer(answer, text.size()) == text);
  CHECK_FALSE(unpacked_answer(answer, text.size() - 1));
  CHECK_FALSE(unpacked_answer(answer.substr(0, answer.size() - 1), text.size()));
  CHECK_FALSE(unpacked_answer(answer.substr(0, 2), text.size()));
  answer[answer.size() / 2] ^= 1;
  CHECK_FALSE(unpacked_answer(answer, text.size()));
}

TEST_CASE("The scripts are small, and the line that starts them has nothing that a login shell would change") {
  for (const auto script : {control_script(), data_script()}) {
    CHECK(script.size() > 1000);
    CHECK(script.size() < 45 * 1024);
    CHECK(packed(script).size() < 12'800);  // with the first steps, so much as TCP sends before it has heard anything
    CHECK(script.find('\0') == std::string_view::npos);
  }
  for (const auto& line : {start_line(), terminal_line()}) {
    // Inside of single quotes only newline, ! (csh) and \ (fish) are special.
    CHECK(line.find_first_of("\n!\\") == std::string::npos);
    CHECK(line.rfind("exec /bin/sh -c '", 0) == 0);
    CHECK(line.find('\'', 17) == line.size() - 1);
    // Or an rc file that shows what is run would have said it.
    CHECK(line.find(plain_wanted) == std::string::npos);
    CHECK(line.find(terminal_ready) == std::string::npos);
  }
}

TEST_CASE("The line that starts a person's shell has nothing in it that a login shell reads in its own way") {
  const std::string line = interactive_line(release::Layout("/srv/it's \\ \"$(id)\" 100% !x ü"));
  CHECK(line ==
        R"(exec /bin/sh -c 'd=$(printf %b "/srv/it\0047s\0040\0134\0040\0042\0044\0050id\0051\0042\0040100\0045\0040\0041x\0040\0303\0274"); )"
        R"(cd "$d/current" 2>/dev/null || cd "$d" 2>/dev/null || cd; exec "${SHELL:-/bin/sh}" -l')");
}

TEST_CASE("A command that somebody typed is told what is live before its environment is set") {
  const auto command = run(layout, "echo 'x'", {{"PATH", "/bin"}});
  CHECK(command.name == "run");
  const auto live = command.text.find("\nkk_read_current\n"), path = command.text.find("\nexport PATH='/bin'\n");
  CHECK(live < path);
  CHECK(path < command.text.find("\nkk_run_live\n)\n"));
  CHECK(has(command, R"(kk_run='echo '\''x'\''')"));
}

}  // namespace kirikae::host
