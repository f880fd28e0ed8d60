#include "ssh/upload.h"

namespace kirikae::ssh {
namespace {

constexpr std::size_t buffer_size = 65536;
constexpr std::size_t per_round = 1u << 20;

}  // namespace

Upload::Upload(ByteSource& source, const std::function<void(std::uint64_t)>& on_sent, std::size_t limit)
    : source_(source), on_sent_(on_sent), ahead_(limit), buffer_(buffer_size) {}

Result<void> Upload::pump(ControlShell& shell, const Link& link) {
  again_ = false;
  const auto before = sent_;
  TRY(write(shell, link));
  if (sent_ != before) {
    again_ = sent_ - before >= per_round;
    if (on_sent_) on_sent_(sent_);
  }
  return {};
}

Result<void> Upload::write(ControlShell& shell, const Link& link) {
  const auto until = sent_ + per_round;
  while (!ended_ && link.may_write() && sent_ < until && ahead_.may_send(sent_, shell.unconfirmed(), Deadline::Clock::now())) {
    if (at_ == size_) {
      TRY_ASSIGN(const auto piece, source_.read(buffer_, link.waker()));
      if (piece.state == ByteSource::Piece::State::later) return {};
      if (piece.state == ByteSource::Piece::State::end) {
        ended_ = true;
        shell.end_payload();
        return {};
      }
      at_ = 0;
      size_ = piece.size;
    }
    const auto n = shell.write_payload({buffer_.data() + at_, size_ - at_});
    if (n == 0) return {};
    at_ += n;
    sent_ += n;
  }
  return {};
}

}  // namespace kirikae::ssh
