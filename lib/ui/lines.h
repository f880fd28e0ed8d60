// Lines: what commands print on many hosts, for people and pipes: standard output's lines on standard output, each with its host in
// front, standard error's on standard error. Everything else of a run goes to standard error, as Plain says it of verbs that read.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "ui/ci.h"
#include "ui/plain.h"
#include "ui/renderer.h"

namespace kirikae::ui {

struct LinesLook {
  Level level = Level::normal;
  Palette out_palette{false};
  Palette err_palette{false};
  // At the end, in blocks with the hosts' names above: hosts that said the same share one.
  bool grouped = false;
  CiGroups groups{};  // of the CI system, which must not take a host's lines for commands
  std::size_t most_kept = std::size_t{64} << 20;  // bytes, of all hosts' blocks
};

class Lines : public Renderer {
 public:
  Lines(const Streams& streams, LinesLook look);
  void show(const event::Event& event) override;

 private:
  static constexpr std::size_t longest_block = 1 << 20;  // bytes, of one host and stream
  struct Block {
    std::string text;
    bool cut = false;
  };
  using Blocks = std::map<std::string, Block>;  // by host

  void show_output(const event::Output& output);
  void show_blocks(const Blocks& blocks, const Palette& palette,
                   const std::function<void(std::string_view)>& write) const;

  Streams streams_;
  LinesLook look_;
  Plain plain_;
  std::vector<std::string> hosts_;  // in the recipe's order
  Blocks out_, err_;
  std::size_t kept_ = 0;  // bytes of them
};

}  // namespace kirikae::ui
