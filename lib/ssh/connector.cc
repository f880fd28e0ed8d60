#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>

#include "core/shell_quote.h"
#include "host/command.h"
#include "ssh/agent_forward.h"
#include "ssh/authenticator.h"
#include "ssh/certificate.h"
#include "ssh/channel.h"
#include "ssh/jump_hosts.h"
#include "ssh/libssh2_error.h"
#include "ssh/login_slots.h"
#include "ssh/new_keys.h"
#include "ssh/openssh_login.h"
#include "ssh/proxy_command.h"
#include "ssh/refusals.h"
#include "ssh/routes.h"
#include "ssh/session.h"
#include "ssh/socket.h"
#include "ssh/ssh_connector.h"
#include "ssh/ssh_session_transport.h"

namespace kirikae::ssh {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds authentication_limit{20'000};  // for one answer of the host
// For a jump host's login, over the time to connect: somebody may be asked for its passphrase.
constexpr std::chrono::seconds jump_limit{120};

// A jump host may be somebody else's, and is no host of the recipe.
Passwords::Given hosts_only(Passwords::Given given) {
  if (!given.find) return given;
  return {[find = given.find](const Target& target) { return target.jump ? std::nullopt : find(target); }, given.origin};
}

Error stopped_error(const Target& target) {
  return Error(ErrorCode::cancelled, "connecting to " + place_of(target) + " was stopped").on(target.name);
}

class SshConnector final : public RealConnector {
 public:
  explicit SshConnector(Settings settings)
      : settings_(asking_in_turn(std::move(settings))),
        openssh_(settings_),
        routes_(settings_),
        authenticator_(settings_, hosts_only(settings_.password)),
        slots_(settings_.parallel, settings_.parallel_logins_per_address),
        jump_hosts_([this](const Hop& hop, const std::vector<Hop>& before, const Wait& wait) { return jump(hop, before, wait); }) {}

  Result<std::unique_ptr<Transport>> connect(const Target& target, const std::function<void(std::string_view)>& tell,
                                             const Wait& wait) override;
  Result<std::vector<Stop>> stops_to(const Target& target, const Wait& wait) override { return routes_.stops_to(target, wait); }
  Result<ShownKey> look(const Stop& stop, const std::function<void(std::string_view)>& tell, const Wait& wait) override;
  Result<Trusted> trust(const ShownKey& shown, bool replace) override;

 private:
  using Tell = std::function<void(std::string_view)>;
  enum class Goal {
    session,
    jump,  // a session without a control channel
    more,  // likewise, beside a session with the same host
    key,   // none: the host's key alone
  };
  enum class Try { in, refused, broke, hung_up, too_early, unlike, again };

  struct Way : Route {
    Goal goal = Goal::session;
    std::vector<OpensshStop> stops{};  // for the system's ssh, where that carries it
    ControlShell::Mode shell = ControlShell::Mode::control;  // likewise
  };
  struct Attempt {
    std::unique_ptr<Session> session;
    std::unique_ptr<ChannelOpening> opening;  // of the control channel, asked for behind the signature; goes before the session
    bool early = true;                      // whether that may be done
    bool once_more = false;                 // the connection before it broke
    Error last;
    std::optional<CarriedShell> shell{};     // instead of the session, of the system's ssh
  };
  // Tries until the host has let us in. A jump host has no slot: those who hold one wait for it.
  Result<Attempt> get_in(const Way& way, const Tell& tell, const Wait& wait);
  // The same, but that the two have no algorithm in common is told by an attempt that has come to nothing.
  Result<Attempt> try_to_get_in(const Way& way, const Tell& tell, const Wait& wait);
  [[nodiscard]] Carrier carrier_of(const Target& target) const;
  Result<std::unique_ptr<Session>> jump(const Hop& hop, const std::vector<Hop>& before, const Wait& wait);
  // Whether libssh2 could not do what one of these asks for.
  bool lead_beyond(const std::vector<Hop>& jumps);
  // One connection up to the login. Error: whatever a further try doesn't change.
  Result<Try> log_in(const Way& way, const Tell& tell, const Wait& wait, Attempt& attempt);
  Result<std::unique_ptr<Session>> open(const Way& way, const Wait& wait);
  void forward_agent(const Way& way, Session& session);
  Result<LoginSlots::Slot> wait_for_slot(const Target& target, std::uint64_t ticket, const Tell& tell,
                                         const Wait& wait);

