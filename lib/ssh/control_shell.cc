#include "ssh/control_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "core/digest.h"
#include "host/command.h"
#include "ssh/libssh2_error.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

// Standard error has its own end, on its way right behind that of standard output. If this long nothing of it comes, then
// somebody on the host has closed it, and the status stands all the same.
constexpr milliseconds patience_for_stderr{2000};
// A channel's exit status or signal and its end of file come together, unless somebody whom the shell left behind keeps its
// streams open.
constexpr milliseconds patience_for_exit{500};
// The newline of an output's last line may be a frame's. If nothing follows for so long, people shall see the line.
constexpr milliseconds patience_for_newline{40};
constexpr std::size_t noise_limit = 2000;
// The shell's process id comes behind it, as the last line before its hello.
constexpr std::string_view process_mark = "kirikae-process";
constexpr std::size_t read_size = 65536;

// The number of lines, and the lines.
std::string counted(std::string_view text) {
  const bool whole = text.empty() || text.ends_with('\n');
  const auto lines = std::ranges::count(text, '\n') + (whole ? 0 : 1);
  return fmt::format("{}\n{}{}", lines, text, whole ? "" : "\n");
}

std::string new_nonce() { return random_hex(16); }

std::string_view script_for(ControlShell::Mode mode) {
  return mode == ControlShell::Mode::control ? host::control_script() : host::data_script();
}

std::string script_for(const ShellChannel& channel, ControlShell::Mode mode) {
  std::string script(script_for(mode));
  if (channel.wants_process()) script += fmt::format("echo; echo '{}' $$\n", process_mark);
  return script;
}

// Those that nearly every channel is sent.
const std::string& packed_script(ControlShell::Mode mode) {
  static const std::string control = host::packed(host::control_script()), data = host::packed(host::data_script());
  return mode == ControlShell::Mode::control ? control : data;
}

}  // namespace

ControlShell::ControlShell(Link& link, std::unique_ptr<ShellChannel> channel, Mode mode)
    : link_(link), channel_(std::move(channel)), mode_(mode), out_(""), err_(""), ready_(mode != Mode::terminal) {
  nonce_ = new_nonce();
  out_ = FrameParser(nonce_);
  err_ = FrameParser(nonce_);
  if (mode == Mode::terminal) return;
  queue_ = channel_->wants_process() ? host::packed(script_for(*channel_, mode)) : packed_script(mode);
  send(fmt::format("{} {}\n", mode == Mode::control ? "control" : "data", nonce_));
}

void ControlShell::send(std::string_view text) {
  queue_ += text;
  if (!hello_) unheard_ += text;
}

void ControlShell::start_step(std::uint64_t id, const host::Command& command) {
  id_ = id;
  begun_ = err_ended_ = false;
  early_.clear();
  status_.reset();
  if (mode_ == Mode::terminal) {
    queue_ = host::at_terminal(script_for(*channel_, mode_), nonce_, id, command.text);
    return;
  }
  if (!command.input.empty()) send("feed " + counted(command.input));
  send(fmt::format("{} {} {}", command.ours && mode_ == Mode::control ? "call" : "step", id, counted(command.text)));
}

void ControlShell::hold(std::string_view text) { send("hold " + counted(text)); }

void ControlShell::cancel_step() { send(fmt::format("cancel {}\n", id_)); }
void ControlShell::ping(std::uint64_t number) { send(fmt::format("ping {}\n", number)); }

void ControlShell::quit() {
  send("quit\n");
  eof_wanted_ = quits_ = true;
}

std::size_t ControlShell::write_payload(std::string_view bytes) {
  return (hello_ || will_unpack_) && queue_.empty() && !eof_wanted_ ? channel_->write(bytes) : 0;
}

// At once: it may be that nothing else happens any more that would wake us.
void ControlShell::end_payload() {
  eof_wanted_ = true;
  write_queue();
}

void ControlShell::terminate_step() {
  constexpr char interrupt = '\x03';  // as typed: sshd passes on no signals to root's commands
  if (mode_ == Mode::terminal) queue_ += interrupt;
  eof_wanted_ = term_wanted_ = quits_ = true;
}

void ControlShell::write_queue() {
  if (!ready_) return;
  std::size_t written = 0;
  while (written < queue_.size() && link_.may_write()) {
    const auto n = channel_->write(std::string_view(queue_).substr(written));
    if (n == 0) break;
    written += n;
  }
  queue_.erase(0, written);
  if (!queue_.empty()) return;
  if (term_wanted_ && channel_->terminate()) term_wanted_ = false;
  if (eof_wanted_ && (hello_ || will_unpack_ || quits_) && !at_end_ && channel_->send_eof()) eof_wanted_ = false;
}

