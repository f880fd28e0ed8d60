#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/fold.h"
#include "deploy/run.h"
#include "plan/host_keys.h"
#include "runner/task_group.h"
#include "ssh/key_trust.h"
#include "ssh/wire.h"

namespace kirikae::deploy {
namespace {

using event::Phase;
using plan::HostKeyView;
using plan::KeyState;

// A host or jump host, and what has come of it.
struct Place {
  ssh::Stop stop;
  int depth = 0;  // so many jump hosts have to be known before
  std::optional<ssh::ShownKey> shown{};
  HostKeyView view{};
  std::optional<Error> error{};
  double seconds = 0;
};

plan::KeyName key_name(std::string_view key, std::string place = {}) {
  return {ssh::short_key_type(key), ssh::fingerprint(key), std::move(place)};
}

HostKeyView view_of(const Place& place) {
  HostKeyView view{place.stop.target.name, place.stop.jump, KeyState::known, key_name(place.shown->key)};
  view.certificate = place.shown->judged.certificate;
  switch (place.shown->judged.standing) {
    case ssh::Standing::known:
      break;
    case ssh::Standing::unknown:
    case ssh::Standing::vouched:
      view.state = KeyState::fresh;
      break;
    case ssh::Standing::changed:
      view.state = KeyState::changed;
      break;
    case ssh::Standing::revoked:
    case ssh::Standing::forged:  // look() gives none of these
      view.state = KeyState::revoked;
      break;
  }
  for (const auto& other : place.shown->judged.others) {
    view.others.push_back(key_name(other.key, fmt::format("{}:{}", other.file, other.line)));
  }
  return view;
}

class Trust {
 public:
  Trust(const Request& request, bool replace, const Surroundings& with)
      : request_(request), replace_(replace), with_(with), run_(request, with, "trust") {}

  Reading operator()() {
    std::vector<std::string> names;
    for (const auto& host : request_.hosts) names.push_back(host.name);
    run_.emit()(event::PhaseStarted{Phase::connect, names});
    const double start = run_.emit().seconds();
    find_places();
    runner::TaskGroup group(places_.size(), request_.recipe.ssh.parallel);
    for (int depth = 0; depth <= deepest() && errors_.empty() && !with_.stop.stop_requested(); ++depth)
      visit(depth, group);
    const auto failed =
        std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.error.has_value(); });
    run_.emit()(event::PhaseFinished{Phase::connect, run_.emit().seconds() - start, static_cast<int>(failed)});
    return conclude();
  }

 private:
  void find_places() {
    std::set<std::tuple<std::string, int, std::string, std::string>> seen;  // jump hosts are looked at once
    for (const auto& host : request_.hosts) {
      const ssh::Target target{host.name, host.address, host.port, host.user};
      auto stops = with_.keys->stops_to(target, {Deadline::never(), with_.stop});
      if (!stops) {
        places_.push_back({{target}, 0, {}, {}, std::move(stops).error()});
        continue;
      }
      for (std::size_t i = 0; i < stops->size(); ++i) {
        const ssh::Stop& stop = (*stops)[i];
        std::string before;
        for (const auto& hop : stop.before) before += fmt::format("{}\n{}\n{}\n", hop.name, hop.port, hop.user);
        if (stop.jump && !seen.emplace(stop.target.address, stop.target.port, stop.target.user, before).second)
          continue;
        places_.push_back({stop, static_cast<int>(i)});
      }
    }
  }

  [[nodiscard]] int deepest() const {
    int most = -1;
    for (const Place& place : places_) most = std::max(most, place.depth);
    return most;
  }

  void look(Place& place) const {
    const std::string& name = place.stop.target.name;
    const bool own = !place.stop.jump;
    const double start = run_.emit().seconds();
    if (own) run_.emit()(event::StepStarted{name, Phase::connect, "look at its key"});
    const auto tell = [&](std::string_view state) {
      if (own) run_.emit()(event::HostState{name, std::string(state)});
    };
    auto shown = with_.keys->look(place.stop, tell, {Deadline::never(), with_.stop});
    if (shown) {
      place.shown = *std::move(shown);
      place.view = view_of(place);
    } else {
      place.error = std::move(shown).error();
    }
    place.seconds = run_.emit().seconds() - start;
    if (own) run_.emit()(event::StepFinished{name, Phase::connect, "look at its key", place.seconds, place.error});
  }

