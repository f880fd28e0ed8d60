#include "support/fake_transport.h"

#include <poll.h>

#include <array>

#include "ssh/stop_wakes.h"

namespace kirikae::test {

using ssh::Exit;
using ssh::Stream;

void FakeHost::answer(const std::string& command, FakeAnswer answer) {
  const std::scoped_lock lock(mutex_);
  answers_[command] = std::move(answer);
}

void FakeHost::answer_once(const std::string& command, FakeAnswer answer) {
  const std::scoped_lock lock(mutex_);
  once_[command].push_back(std::move(answer));
}

void FakeHost::at_call(int number, FakeAnswer answer) {
  const std::scoped_lock lock(mutex_);
  numbered_[number] = std::move(answer);
}

void FakeHost::before_each(std::function<void(const FakeCall&)> hook) {
  const std::scoped_lock lock(mutex_);
  hook_ = std::move(hook);
}

void FakeHost::refuse_connections(Error error) {
  const std::scoped_lock lock(mutex_);
  refusal_ = std::move(error);
}

void FakeHost::take_connections(int after) {
  const std::scoped_lock lock(mutex_);
  refusals_left_ = after;
}

void FakeHost::identify_as(const std::string& identity) {
  const std::scoped_lock lock(mutex_);
  identity_ = identity;
}

void FakeHost::lose() {
  const std::scoped_lock lock(mutex_);
  lost_ = true;
  waker_->wake();
}

std::vector<FakeCall> FakeHost::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

std::vector<std::string> FakeHost::names() const {
  std::vector<std::string> names;
  for (const auto& call : calls()) names.push_back(call.name);
  return names;
}

bool FakeHost::closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

FakeAnswer FakeHost::begin(FakeCall call) {
  std::function<void(const FakeCall&)> hook;
  FakeAnswer answer;
  {
    const std::scoped_lock lock(mutex_);
    hook = hook_;
    calls_.push_back(call);
    const auto numbered = numbered_.find(static_cast<int>(calls_.size()));
    const auto once = once_.find(call.name);
    const auto always = answers_.find(call.name);
    if (numbered != numbered_.end()) {
      answer = numbered->second;
    } else if (once != once_.end() && !once->second.empty()) {
      answer = once->second.front();
      once->second.erase(once->second.begin());
    } else if (always != answers_.end()) {
      answer = always->second;
    }
  }
  if (hook) hook(call);
  return answer;
}

void FakeHost::note_hold(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  held_ = text;
}

std::string FakeHost::held() const {
  const std::scoped_lock lock(mutex_);
  return held_;
}

void FakeHost::note_payload(std::string_view bytes) {
  const std::scoped_lock lock(mutex_);
  calls_.back().payload += bytes;
}

Error FakeTransport::error(ErrorCode code, const std::string& text) const { return Error(code, text).on(name_); }

bool FakeTransport::lost() const {
  const std::scoped_lock lock(host_->mutex_);
  return host_->lost_ || host_->closed_;
}

std::optional<Error> FakeTransport::interrupted(const std::string& command, const ssh::Wait& wait) const {
  if (lost()) {
    return error(ErrorCode::lost, "the connection to '" + name_ + "' was lost while '" + command +
                                      "' ran; it is not known whether it finished");
  }
  if (wait.stop.stop_requested())
    return error(ErrorCode::cancelled, "'" + command + "' on '" + name_ + "' was stopped");
  if (wait.deadline.passed()) return error(ErrorCode::timeout, "'" + command + "' on '" + name_ + "' took too long");
  return std::nullopt;
}

void FakeTransport::sleep(const ssh::Wait& wait, int also) const {
  const ssh::StopWakes wakes(wait.stop, *host_->waker_);
  pollfd polled[] = {{host_->waker_->fd(), POLLIN, 0}, {also, POLLIN, 0}};
  ::poll(polled, 2, wait.deadline.poll_milliseconds());
  if (polled[0].revents != 0) host_->waker_->clear();
}

Result<Exit> FakeTransport::exec(const host::Command& command, const ssh::OutputFn& on_output, const ssh::Wait& wait) {
  return run(command, nullptr, {}, on_output, wait);
}

Result<Exit> FakeTransport::send(const host::Command& command, ByteSource& data,
                                 const std::function<void(std::uint64_t)>& on_sent, const ssh::OutputFn& on_output,
                                 const ssh::Wait& wait) {
  return run(command, &data, on_sent, on_output, wait);
}

Result<std::string> FakeTransport::take(ByteSource& data, std::optional<std::size_t> limit,
                                        const std::function<void(std::uint64_t)>& on_sent, const std::string& command,
                                        const ssh::Wait& wait) {
  std::string payload;
  std::array<char, 65536> buffer;
  while (!limit || payload.size() < *limit) {
    if (auto why = interrupted(command, wait)) return std::unexpected(std::move(*why));
    TRY_ASSIGN(const auto piece, data.read(buffer, host_->waker_));
    if (piece.state == ByteSource::Piece::State::end) break;
    if (piece.state == ByteSource::Piece::State::later) {
      sleep(wait);
      continue;
    }
    payload.append(buffer.data(), piece.size);
    if (on_sent) on_sent(payload.size());
  }
  host_->note_payload(payload);
  return payload;
}

Result<Exit> FakeTransport::run(const host::Command& command, ByteSource* data,
                                const std::function<void(std::uint64_t)>& on_sent, const ssh::OutputFn& on_output,
                                const ssh::Wait& wait) {
  if (wait.stop.stop_requested()) {
    return std::unexpected(
        error(ErrorCode::cancelled, "'" + command.name + "' was not started on '" + name_ + "': stopped"));
  }
  if (lost()) {
    return std::unexpected(error(
        ErrorCode::lost, "'" + command.name + "' was not started on '" + name_ + "': the connection was lost before"));
  }
  const FakeAnswer answer = host_->begin({command.name, command.text, {}, wait.deadline});
  std::string payload;
  if (data != nullptr) {
    TRY_ASSIGN(payload, take(*data, answer.read_payload, on_sent, command.name, wait));
  }
  const std::string out = answer.out + (answer.echo_payload ? payload : std::string());
  if (!out.empty()) on_output(Stream::out, out);
  if (!answer.err.empty()) on_output(Stream::err, answer.err);
  if (answer.lose) host_->lose();
  for (;;) {
    if (lost()) return std::unexpected(*interrupted(command.name, wait));
    if (!answer.hang) break;
    if (auto why = interrupted(command.name, wait)) return std::unexpected(std::move(*why));
    sleep(wait);
  }
  if (answer.error) return std::unexpected(Error(*answer.error).on(name_));
  return answer.exit;
}

Result<void> FakeTransport::idle(const Waker& until) {
  for (;;) {
    if (lost()) return std::unexpected(error(ErrorCode::lost, "the connection to '" + name_ + "' was lost"));
    pollfd polled{until.fd(), POLLIN, 0};
    if (::poll(&polled, 1, 0) > 0) return {};
    sleep({}, until.fd());
  }
}

void FakeTransport::close() {
  const std::scoped_lock lock(host_->mutex_);
  host_->closed_ = true;
}

std::shared_ptr<FakeHost> FakeConnector::add(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  return hosts_[name] = std::make_shared<FakeHost>();
}

Result<std::unique_ptr<ssh::Transport>> FakeConnector::connect(const ssh::Target& target,
                                                               const std::function<void(std::string_view)>& tell,
                                                               const ssh::Wait& wait) {
  std::shared_ptr<FakeHost> host;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = hosts_.find(target.name); found != hosts_.end()) host = found->second;
  }
  if (tell) tell("connecting");
  if (wait.stop.stop_requested()) {
    return std::unexpected(
        Error(ErrorCode::cancelled, "connecting to '" + target.name + "' was stopped").on(target.name));
  }
  if (host == nullptr) {
    return std::unexpected(
        Error(ErrorCode::connect, "can't connect to '" + target.name + "': connection refused").on(target.name));
  }
  const std::scoped_lock lock(host->mutex_);
  if (host->refusals_left_ && (*host->refusals_left_)-- <= 0) host->refusal_.reset();
  if (host->refusal_) return std::unexpected(Error(*host->refusal_).on(target.name));
  host->lost_ = host->closed_ = false;
  return std::make_unique<FakeTransport>(target.name, host->identity_.value_or(target.name), host);
}

}  // namespace kirikae::test
