// FakeHost, FakeTransport, FakeConnector: hosts that answer what a test tells them to, without a network. Held to the same
// contract as real sessions by tests/contract.
//
//   FakeConnector hosts;                                            // knows no host yet: connecting is an error
//   auto web1 = hosts.add("web1");
//   web1->answer("facts", {.out = "state=none\n"});                 // every command named "facts"
//   web1->answer("publish", {.exit = {1, ""}, .err = "no room\n"});
//   web1->answer_once("task migrate", {.error = Error(ErrorCode::lost, "gone")});   // the next one only; these are used in order
//   web1->at_call(3, {.lose = true});                               // the third call of the host, whatever its name (from 1)
//   ... run what is to be tested with `hosts` as Connector ...
//   web1->calls();                                                  // what was run, in order, with the payload that was sent
//
// What has no answer ends with status 0 and says nothing. All functions may be called from any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/waker.h"
#include "ssh/transport.h"

namespace kirikae::test {

struct FakeAnswer {
  ssh::Exit exit{};
  std::string out{};
  std::string err{};
  std::optional<Error> error{};               // instead of an end; the connection stays
  bool hang = false;                          // after the output, until the deadline, a stop or a loss
  bool lose = false;                          // after the output the connection is lost
  bool echo_payload = false;                  // send(): the payload comes back as output, after `out`
  std::optional<std::size_t> read_payload{};  // send(): ends after so many bytes; nullopt: reads all
};

struct FakeCall {
  std::string name{};
  std::string text{};
  std::string payload{};
  Deadline deadline = Deadline::never();  // of its Wait, when it began
};

class FakeHost {
 public:
  void answer(const std::string& command, FakeAnswer answer);
  void answer_once(const std::string& command, FakeAnswer answer);
  void at_call(int number, FakeAnswer answer);
  // Called before each call is answered, in the caller's thread.
  void before_each(std::function<void(const FakeCall&)> hook);
  void refuse_connections(Error error);
  void take_connections(int after);  // refuses that many more, then takes them
  void identify_as(const std::string& identity);  // from the next connection on; as long as nothing is said, by its name
  // The connection breaks now, also under a call that hangs.
  void lose();

  [[nodiscard]] std::vector<FakeCall> calls() const;
  [[nodiscard]] std::vector<std::string> names() const;  // of the calls
  [[nodiscard]] bool closed() const;
  [[nodiscard]] std::string held() const;  // the last text of hold()

 private:
  friend class FakeTransport;
  friend class FakeConnector;
  FakeAnswer begin(FakeCall call);
  void note_hold(const std::string& text);
  void note_payload(std::string_view bytes);

  mutable std::mutex mutex_;
  std::map<std::string, FakeAnswer> answers_;
  std::map<std::string, std::vector<FakeAnswer>> once_;
  std::map<int, FakeAnswer> numbered_;
  std::function<void(const FakeCall&)> hook_;
  std::optional<Error> refusal_;
  std::optional<int> refusals_left_;
  std::vector<FakeCall> calls_;
  std::string held_;
  std::optional<std::string> identity_;
  bool lost_ = false;
  bool closed_ = false;
  const std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();  // of the transport's thread
};

class FakeTransport final : public ssh::Transport {
 public:
  FakeTransport(std::string name, std::string identity, std::shared_ptr<FakeHost> host)
      : name_(std::move(name)), identity_(std::move(identity)), host_(std::move(host)) {}
  ~FakeTransport() override { close(); }

  Result<ssh::Exit> exec(const host::Command& command, const ssh::OutputFn& on_output, const ssh::Wait& wait) override;
  Result<ssh::Exit> send(const host::Command& command, ByteSource& data,
                         const std::function<void(std::uint64_t)>& on_sent, const ssh::OutputFn& on_output,
                         const ssh::Wait& wait) override;
  void hold(const std::string& text) override { host_->note_hold(text); }
  [[nodiscard]] std::string identity() const override { return identity_; }
  Result<void> idle(const Waker& until) override;
  void close() override;

 private:
  Result<ssh::Exit> run(const host::Command& command, ByteSource* data,
                        const std::function<void(std::uint64_t)>& on_sent, const ssh::OutputFn& on_output,
                        const ssh::Wait& wait);
  Result<std::string> take(ByteSource& data, std::optional<std::size_t> limit,
                           const std::function<void(std::uint64_t)>& on_sent, const std::string& command,
                           const ssh::Wait& wait);
  [[nodiscard]] std::optional<Error> interrupted(const std::string& command, const ssh::Wait& wait) const;
  void sleep(const ssh::Wait& wait, int also = -1) const;
  [[nodiscard]] Error error(ErrorCode code, const std::string& text) const;
  [[nodiscard]] bool lost() const;

  std::string name_, identity_;
  std::shared_ptr<FakeHost> host_;
};

class FakeConnector final : public ssh::Connector {
 public:
  std::shared_ptr<FakeHost> add(const std::string& name);  // the Target's display name
  Result<std::unique_ptr<ssh::Transport>> connect(const ssh::Target& target,
                                                  const std::function<void(std::string_view)>& tell,
                                                  const ssh::Wait& wait) override;

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FakeHost>> hosts_;
};

}  // namespace kirikae::test
