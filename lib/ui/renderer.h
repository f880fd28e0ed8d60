// Renderer: shows events to a person. Called from one thread at a time, in the order of the events.
#pragma once

#include <functional>
#include <string_view>

#include "event/event.h"

namespace kirikae::ui {

class Renderer {
 public:
  virtual ~Renderer() = default;
  virtual void show(const event::Event& event) = 0;
  // Called about ten times a second, and after a burst of events.
  virtual void refresh() {}
  // Leaves the screen to somebody else until the next call of show() or refresh().
  virtual void suspend() {}
};

// Where text goes. Whole lines.
struct Streams {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
};

enum class Level { quiet, normal, verbose };

}  // namespace kirikae::ui