  // All hosts that can be looked at by now, and one question about them.
  void visit(int depth, runner::TaskGroup& group) {
    std::vector<std::size_t> now;
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].depth == depth && !places_[i].error) now.push_back(i);
    }
    group.run(now, [&](std::size_t i, runner::Station&) { look(places_[i]); });
    if (with_.stop.stop_requested()) return;
    std::vector<Place*> wanted;
    for (const std::size_t i : now) {
      Place& place = places_[i];
      if (!place.shown) continue;
      if (place.view.state == KeyState::fresh || (place.view.state == KeyState::changed && replace_))
        wanted.push_back(&place);
      if (place.view.state == KeyState::revoked || (place.view.state == KeyState::changed && !replace_))
        place.error = refusal(place);
    }
    if (wanted.empty()) return;
    tell(wanted);
    if (auto agreed = with_.confirm("trusting host keys", question(wanted)); !agreed) {
      errors_.push_back(std::move(agreed).error());
      return;
    }
    for (Place* place : wanted) write(*place);
  }

  [[nodiscard]] Error refusal(const Place& place) const {
    const std::string text = plan::text_of(place.view);
    if (place.view.state == KeyState::revoked) {
      return {ErrorCode::host_key, text, "the host needs a new key"};
    }
    return {ErrorCode::host_key, text + "; somebody may be listening in, or the host was installed anew",
            fmt::format("ask whoever runs the host; only if the new key is its own, run: {} trust {} --replace",
                        request_.command, request_.recipe.stage)};
  }

  void tell(const std::vector<Place*>& places) const {
    std::vector<plan::Remark> remarks;
    for (const Place* place : places) remarks.push_back({plan::name_of(place->view), plan::text_of(place->view)});
    for (const auto& [text, names] : plan::folded(remarks)) {
      const bool own = names.size() == 1 && std::ranges::any_of(request_.hosts, [&](const auto& host) {
                         return host.name == names.front();
                       });
      run_.emit()(own ? event::Warning{names.front(), text} : event::Warning{"", fold_names(names) + ": " + text});
    }
  }

  static std::string question(const std::vector<Place*>& places) {
    const auto changed =
        std::ranges::count_if(places, [](const Place* place) { return place->view.state == KeyState::changed; });
    const auto fresh = static_cast<std::ptrdiff_t>(places.size()) - changed;
    const auto keys = [](std::ptrdiff_t count, std::string_view kind) {
      return fmt::format("{} {} host key{}", count, kind, count == 1 ? "" : "s");
    };
    if (changed == 0) return fmt::format("trust {}?", keys(fresh, "new"));
    const std::string instead = fmt::format("{} in place of what is known", keys(changed, "CHANGED"));
    return fresh == 0 ? fmt::format("trust {}?", instead)
                      : fmt::format("trust {}, and {}?", keys(fresh, "new"), instead);
  }

  void write(Place& place) {
    auto trusted = with_.keys->trust(*place.shown, replace_);
    if (!trusted) {
      place.error = std::move(trusted).error();
      return;
    }
    if (trusted->added) place.view.file = place.shown->files.front();
    if (!trusted->added) place.view.state = KeyState::known;
    for (const std::string& left : trusted->left) {
      run_.emit()(event::Warning{
          place.stop.jump ? "" : place.stop.target.name,
          fmt::format("{} speaks of other hosts too, and still has another key: take it out with an editor", left)});
    }
  }

  Reading conclude() {
    std::vector<HostKeyView> views;
    OpenedHosts looked_at;
    for (Place& place : places_) {
      if (!place.stop.jump) looked_at.seconds.push_back(place.seconds);  // in the order of the request
      if (place.shown) views.push_back(place.view);
      if (!place.error) continue;
      errors_.push_back(
          place.stop.jump ? std::move(*place.error).with_context(fmt::format("jump host '{}'", place.stop.target.name))
                          : std::move(*place.error).on(place.stop.target.name));
    }
    std::string text = plan::host_keys_text(views);
    std::string json = views.empty() ? std::string() : plan::host_keys_json(views);
    const bool stopped = with_.stop.stop_requested();
    if (!errors_.empty() || stopped) return {run_.end_early(errors_, looked_at), std::move(text), std::move(json)};
    return {run_.end_well(looked_at, event::HostEnd::unchanged), std::move(text), std::move(json)};
  }

  const Request& request_;
  const bool replace_;
  const Surroundings& with_;
  Run run_;
  std::vector<Place> places_;
  std::vector<Error> errors_;  // of the run
};

}  // namespace

Reading trust(const Request& request, bool replace, const Surroundings& with) {
  return Trust(request, replace, with)();
}

}  // namespace kirikae::deploy
