// What the verbs that go to hosts have in common: the recipe, the hosts, a display, a connector.
#pragma once

#include <functional>

#include "deploy/deploy.h"
#include "load.h"
#include "verb.h"

namespace kirikae::cmd {

using Change = std::function<event::Report(const deploy::Request&, const deploy::Surroundings&)>;
using Read = std::function<deploy::Reading(const deploy::Request&, const deploy::Surroundings&)>;

// Asks first where the stage says `confirm: true`. `wrong`: as load_request.
Ended change_hosts(const Call& call, const Change& change, const WrongRecipe& wrong = {});

// Without a question: what is done there has been typed on purpose.
Ended visit_hosts(const Call& call, const Change& visit);

// Prints what was read to standard output, made harmless for a terminal.
Ended read_hosts(const Call& call, const Read& read);

// The same for a verb that changes hosts: asks first where the stage says `confirm: true`.
Ended confirm_and_read(const Call& call, const Read& read);

}  // namespace kirikae::cmd
