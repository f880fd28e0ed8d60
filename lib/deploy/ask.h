// A question to all hosts that are open, and their answers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "deploy/hosts.h"
#include "deploy/run.h"
#include "host/command.h"

namespace kirikae::deploy {

// On the host's own thread, with its whole answer. An error is the host's.
using TakeAnswer = std::function<Result<void>(std::size_t host, std::string answer)>;

// Asks every host that has no error so far; one that fails, or answers more than `longest` bytes, or more than there is room for with all others, has one after that (OpenedHosts::errors).
// `command` is made for each host.
void ask_all(OpenedHosts& opened, const Run& run, const Surroundings& with, runner::TaskGroup& group,
             const std::function<host::Command(const plan::HostFacts&)>& command, std::chrono::seconds patience, std::size_t longest,
             const TakeAnswer& take);

}  // namespace kirikae::deploy
