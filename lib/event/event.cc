#include "event/event.h"

namespace kirikae::event {

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::connect: return "connect";
    case Phase::upload: return "upload";
    case Phase::link: return "link";
    case Phase::build: return "build";
    case Phase::publish: return "publish";
    case Phase::prune: return "prune";
    case Phase::undo: return "undo";
    case Phase::run: return "run";
  }
  return "?";
}

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::done: return 0;
    case Outcome::failed: return 1;
    case Outcome::usage: return 2;
    case Outcome::rolled_back: return 3;
    case Outcome::locked: return 4;
    case Outcome::unreachable: return 5;
    case Outcome::partial: return 6;
    case Outcome::bug: return 70;
    case Outcome::interrupted: return 130;
  }
  return 70;
}

int exit_code(const Report& report) { return report.exit_code.value_or(exit_code(report.outcome)); }

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done: return "done";
    case Outcome::failed: return "failed";
    case Outcome::usage: return "usage";
    case Outcome::rolled_back: return "rolled back";
    case Outcome::locked: return "locked";
    case Outcome::unreachable: return "unreachable";
    case Outcome::partial: return "partial";
    case Outcome::bug: return "bug";
    case Outcome::interrupted: return "interrupted";
  }
  return "?";
}

Outcome worse(Outcome a, Outcome b) {
  constexpr Outcome order[] = {Outcome::bug,    Outcome::interrupted, Outcome::partial, Outcome::rolled_back, Outcome::usage,
                               Outcome::locked, Outcome::unreachable, Outcome::failed,  Outcome::done};
  for (const Outcome outcome : order) {
    if (a == outcome || b == outcome) return outcome;
  }
  return Outcome::bug;
}

std::string_view name_of(HostEnd end) {
  switch (end) {
    case HostEnd::unchanged: return "unchanged";
    case HostEnd::switched: return "switched";
    case HostEnd::already: return "already there";
    case HostEnd::switched_then_failed: return "switched, then failed";
    case HostEnd::undone: return "undone";
    case HostEnd::unknown: return "unknown";
  }
  return "?";
}

}  // namespace kirikae::event
