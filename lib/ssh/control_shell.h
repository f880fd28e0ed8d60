// ControlShell: the client's side of the control shell protocol (docs/design.md) on one channel, in both of its modes. It
// never waits: pump() does what can be done now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/deadline.h"
#include "ssh/frame_parser.h"
#include "ssh/link.h"
#include "ssh/transport.h"

namespace kirikae::ssh {

class ControlShell {
 public:
  enum class Mode {
    control,  // steps one after the other, pings, cancels
    data,     // one step, with the channel's input as its own
    terminal, // one step that has a terminal, at which nobody types
  };

  // On a channel that runs host::start_line(): script and mode line are sent without waiting for the host. In terminal mode, on one that
  // runs host::terminal_line(): the script goes with the step, once the host is fit for it.
  ControlShell(Link& link, std::unique_ptr<ShellChannel> channel, Mode mode);

  [[nodiscard]] Link& link() const { return link_; }
  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] long process() const { return channel_->process(); }  // the host's number of it; 0: it isn't known

  // `id` is greater than the last one, and that one has ended.
  void start_step(std::uint64_t id, const host::Command& command);
  void hold(std::string_view text);
  void cancel_step();
  void ping(std::uint64_t number);
  void quit();  // also ends the input

  // Whether the host has unpacked the script; and, of one whose other shell has, that this need not be waited for.
  [[nodiscard]] bool has_unpacked() const { return hello_ && !plain_; }
  void will_unpack() { will_unpack_ = true; }

  // The step's input (data mode): how much of `bytes` was taken; what was not comes again with the next call.
  std::size_t write_payload(std::string_view bytes);
  [[nodiscard]] std::size_t unconfirmed() const { return channel_->unconfirmed(); }
  void end_payload();
  void terminate_step();  // there is no cancel in the other modes: Ctrl-C at a terminal, end of input, and TERM

  // One round. Output of the running step goes to `on_output`.
  void pump(const OutputFn& on_output);

  [[nodiscard]] bool said_hello() const { return hello_; }
  // Whether the shell is there and a step may begin: a terminal's says hello only with the step.
  [[nodiscard]] bool is_ready() const { return mode_ == Mode::terminal ? ready_ : hello_; }
  // The step's end, once all of its output has come.
  [[nodiscard]] std::optional<Exit> step_end() const;
  [[nodiscard]] std::uint64_t last_pong() const { return pong_; }
  // The channel has ended, or the host doesn't keep to the protocol: "it ended (signal KILL)". Empty: all is well. A step
  // whose end has come is not touched by it.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // What the login shell has said before the script ran; the last of it.
  [[nodiscard]] const std::string& noise() const { return noise_; }
  [[nodiscard]] Deadline::Clock::time_point started_at() const { return started_at_; }
  [[nodiscard]] bool at_end() const { return at_end_; }
  // When pump() has to be called even though nothing comes.
  [[nodiscard]] Deadline next_look() const;

 private:
  void send(std::string_view text);
  void write_queue();
  bool read_stream(Stream stream, FrameParser& parser, const FrameParser::Sink& sink);
  Result<void> take_frame(Stream stream, const Frame& frame);
  void note_noise(std::string_view bytes);
  void note_process();
  void note_end(const FrameParser::Sink& out, const FrameParser::Sink& err);

  Link& link_;
  std::unique_ptr<ShellChannel> channel_;
  Mode mode_;
  std::string nonce_;
  FrameParser out_;
  FrameParser err_;
  std::string queue_;  // to be written
  std::string unheard_;  // what was sent behind the script, until the hello: the host may ask for all of it once more
  bool plain_ = false;   // it has asked
  bool will_unpack_ = false;
  bool ready_;         // for it
  bool eof_wanted_ = false;
  bool quits_ = false;
  bool term_wanted_ = false;

  bool hello_ = false;
  bool err_hello_ = false;  // the same, on standard error: before it stands what rc files have said there
  std::string noise_;
  std::uint64_t pong_ = 0;
  std::string problem_;
  bool at_end_ = false;                                    // of both streams
  std::optional<Deadline::Clock::time_point> over_since_;  // that, or the shell's exit
  const Deadline::Clock::time_point started_at_ = Deadline::Clock::now();

  std::uint64_t id_ = 0;  // of the last step
  bool begun_ = false;
  std::optional<int> status_;  // standard output's end
  bool err_ended_ = false;     // standard error's
  std::string early_;          // standard error of a step whose begin is still on its way
  Deadline::Clock::time_point last_bytes_{};
  Deadline::Clock::time_point last_heard_{};  // the end, or standard error after it
};

}  // namespace kirikae::ssh
