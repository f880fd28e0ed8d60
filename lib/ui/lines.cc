#include "ui/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/fold.h"
#include "ui/sanitize.h"

namespace kirikae::ui {
namespace {

PlainLook reading_look(const LinesLook& look) {
  PlainLook plain;
  plain.level = look.level;
  plain.palette = look.err_palette;
  plain.reading = true;
  plain.groups = look.groups;
  return plain;
}

}  // namespace

Lines::Lines(const Streams& streams, LinesLook look)
    : streams_(streams), look_(look), plain_({streams.err, streams.err}, reading_look(look)) {}

void Lines::show(const event::Event& event) {
  if (const auto* output = std::get_if<event::Output>(&event.what)) return show_output(*output);
  if (const auto* started = std::get_if<event::RunStarted>(&event.what)) {
    for (const auto& host : started->hosts) hosts_.push_back(host.name);
  }
  if (std::holds_alternative<event::RunFinished>(event.what)) {
    show_blocks(out_, look_.out_palette, streams_.out);
    show_blocks(err_, look_.err_palette, streams_.err);
  }
  plain_.show(event);
}

void Lines::show_output(const event::Output& output) {
  if (look_.level == Level::quiet) return;
  const bool out = output.channel == event::Channel::out;
  const std::string line = without_commands(look_.groups.ci(), sanitize_line(output.line));
  if (look_.grouped) {
    Block& block = (out ? out_ : err_)[output.host];
    if (block.text.size() + line.size() < longest_block && kept_ + line.size() < look_.most_kept && !block.cut) {
      block.text += line + '\n';
      kept_ += line.size() + 1;
    } else {
      block.cut = true;
    }
    return;
  }
  const Palette& palette = out ? look_.out_palette : look_.err_palette;
  (out ? streams_.out
       : streams_.err)(fmt::format("{} {}\n", palette.faint('[' + sanitize_line(output.host) + ']'), line));
}

void Lines::show_blocks(const Blocks& blocks, const Palette& palette,
                        const std::function<void(std::string_view)>& write) const {
  std::vector<std::pair<const Block*, std::vector<std::string>>> shared;  // a text, and who said it
  std::map<std::pair<std::string_view, bool>, std::size_t> known;
  for (const std::string& host : hosts_) {
    const auto block = blocks.find(host);
    if (block == blocks.end()) continue;
    const auto [at, is_new] = known.emplace(std::pair(std::string_view(block->second.text), block->second.cut), shared.size());
    if (is_new) shared.push_back({&block->second, {}});
    shared[at->second].second.push_back(host);
  }
  for (const auto& [block, hosts] : shared) {
    const std::string count = hosts.size() == 1 ? "" : fmt::format(" ({} hosts)", hosts.size());
    write(palette.faint("== " + sanitize_line(fold_names(hosts)) + count) + '\n');
    write(block->text);
    if (block->cut) write(fmt::format("(and more: a megabyte of each host is kept, {} of all; without --group all is shown)\n", size_text(look_.most_kept)));
  }
}

}  // namespace kirikae::ui