void ControlShell::pump(const OutputFn& on_output) {
  if (link_.lost() || !problem_.empty()) return;
  write_queue();
  const FrameParser::Sink out{[&](std::string_view bytes) {
                                if (!hello_) {
                                  note_noise(bytes);
                                } else if (begun_ && !status_) {
                                  on_output(Stream::out, bytes);
                                }
                              },
                              [this](const Frame& frame) { return take_frame(Stream::out, frame); }};
  const FrameParser::Sink err{[&](std::string_view bytes) {
                                if (!err_hello_) {
                                  note_noise(bytes);
                                } else if (begun_ && !err_ended_) {
                                  on_output(Stream::err, bytes);
                                } else if (!begun_ && id_ > 0 && early_.size() < read_size) {
                                  early_ += bytes;
                                }
                              },
                              [this](const Frame& frame) { return take_frame(Stream::err, frame); }};
  // Standard output first: the host writes a step's begin there before the step can write anything. Both may come only when standard
  // output has been looked at, and then wait for the next round.
  if (!read_stream(Stream::out, out_, out)) return;
  if (begun_ && !early_.empty()) on_output(Stream::err, std::exchange(early_, {}));
  if (!read_stream(Stream::err, err_, err)) return;
  if (Deadline::Clock::now() - last_bytes_ >= patience_for_newline) {
    out_.release(out);
    err_.release(err);
  }
  note_end(out, err);
}

bool ControlShell::read_stream(Stream stream, FrameParser& parser, const FrameParser::Sink& sink) {
  std::array<char, read_size> buffer;
  for (;;) {
    const auto n = channel_->read(stream, buffer);
    if (n == 0) return true;
    last_bytes_ = Deadline::Clock::now();
    if (stream == Stream::err) last_heard_ = last_bytes_;
    if (auto fed = parser.feed({buffer.data(), n}, sink); !fed) {
      problem_ = fed.error().message;
      return false;
    }
  }
}

Result<void> ControlShell::take_frame(Stream stream, const Frame& frame) {
  using Word = Frame::Word;
  const auto wrong = [&](const char* what) {
    return std::unexpected(Error(ErrorCode::lost, fmt::format("it said {} ({})", what, frame.number)));
  };
  if (stream == Stream::err) {
    if (frame.word == Word::hello && !err_hello_ && frame.number == 1) {
      err_hello_ = true;
      return {};
    }
    if (frame.word != Word::end || frame.status >= 0 || frame.number > id_)
      return wrong("something that makes no sense on standard error");
    if (frame.number == id_) err_ended_ = true;
    return {};
  }
  switch (frame.word) {
    case Word::hello:
      if (hello_ || frame.number != 1) return wrong("hello in a way that this program does not know");
      hello_ = true;
      note_process();
      noise_.clear();
      unheard_.clear();
      return {};
    case Word::pong:
      pong_ = std::max(pong_, frame.number);
      return {};
    case Word::begin:
      if (!hello_ || frame.number != id_ || begun_ || status_)
        return wrong("that a step began which was not asked for");
      begun_ = true;
      return {};
    case Word::end:
      if (!hello_ || frame.number != id_ || frame.status < 0 || status_)
        return wrong("that a step ended which did not run");
      status_ = frame.status;
      last_heard_ = Deadline::Clock::now();
      return {};
  }
  return {};
}

void ControlShell::note_noise(std::string_view bytes) {
  noise_ += bytes;
  if (!ready_ && noise_.find(host::terminal_ready) != std::string::npos) {
    ready_ = true;
    write_queue();
  }
  if (const auto at = plain_ ? std::string::npos : noise_.find(host::plain_wanted); at != std::string::npos) {
    plain_ = true;
    noise_.erase(at, host::plain_wanted.size());
    queue_ = host::plain(script_for(*channel_, mode_)) + unheard_;
    write_queue();
  }
  if (noise_.size() > noise_limit) noise_.erase(0, noise_.size() - noise_limit);
}

void ControlShell::note_process() {
  const auto mark = noise_.rfind(process_mark);
  if (mark == std::string::npos || !channel_->wants_process()) return;
  std::string_view digits = std::string_view(noise_).substr(mark + process_mark.size());
  digits.remove_prefix(std::min<std::size_t>(digits.size(), 1));
  long process = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), process).ec == std::errc() && process > 1) channel_->set_process(process);
}

void ControlShell::note_end(const FrameParser::Sink& out, const FrameParser::Sink& err) {
  if (link_.lost()) return;
  const std::string how = channel_->how_it_ended();
  if (!at_end_ && channel_->at_end()) {
    at_end_ = true;
    out_.finish(out);
    err_.finish(err);
  }
  if (!at_end_ && how.empty()) return;
  const auto now = Deadline::Clock::now();
  if (!over_since_) over_since_ = now;
  const bool all_known = at_end_ && !how.empty();
  if (all_known || now - *over_since_ >= patience_for_exit)
    problem_ = how.empty() ? "it ended" : "it ended (" + how + ")";
}

std::optional<Exit> ControlShell::step_end() const {
  if (!status_) return std::nullopt;
  if (mode_ != Mode::terminal && !err_ended_ && !at_end_ && Deadline::Clock::now() - last_heard_ < patience_for_stderr) return std::nullopt;
  return Exit{*status_, *status_ > 128 ? signal_name(*status_ - 128) : std::string()};
}

Deadline ControlShell::next_look() const {
  const auto now = Deadline::Clock::now();
  if (over_since_ && problem_.empty()) return Deadline::in(*over_since_ + patience_for_exit - now);
  if (status_ && !err_ended_ && mode_ != Mode::terminal) return Deadline::in(last_heard_ + patience_for_stderr - now);
  if (out_.holds_output() || err_.holds_output()) return Deadline::in(last_bytes_ + patience_for_newline - now);
  return Deadline::never();
}

}  // namespace kirikae::ssh
