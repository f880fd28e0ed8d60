#include "support/process_watch.h"

#include <algorithm>
#include <filesystem>

#include "support/file_text.h"
#include "support/process.h"

namespace kirikae::test {

ProcessWatch::ProcessWatch(std::string text, std::vector<std::string> environments_of)
    : text_(std::move(text)), environments_of_(std::move(environments_of)), thread_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) look();
      }) {}

void ProcessWatch::end() {
  thread_.request_stop();
  thread_.join();
  look();
}

void ProcessWatch::look() {
  for (const auto& process : all_processes()) {
    const std::filesystem::path folder = "/proc/" + std::to_string(process.pid);
    const std::string words = file_text(folder / "cmdline");
    if (words.find(text_) != std::string::npos) seen_.insert("argv: " + words);
    const std::string name = process_name(process.pid);
    const bool named = std::ranges::any_of(environments_of_, [&](const auto& start) { return name.starts_with(start); });
    if (!named || file_text(folder / "environ").find(text_) == std::string::npos) continue;
    // A child that has become a task's shell in between is one that may have it. The kernel changes the name before the environment.
    if (process_name(process.pid) == name) seen_.insert("environ: " + name);
  }
  ++looks_;
}

}  // namespace kirikae::test
