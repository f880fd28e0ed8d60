#include "runner/rsync_send.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace kirikae::runner {
namespace {

constexpr std::size_t longest_line = 64 * 1024;  // of the host's, before rsync's first byte

std::vector<std::string> arguments(const RsyncSource& source, const plan::Unpack& unpack, const std::string& shell, const std::string& names) {
  const host::Rsync& how = *unpack.rsync;
  // Names begin with `./`, so that none is taken for a comment; without implied folders, that doesn't send the source's own mode.
  std::vector<std::string> words{"rsync",   "--links", "--perms", "--times", "--no-implied-dirs", "--from0", "--files-from=" + names,
                                 "--chmod=u-s,g-s,o-t,Du+rwx", "--rsh=" + shell};
  if (unpack.encoding != "none") words.emplace_back("--compress");
  if (how.checksum) words.emplace_back("--checksum");
  if (!how.base.empty()) words.push_back((how.link ? "--link-dest=../" : "--copy-dest=../") + how.base);
  words.insert(words.end(), {"--", source.folder + '/', "host:."});
  return words;
}

// That a host's rsync is asked to write below its working folder, and nothing else. No word is text for a shell, and none has a path of the source.
bool only_receives(const std::vector<std::string>& words, const plan::Unpack& unpack) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=,.";
  if (words.size() < 5 || words[0] != "rsync" || words[1] != "--server" || words.back() != "." || words[words.size() - 2] != ".") return false;
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    if (word == "../" + unpack.rsync->base) return true;
    return word != "--sender" && word.find_first_not_of(plain) == std::string::npos;
  });
}

}  // namespace

Result<RsyncSend> RsyncSend::start(const RsyncSource& source, const plan::Unpack& unpack, const ssh::Wait& wait) {
  const auto argv = [&](const std::string& shell, const std::string& names) { return arguments(source, unpack, shell, names); };
  TRY_ASSIGN(auto bridge, ssh::Bridge::start({source.program, argv, source.names, source.list, {"RSYNC_*"}}, wait));
  if (!only_receives(bridge->command(), unpack)) {
    return std::unexpected(Error(ErrorCode::local,
                                 fmt::format("rsync on this machine wants to be called on the host in a way that is not known: {}", fmt::join(bridge->command(), " ")),
                                 "look for options of rsync in ~/.popt and /etc/popt, or set 'transfer: delta'"));
  }
  return RsyncSend(std::move(bridge), source.limit);
}

std::unique_ptr<ByteSource> RsyncSend::data() { return transfer::limited(bridge_->data(), limit_); }

void RsyncSend::hear(std::string_view bytes, const std::function<void(std::string_view)>& other) {
  if (begun_) return bridge_->hear(bytes);
  head_ += bytes;
  const std::string mark = std::string(host::rsync_begins) + '\n';
  const auto at = head_.find(mark);
  if (at == std::string::npos) {
    // The lines that are whole.
    const auto end = head_.rfind('\n') + 1;
    other(std::string_view(head_).substr(0, end));
    head_.erase(0, end);
    if (head_.size() <= longest_line) return;
    head_.clear();
    return bridge_->give_up(Error(ErrorCode::remote, "before rsync begins, the host says a line that doesn't end"));
  }
  begun_ = true;
  other(std::string_view(head_).substr(0, at));
  bridge_->hear(std::string_view(head_).substr(at + mark.size()));
}

RsyncSend::End RsyncSend::end(int status) {
  const auto ended = bridge_->finish(status == host::base_changed ? 0 : status);
  if (!ended) return {false, false, "rsync on this machine did not end, and was killed\n"};
  // 24: some were gone. 23: some weren't sent; one that the list names, and that isn't there, among them (rsync(1), EXIT VALUES).
  End end{ended->status == 0,
          ended->status == 24 ||
              (ended->status == 23 && ended->words.find("No such file or directory") != std::string::npos),
          {}};
  for (std::string_view words = ended->words; !words.empty();) {
    const auto line = words.substr(0, words.find('\n'));
    words.remove_prefix(std::min(line.size() + 1, words.size()));
    // Where the step has failed on the host, that is all that these tell.
    const bool follows = status != 0 && status != host::base_changed && (line.starts_with("rsync error: ") || line.starts_with("rsync: connection unexpectedly closed"));
    if (!follows) end.words.append(line) += '\n';
  }
  if (ended->status < 0) end.words += fmt::format("rsync on this machine was ended by signal {}\n", -ended->status);
  return end;
}

}  // namespace kirikae::runner
