#include "core/redactor.h"

#include <fmt/format.h>

#include <random>

#include "core/subprocess.h"
#include "support/catch.h"
#include "ui/sanitize.h"

namespace kirikae {
namespace {

Redactor knowing(const std::vector<std::string>& secrets) {
  Redactor redactor;
  for (const auto& secret : secrets) redactor.add(secret);
  return redactor;
}

// What a real program makes of `input`: the forms must be those of others, not ours.
std::string made_by(const std::string& shell, const std::string& input) {
  std::string output;
  SubprocessCall call;
  call.argv = {"/bin/sh", "-c", shell};
  call.input = input;
  call.deadline = Deadline::in(std::chrono::seconds(30));
  call.on_output = [&](bool, std::string_view bytes) { output += bytes; };
  REQUIRE(run_subprocess(call));
  return output;
}

std::string in_pieces(const Redactor& redactor, const std::string& text, const std::vector<std::size_t>& sizes) {
  RedactorStream stream(redactor);
  std::string shown;
  std::size_t at = 0;
  for (std::size_t i = 0; at < text.size(); ++i) {
    shown += stream.add(std::string_view(text).substr(at, sizes[i % sizes.size()]));
    at += sizes[i % sizes.size()];
  }
  return shown + stream.end();
}

// Written without the redactor's ideas: does anything of `text`, read as people or tools would read it, hold the secret?
bool holds(std::string text, const std::string& secret) {
  const auto strip = [](const std::string& from, std::string_view drop) {
    std::string kept;
    for (const char c : from) {
      if (drop.find(c) == std::string_view::npos) kept += c;
    }
    return kept;
  };
  constexpr std::string_view blanks = " \t\r\n\v\f";
  if (strip(text, blanks).find(strip(secret, blanks)) != std::string::npos) return true;
  for (std::size_t skip = 0; skip < 4; ++skip) {  // decoded from each of the four places where a group may begin
    const std::string digits = strip(text, blanks);
    std::string bits_out;
    unsigned bits = 0;
    int count = 0;
    for (std::size_t i = skip; i < digits.size(); ++i) {
      constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
      const auto value = alphabet.find(digits[i]);
      if (value == std::string_view::npos) {
        bits_out += '\0';
        count = 0;
        bits = 0;
        continue;
      }
      bits = bits << 6U | static_cast<unsigned>(value);
      count += 6;
      if (count >= 8) {
        count -= 8;
        bits_out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
      }
    }
    if (bits_out.find(secret) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a secret is masked wherever it stands", "[core]") {
  const Redactor redactor = knowing({"hunter2!"});
  CHECK(redactor.redact("hunter2!") == "***");
  CHECK(redactor.redact("password=hunter2!, again hunter2!.") == "password=***, again ***.");
  CHECK(redactor.redact("hunter2!hunter2!") == "******");
  CHECK(redactor.redact("hunthunter2!") == "hunt***");
  CHECK(redactor.redact("hunter2", Redactor::End::cut) == "***");  // an end that is most of it
  CHECK(redactor.redact("hunter2") == "hunter2");                  // is a word of its own where nothing was cut
  CHECK(redactor.redact("hunte") == "hunte");
  CHECK(redactor.redact("hunter3 and more") == "hunter3 and more");
  CHECK(redactor.redact("") == "");
  CHECK(Redactor().redact("anything") == "anything");
}

TEST_CASE("a secret is masked across line breaks, blanks and colours", "[core]") {
  const Redactor redactor = knowing({"correct-horse-battery"});
  CHECK(redactor.redact(made_by("fold -w 5", "correct-horse-battery")) == "***");
  CHECK(redactor.redact(made_by("fold -w 1", "x correct-horse-battery y")) == "x\n \n***\n \ny");
  CHECK(redactor.redact("correct-\r\n    horse-\r\n\tbattery\r\nnext\r\n") == "***\r\nnext\r\n");
  CHECK(redactor.redact("correct-\x1b[01;31m\x1b[Khorse\x1b[m\x1b[K-battery") == "***");
  CHECK(redactor.redact("\x1b[1mcorr\x1b[0m\x1b[") == "\x1b[1mcorr\x1b[0m\x1b[");
  const Redactor spaced = knowing({"a pass phrase", "two\nlines of it\n"});
  CHECK(spaced.redact("a  pass\nphrase.") == "***.");
  CHECK(spaced.redact("only lines of it here") == "only *** here");
}

TEST_CASE("what a terminal drops or takes back puts no secret together", "[core]") {
  const std::string secret = "correct-horse-battery";
  const Redactor redactor = knowing({secret});
  const auto split = [&](const std::string& by) { return "x " + secret.substr(0, 7) + by + secret.substr(7) + " y"; };
  std::string bold;
  for (const char c : secret) bold += fmt::format("{}\b{}", c, c);
  const std::string text =
      GENERATE_COPY(split("\x1b(B\x1b[m"), split("\x1b[?25l"), split("\x1b[1 q"), split("\x1b[3A\x1b[2J"), split("\x1b]8;;https://host/\x1b\\"),
                    split("\x1b]0;title\a"), split("\x1bM"), split("\a"), split("X\b"), split("\xc3\xa9\b"),
                    split("\x80\b"), split("XYZ\b\b\b"), "\b" + split("\x1b[1mX\b\x1b[m"), bold, "before\n" + bold + "\nafter");
  CAPTURE(text);
  const std::string shown = redactor.redact(text);
  CHECK_THAT(ui::sanitize_text(shown), !Catch::Matchers::ContainsSubstring("battery"));
  CHECK_THAT(ui::sanitize_text(shown), Catch::Matchers::ContainsSubstring("***"));
}

TEST_CASE("escape sequences and backspaces without a secret stay as they are", "[core]") {
  const Redactor redactor = knowing({"correct-horse-battery"});
  for (const std::string text : {"\x1b]0;correct-", "\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\", "10%\b\b\b20%", "\x1b", "\x1b]a\nb\x1b[", "c\bcorrect\b\b"}) {
    CHECK(redactor.redact(text) == text);
  }
  CHECK(redactor.redact("\x1b]8;;http://x:correct%2dhorse-battery@host/\x1b\\link") == "\x1b]8;;http://x:***@host/\x1b\\link");
  CHECK(redactor.redact("\x1b]0;correct-horse-battery\nx") == "\x1b]0;***\nx");
  CHECK(redactor.redact("corr\x1b(B\x1b[mect-\r\n horse\x1b[?25l-battery") == "***");  // both at once
}

TEST_CASE("a secret is masked in URLs", "[core]") {
  const Redactor redactor = knowing({"p@ss w+rd/%41é"});
  for (const char* encoded : {"p%40ss%20w%2Brd%2F%2541%C3%A9", "p%40ss%20w%2brd%2f%2541%c3%a9", "p@ss+w%2Brd/%2541é",
                              "%70%40%73%73%20%77%2B%72%64%2F%25%34%31%C3%A9", "p@ss w+rd/%41é"}) {
    INFO(encoded);
    CHECK(redactor.redact(fmt::format("https://x:{}@host/", encoded)) == "https://x:***@host/");
  }
  CHECK(redactor.redact("100%p@ss w+rd/%41é%") == "100%***%");
  CHECK(knowing({"abcdef"}).redact("100%abcdef 5%ab") == "100%*** 5%ab");
}

TEST_CASE("a secret is masked in base64, whatever stands before it", "[core]") {
  const std::string secret = "hunter2 & co";
  const Redactor redactor = knowing({secret});
  for (const std::string before : {"", "x", "xy", "user:"}) {
    for (const std::string after : {"", "\n", "zz", "and a longer tail that is no secret at all, over several lines of it"}) {
      const std::string encoded = made_by("base64 -w 20", before + secret + after);
      INFO(encoded);
      CHECK(holds(encoded, secret));
      CHECK_FALSE(holds(redactor.redact(encoded), secret));
      const std::string url = made_by("base64 -w 0 | tr '+/' '-_'", before + secret + after);
      CHECK(redactor.redact(url).find("***") != std::string::npos);
    }
  }
}

TEST_CASE("a secret with blanks around it is masked in base64 with and without them", "[core]") {
  const std::string secret = "hunter2 & co";
  const std::string before = GENERATE("", " "), after = GENERATE("", "\n", "\r\n", " ");
  const Redactor redactor = knowing({before + secret + after});
  for (const std::string& text : {secret, secret + after, before + secret, before + secret + after, "user:" + secret + "@host"}) {
    CHECK_FALSE(holds(redactor.redact(made_by("base64", text)), secret));
  }
}

TEST_CASE("long secrets of several lines are masked whole, line by line, and in base64", "[core]") {
  const std::string key = made_by("i=0; echo '-----BEGIN KEY-----'; while [ $i -lt 30 ]; do i=$((i+1)); echo \"line $i of the key 0123456789abcdef\"; done", "");
  const Redactor redactor = knowing({key});
  CHECK(redactor.redact(key + "after") == "***\nafter");
  CHECK(redactor.redact("only line 7 of the key 0123456789abcdef, no more") == "only ***, no more");
  CHECK(redactor.redact(made_by("base64", key)).size() < 12);
}

TEST_CASE("one line of a secret is masked in base64, too", "[core]") {
  const std::string line = GENERATE("user: deployer", "password: s3cr3t-w0rd");
  const Redactor redactor = knowing({"user: deployer\r\npassword: s3cr3t-w0rd\n"});
  for (const std::string& text : {line, line + "\n", "xy" + line}) CHECK_FALSE(holds(redactor.redact(made_by("base64", text)), line));
}

TEST_CASE("a secret with line breaks spelled out is masked as echo and readers of JSON print it", "[core]") {
  const std::string json = R"({"id": "shop", "key": "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n"})";
  const Redactor redactor = knowing({json});
  CHECK(redactor.redact(json) == "***");
  CHECK(redactor.redact(made_by("printf %b \"$(cat)\"", json)) == "***");
  CHECK(redactor.redact("-----BEGIN KEY----- is no secret, BgkqhkiG9w0B is") == "-----BEGIN KEY----- is no secret, *** is");
  CHECK(redactor.redact(made_by("base64", "MIIEvQIBADAN")).size() < 8);
  CHECK(knowing({R"(one\\neither two\tor)"}).redact("one\\neither two\tor") == "***");
}

TEST_CASE("a stream keeps back no more than what may become a secret", "[core]") {
  const Redactor redactor = knowing({"hunter2!"});
  RedactorStream stream(redactor);
  CHECK(stream.add("plain text, and h") == "plain text, and ");
  CHECK(stream.holds());
  CHECK(stream.add("eat\n") == "heat\n");
  CHECK_FALSE(stream.holds());
  CHECK(stream.add("hun\nter") == "");
  CHECK(stream.add("2!") == "***");
  CHECK(stream.add("h\n") == "");
  CHECK(stream.pause() == "h\n");
  CHECK(stream.add("hunter2") == "");
  CHECK(stream.pause() == "***");
  CHECK(stream.add("!\n") == "***\n");
  CHECK(stream.end() == "");
}

TEST_CASE("a flood of blanks, or of one secret, is not kept back for ever", "[core]") {
  const Redactor redactor = knowing({"ababab"});
  RedactorStream stream(redactor);
  std::size_t shown = 0;
  for (int i = 0; i < 100; ++i) shown += stream.add("a" + std::string(10000, '\n')).size();
  CHECK(shown > 700000);
  std::string masked;
  for (int i = 0; i < 200000; ++i) masked += stream.add("ab");
  masked += stream.end();
  CHECK(masked.find("ab") == std::string::npos);
  CHECK(masked.size() < 20000);
}

TEST_CASE("what can't be masked is told", "[core]") {
  CHECK(Redactor::can_mask("123456"));
  CHECK_FALSE(Redactor::can_mask("12345"));
  CHECK_FALSE(Redactor::can_mask("1 2 3 4 5\n\n"));
  CHECK_FALSE(Redactor::can_mask("12345\x1b[31m"));
}

TEST_CASE("however a text is cut, it shows the same, and no secret", "[core]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random); };
  constexpr std::string_view letters = "abAB+/%4 \n-_";
  const auto word = [&](std::size_t least, std::size_t most) {
    std::string text;
    for (std::size_t n = least + below(most - least + 1); text.size() < n;) text += letters[below(letters.size())];
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> secrets;
    while (secrets.size() < 3) {
      if (auto text = word(6, 14); Redactor::can_mask(text)) secrets.push_back(std::move(text));
    }
    const Redactor redactor = knowing(secrets);
    std::string text;
    for (int i = 0; i < 20; ++i) {
      const std::string& secret = secrets[below(3)];
      const auto cut = below(secret.size());
      switch (below(5)) {
        case 0: text += word(0, 10); break;
        case 1: text += secret; break;
        case 2: text += secret.substr(0, cut) + "\n " + secret.substr(cut); break;
        case 3: text += secret.substr(0, cut); break;
        default: text += secret.substr(cut); break;
      }
    }
    INFO("text " << text);
    const std::string whole = redactor.redact(text, Redactor::End::cut);
    CHECK(in_pieces(redactor, text, {1}) == whole);
    CHECK(in_pieces(redactor, text, {1 + below(5), 1 + below(9), 1 + below(20)}) == whole);
    for (const std::string& secret : secrets) {
      INFO("secret " << secret);
      CHECK_FALSE(holds(whole, secret));
    }
  }
}

}  // namespace kirikae
