#include "tmux.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "core/subprocess.h"
#include "support/catch.h"
#include "support/process.h"

namespace kirikae::golden {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 40s;

std::string without_trailing_blanks(const std::string& text) {
  std::string lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::string line = text.substr(from, end - from);
    line.erase(line.find_last_not_of(' ') + 1);
    lines += line + '\n';
    from = end + 1;
  }
  lines.erase(std::min(lines.find_last_not_of('\n') + 2, lines.size()));
  return lines;
}

// What SGR sequences have set.
struct Attributes {
  std::set<std::string> others;
  std::string colour;

  [[nodiscard]] std::string name() const {
    std::string all;
    for (const auto& other : others) all += (all.empty() ? "" : " ") + other;
    return all + (all.empty() || colour.empty() ? "" : " ") + colour;
  }
  void take(const std::string& parameters) {
    static const std::map<std::string, std::string> colours = {{"30", "black"},  {"31", "red"},  {"32", "green"},
                                                               {"33", "yellow"}, {"34", "blue"}, {"35", "magenta"},
                                                               {"36", "cyan"},   {"37", "white"}};
    if (parameters.starts_with("38;") || parameters.starts_with("48;")) {
      colour = parameters;
      return;
    }
    for (std::size_t from = 0; from <= parameters.size();) {
      const std::size_t end = std::min(parameters.find(';', from), parameters.size());
      const std::string one = parameters.substr(from, end - from);
      if (one.empty() || one == "0") {
        others.clear();
        colour.clear();
      } else if (one == "39" || one == "49") {  // the terminal's own
        if (one == "39") colour.clear();
      } else if (one == "1" || one == "2") {
        others.insert(one == "1" ? "bold" : "faint");
      } else if (one == "22") {
        others.clear();
      } else {
        const auto known = colours.find(one);
        colour = known == colours.end() ? one : known->second;
      }
      from = end + 1;
    }
  }
};

}  // namespace

Tmux::Tmux(ui::Size size, const std::string& command, const std::filesystem::path& folder) {
  const std::string settings = folder_.write("tmux.conf",
                                             "set -g status off\n"
                                             "set -g default-terminal screen\n"
                                             "set -g default-shell /bin/sh\n"
                                             "set -g remain-on-exit on\n");
  (void)run({"-f", settings, "new-session", "-d", "-x", std::to_string(size.columns), "-y", std::to_string(size.rows),
             "-c", folder.string(), command.empty() ? "exec sleep 3600" : command});
  terminal_ = Fd(::open(ask("#{pane_tty}").c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal_.valid()) throw std::runtime_error("the pane has no terminal");
  if (!command.empty()) return;
  termios raw{};
  ::tcgetattr(terminal_.get(), &raw);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);  // for the answers to questions of ours
  ::tcsetattr(terminal_.get(), TCSANOW, &raw);
}

Tmux::~Tmux() {
  try {
    (void)run({"kill-server"});
  } catch (const std::exception&) {  // it has ended by itself
  }
}

std::string Tmux::run(std::vector<std::string> words) const {
  SubprocessCall call;
  call.argv = {"tmux", "-u", "-S", folder_ / "socket"};
  call.argv.insert(call.argv.end(), words.begin(), words.end());
  call.environment = {
      {"TMUX", ""}, {"LC_ALL", "C.UTF-8"}, {"TERM", "xterm"}, {"HOME", folder_.path().string()}, {"ENV", ""}};
  call.deadline = Deadline::in(patience);
  std::string out, err;
  call.on_output = [&](bool is_error, std::string_view bytes) { (is_error ? err : out) += bytes; };
  const auto ended = run_subprocess(call);
  if (!ended || ended->status != 0) throw std::runtime_error("tmux " + words.front() + ": " + out + err);
  return out;
}

std::string Tmux::ask(const std::string& format) const {
  std::string answer = run({"display-message", "-p", format});
  answer.erase(answer.find_last_not_of('\n') + 1);
  return answer;
}

// The terminal answers a question about its cursor when it has come to it.
void Tmux::write(std::string_view bytes) {
  if (!ui::write_all(terminal_.get(), bytes) || !ui::write_all(terminal_.get(), "\x1b[6n"))
    throw std::runtime_error("the pane's terminal takes nothing");
  for (char c = 0; c != 'R';) {
    pollfd ready{terminal_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 60'000) != 1 || ::read(terminal_.get(), &c, 1) != 1)
      throw std::runtime_error("the pane's terminal doesn't answer");
  }
}

void Tmux::resize(ui::Size size) const {
  (void)run({"resize-window", "-x", std::to_string(size.columns), "-y", std::to_string(size.rows)});
  const bool seen = test::eventually(
      [&] { return this->size().columns == size.columns && this->size().rows == size.rows; }, patience);
  if (!seen) throw std::runtime_error("the pane doesn't change its size");
}

void Tmux::type(const std::vector<std::string>& keys) const {
  std::vector<std::string> words{"send-keys"};
  words.insert(words.end(), keys.begin(), keys.end());
  (void)run(words);
}

bool Tmux::becomes(const std::function<bool(const Tmux&)>& condition) const {
  return test::eventually([&] { return condition(*this); }, patience);
}

bool Tmux::shows(const std::string& text) const {
  const bool shown = becomes([&](const Tmux& screen) { return screen.text().find(text) != std::string::npos; });
  if (!shown) UNSCOPED_INFO("waited for '" << text << "', and the screen shows\n" << this->text());
  return shown;
}

std::string Tmux::capture(std::vector<std::string> more) const {
  more.insert(more.begin(), {"capture-pane", "-p"});
  return without_trailing_blanks(run(more));
}

std::string Tmux::coloured() const {
  const std::string raw = run({"capture-pane", "-p", "-e"});
  std::string text, shown;
  Attributes attributes;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\x1b' && i + 1 < raw.size() && raw[i + 1] == '[') {
      const std::size_t end = raw.find('m', i);
      attributes.take(raw.substr(i + 2, end - i - 2));
      i = end;
      continue;
    }
    const std::string now = raw[i] == '\n' ? "" : attributes.name();
    if (now != shown) text += '{' + now + '}';
    shown = now;
    text += raw[i];
  }
  return without_trailing_blanks(text);
}

namespace {

std::filesystem::path golden_file(const std::string& name) {
  return std::string(KIRIKAE_SOURCE_DIR) + "/tests/golden/" + name + ".txt";
}

std::string golden(const std::string& name) {
  std::ifstream in(golden_file(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool writing() {
  const char* mode = std::getenv("KIRIKAE_GOLDEN");
  return mode != nullptr && std::string_view(mode) == "write";
}

}  // namespace

bool same_as_golden(const std::string& name, const std::string& text) {
  if (writing()) {
    std::ofstream(golden_file(name), std::ios::binary | std::ios::trunc) << text;
    return true;
  }
  const std::string wanted = golden(name);
  if (text != wanted) UNSCOPED_INFO(name << ".txt is\n" << wanted << "--- and the screen shows\n" << text << "---");
  return text == wanted;
}

bool comes_to_golden(const std::string& name, const std::function<std::string()>& look) {
  const std::string wanted = golden(name);
  const bool write = writing();
  std::string text = look();
  if (write) {  // what doesn't change any more
    test::eventually([&] { return std::exchange(text, look()) == text; }, patience);
  } else {
    test::eventually([&] { return (text = look()) == wanted; }, patience);
  }
  return same_as_golden(name, text);
}

}  // namespace kirikae::golden