  const Settings settings_;
  OpensshLogin openssh_;
  // Until a host doesn't get on with it: hosts of a run are often alike.
  std::atomic<bool> early_handshakes_{true};
  Routes routes_;
  std::mutex warning_;
  std::set<std::string> missing_agents_;  // that a warning was given of
  std::mutex jumping_;
  std::vector<Hop> beyond_;  // what libssh2 has met on the way and can't do
  Authenticator authenticator_;
  LoginSlots slots_;
  JumpHosts jump_hosts_;  // last: its threads use all the others
};

std::string sshd_of(const Target& target) { return fmt::format("{} {}", target.address, target.port); }

Result<LoginSlots::Slot> SshConnector::wait_for_slot(const Target& target, std::uint64_t ticket, const Tell& tell,
                                                     const Wait& wait) {
  if (slots_.busy(sshd_of(target))) tell("waiting for a login slot");
  auto slot = slots_.acquire(sshd_of(target), ticket, wait);
  if (slot) return slot;
  if (slot.error().code == ErrorCode::cancelled) return std::unexpected(stopped_error(target));
  return std::unexpected(
      Error(ErrorCode::timeout,
            fmt::format("connecting to {} had no turn in time: other logins took too long", place_of(target)))
          .on(target.name));
}

// A session on the host's socket, directly or through what stands before it.
Result<std::unique_ptr<Session>> SshConnector::open(const Way& way, const Wait& wait) {
  const auto& target = way.target;
  const auto& host = way.host;
  const auto session = [&](Fd socket) {
    return std::make_unique<Session>(std::move(socket), target, host.keepalive, host.keepalive_count);
  };
  if (!host.jumps.empty()) {
    const Wait jumping{wait.deadline.tightened(Deadline::in(host.connect_timeout + jump_limit)), wait.stop};
    TRY_ASSIGN(auto passage, jump_hosts_.connect(host.jumps, target, host.connect_timeout, jumping));
    auto opened = session(std::move(passage.socket));
    opened->explain_end([way = passage.way] { return way->loss(); });
    return opened;
  }
  if (!host.proxy_command.empty()) {
    TRY_ASSIGN(auto proxy, ProxyCommand::start(host.proxy_command, target));
    auto opened = session(std::move(proxy.socket));
    opened->explain_end([command = proxy.command] { return command->why(); }, true);
    return opened;
  }
  TRY_ASSIGN(auto socket, connect_socket(target, host, {wait.deadline.tightened(Deadline::in(host.connect_timeout)), wait.stop}));
  return session(std::move(socket));
}

Result<SshConnector::Try> SshConnector::log_in(const Way& way, const Tell& tell, const Wait& wait, Attempt& attempt) {
  auto& [session, opening, early, once_more, last, shell] = attempt;
  const auto& target = way.target;
  const auto& host = way.host;
  if (!way.stops.empty()) {
    TRY_ASSIGN(auto login, openssh_.log_in(target, way.stops, way.shell, tell, wait));
    if (login.shell) shell.emplace(*std::move(login.shell));
    if (shell) return Try::in;
    last = std::move(login.why);
    return login.greeted ? Try::broke : Try::refused;
  }
  for (const Beyond& beyond : host.beyond) {
    if (!beyond.needed) continue;
    last = Error(ErrorCode::connect, "ssh_config: " + beyond.text, beyond.hint).on(target.name);
    return Try::unlike;
  }
  const auto types = way.keys->key_types(way.known_as(), way.known_port());
  const auto offer = restricted(offered_algorithms(types), host);
  if (!offer) {
    last = Error(offer.error()).on(target.name);
    return Try::unlike;
  }
  tell(std::string("connecting") + (once_more ? " once more" : "") + (host.jumps.empty() ? "" : " through '" + host.jumps.back().name + "'"));
  const Deadline direct = Deadline::in(host.connect_timeout);
  auto opened = open(way, wait);
  if (!opened && opened.error().code == ErrorCode::connect && lead_beyond(host.jumps)) {
    last = std::move(opened).error();
    return Try::unlike;
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  session = *std::move(opened);
  const bool is_direct = host.jumps.empty() && host.proxy_command.empty();
  const Wait connecting{wait.deadline.tightened(is_direct ? direct : Deadline::in(host.connect_timeout)), wait.stop};
  const auto handshake = session->handshake(*offer, connecting, early_handshakes_);
  if (!handshake && handshake.error().code == ErrorCode::connect && session->shares_nothing()) {
    last = handshake.error();
    return Try::unlike;
  }
  if (!handshake && session->may_be_tried_again() && !wait.deadline.passed()) {
    early_handshakes_ = false;
    last = handshake.error();
    return Try::broke;
  }
  if (!handshake) {
    Error error = handshake.error();
    if (once_more && error.code == ErrorCode::timeout) error.message += " (the second time)";
    return std::unexpected(std::move(error));
  }
  if (*handshake == Session::Handshake::too_early) {
    early_handshakes_ = false;
    return Try::again;
  }
  if (*handshake == Session::Handshake::refused) {
    last = Error(ErrorCode::connect, session->loss()).on(target.name);
    if (host.proxy_command.empty()) return Try::refused;  // a proxy command's own failures look the same
    return std::unexpected(Error(ErrorCode::connect, fmt::format("can't connect to {}: {}", place_of(target), session->loss()),
                                 "see what ssh says: " + ssh_command(target))
                               .on(target.name));
  }
  if (way.goal == Goal::key) return Try::in;
  if (auto verified = routes_.verify(way, session->host_key()); !verified) {
    return std::unexpected(std::move(verified).error().on(target.name));
  }
  forward_agent(way, *session);
  tell("authenticating");
  const auto call = [&](const std::function<int()>& f) { return session->call(f, authentication_limit, wait); };
  // A round trip less. A host takes a signature that it has asked for, nearly always; where it doesn't (it wants two keys, say), OpenSSH
  // has thrown the question away, and there will be no answer. Other servers hang up then (dropbear, tinysshd), or don't look at what has
  // come before they let us in until more comes (tinysshd).
  early = early && session->is_openssh();
  int signatures = 0;
  const auto signed_sent = [&](int count) {
    signatures = count;
    if (!attempt.opening) {
      attempt.opening = std::make_unique<ChannelOpening>(*attempt.session, host::start_line(), attempt.session->forwards_agent());
    }
    attempt.opening->step();
  };
  const Authenticator::Beside beside{early ? signed_sent : std::function<void(int)>(), [&] { return session->tries_are_over(); },
                                     &session->agent_binding()};
  if (auto let_in = authenticator_.authenticate(session->raw(), target, host, call, wait, beside); !let_in) {
    last = std::move(let_in).error().on(target.name);
    if (session->says_too_much()) {
      return std::unexpected(Error(ErrorCode::connect, fmt::format("can't log in on {}: {}", place_of(target), session->loss()),
                                   "see what ssh says: " + ssh_command(target))
                                 .on(target.name));
    }
    if (last.code == ErrorCode::lost) {
      if (const std::string said = session->said_at_login(); !said.empty()) last.message += ": it said '" + said + "'";
      return Try::hung_up;
    }
    return std::unexpected(last);
  }
  if (early && signatures > 1) return Try::too_early;
  session->watch_for_silence();
  return Try::in;
}

Result<SshConnector::Attempt> SshConnector::get_in(const Way& way, const Tell& tell, const Wait& wait) {
  TRY_ASSIGN(Attempt attempt, try_to_get_in(way, tell, wait));
  if (attempt.session || attempt.shell) return attempt;
  Error error = std::move(attempt.last);
  if (way.goal != Goal::key || lead_beyond(way.host.jumps)) {
    error.hint += ", or " + std::string(openssh_advice);
  } else {
    error.hint = fmt::format("ssh-keyscan may have what it takes: compare the key that it shows, and add the line to {}: ssh-keyscan -p {} {}",
                             way.host.known_hosts.empty() ? "known_hosts" : way.host.known_hosts.front(), way.target.port,
                             shell_word(way.target.address));
  }
  return std::unexpected(std::move(error));
}

Result<SshConnector::Attempt> SshConnector::try_to_get_in(const Way& way, const Tell& tell, const Wait& wait) {
  const Target& target = way.target;
  const auto ticket = slots_.take_ticket();
  Refusals refusals;
  for (bool broke = false, hung_up = false, early = way.goal == Goal::session;;) {
    Attempt attempt;
    attempt.early = early;
    attempt.once_more = broke || hung_up;
    const auto result = [&]() -> Result<Try> {
      if (way.goal == Goal::jump) return log_in(way, tell, wait, attempt);
      TRY_ASSIGN(const auto slot, wait_for_slot(target, ticket, tell, wait));
      return log_in(way, tell, wait, attempt);
    }();
    // Where the time ran out after refusals, these are what a person has to know.
    if (!result && result.error().code == ErrorCode::timeout && wait.deadline.passed() && refusals.any()) {
      return std::unexpected(refusals.error(target));
    }
    if (!result) return std::unexpected(result.error());
    if (*result == Try::in) return attempt;
    if (*result == Try::unlike) {
      attempt.session.reset();
      return attempt;
    }
    if (*result == Try::again) continue;
    if (*result == Try::too_early) {
      early = false;
      continue;
    }
    if (*result == Try::broke) {
      if (std::exchange(broke, true)) return std::unexpected(std::move(attempt.last));
      continue;
    }
    if (*result == Try::hung_up) {  // once: while a passphrase was asked for, sshd's patience may have ended
      if (std::exchange(hung_up, true)) return std::unexpected(std::move(attempt.last));
      continue;
    }
    slots_.refused(sshd_of(target));
    refusals.add(attempt.last.message);
    attempt.opening.reset();
    attempt.session.reset();
    if (refusals.are_enough() || !refusals.pause(wait)) {
      return std::unexpected(wait.stop.stop_requested() ? stopped_error(target) : refusals.error(target));
    }
    tell("waiting: the host takes no more logins now");
  }
}

// Not to jump hosts, which have no command of ours.
void SshConnector::forward_agent(const Way& way, Session& session) {
  if (way.goal != Goal::session || !way.host.forward_agent) return;
  const std::string& socket = *way.host.forward_agent;
  std::string why = "no SSH_AUTH_SOCK names one";
  if (!socket.empty()) {
    if (connect_to_agent(socket).valid()) return session.forward_agent(socket);
    why = fmt::format("'{}': {}", socket, system_cause(errno));
  }
  const std::scoped_lock lock(warning_);
  if (!missing_agents_.insert(socket).second || !settings_.warn) return;
  settings_.warn("", fmt::format("hosts may use the ssh-agent, but there is none here ({}): start one, or take forward_agent out", why));
}

Result<std::unique_ptr<Session>> SshConnector::jump(const Hop& hop, const std::vector<Hop>& before, const Wait& wait) {
  TRY_ASSIGN(Route route, routes_.to_jump(hop, before, wait));
  TRY_ASSIGN(Attempt attempt, try_to_get_in({std::move(route), Goal::jump}, [](std::string_view) {}, wait));
  if (attempt.session) return std::move(attempt.session);
  const std::scoped_lock lock(jumping_);
  beyond_.push_back(hop);
  return std::unexpected(std::move(attempt.last));
}

bool SshConnector::lead_beyond(const std::vector<Hop>& jumps) {
  const std::scoped_lock lock(jumping_);
  return std::ranges::any_of(jumps, [&](const Hop& hop) { return std::ranges::find(beyond_, hop) != beyond_.end(); });
}

Result<std::unique_ptr<Transport>> SshConnector::connect(const Target& wanted, const Tell& tell_wanted, const Wait& wait) {
  const Tell tell = tell_wanted ? tell_wanted : [](std::string_view) {};
  auto route = routes_.to(wanted, wait);
  if (!route) return std::unexpected(std::move(route).error().on(wanted.name));
  Way way{*std::move(route)};
  const Carrier carrier = carrier_of(wanted);
  if (carrier != Carrier::libssh2) {
    TRY_ASSIGN(auto stops, routes_.openssh_stops(way, wanted, wait));
    const bool beyond = std::ranges::any_of(stops, [](const OpensshStop& stop) { return !stop.settings.beyond.empty(); });
    if (carrier == Carrier::openssh || beyond) way.stops = std::move(stops);
  }
  TRY_ASSIGN(Attempt attempt, carrier == Carrier::automatic ? try_to_get_in(way, tell, wait) : get_in(way, tell, wait));
  if (!attempt.session && !attempt.shell) {
    if (settings_.warn) settings_.warn(wanted.name, "carried by the system's ssh: " + message_of(attempt.last));
    TRY_ASSIGN(way.stops, routes_.openssh_stops(way, wanted, wait));
    auto by_ssh = get_in(way, tell, wait);
    if (!by_ssh) return std::unexpected(std::move(by_ssh).error());
    attempt.shell.emplace(*std::move(by_ssh->shell));
  }
  const auto once_more = [this, way](ControlShell::Mode mode, const Wait& patience) -> Result<CarriedShell> {
    Way again = way;
    again.goal = Goal::more;
    again.shell = mode;
    TRY_ASSIGN(Attempt another, get_in(again, [](std::string_view) {}, patience));
    if (another.shell) return *std::move(another.shell);
    return shell_on(std::move(another.session), mode, patience);
  };
  if (attempt.shell) return SshSessionTransport::take(*std::move(attempt.shell), once_more);
  const Session& session = *attempt.session;
  auto transport = SshSessionTransport::start(std::move(attempt.session), std::move(attempt.opening), once_more, wait);
  if (transport && session.agent_refused() && settings_.warn) {
    settings_.warn(wanted.name, "the host refuses to use the ssh-agent: its sshd_config says AllowAgentForwarding no, or DisableForwarding");
  }
  return transport;
}

Carrier SshConnector::carrier_of(const Target& target) const {
  const auto own = settings_.carriers.find(target.name);
  return own == settings_.carriers.end() ? settings_.carrier : own->second;
}

Result<ShownKey> SshConnector::look(const Stop& stop, const Tell& tell, const Wait& wait) {
  auto route = stop.jump ? routes_.to_jump({stop.target.address, stop.target.port, stop.target.user}, stop.before, wait) : routes_.to(stop.target, wait);
  if (!route) return std::unexpected(std::move(route).error().on(stop.target.name));
  const Way way{*std::move(route), Goal::key};
  TRY_ASSIGN(const Attempt attempt, get_in(way, tell, wait));
  const std::string key = attempt.session->host_key();
  const std::string& signatures = way.host.ca_signature_algorithms;
  auto judged = way.keys->judge(way.known_as(), way.known_port(), key, signatures);
  // What is wrong with a certificate, or with its authority, no line for the key would mend.
  if (is_certificate(key) && (judged.standing == Standing::forged || judged.standing == Standing::revoked)) {
    return std::unexpected(way.keys->verify(way.known_as(), way.known_port(), key, signatures).error().on(stop.target.name));
  }
  return ShownKey{way.known_as(), way.known_port(), plain_key(key), way.host.known_hosts, way.host.has_place_for_new_keys, std::move(judged)};
}

Result<Trusted> SshConnector::trust(const ShownKey& shown, bool replace) {
  auto trusted = trust_key(shown.files, shown.name, shown.port, shown.key, shown.judged, replace, shown.has_place);
  routes_.forget_keys();
  return trusted;
}

}  // namespace

std::unique_ptr<RealConnector> make_connector(Settings settings) {
  return std::make_unique<SshConnector>(std::move(settings));
}

}  // namespace kirikae::ssh
