// How many files and sockets may be open at the same time. Each host of a run takes several, and the usual soft limit is 1024.
#pragma once

#include <sys/types.h>

namespace kirikae {

// To the hard limit. At the program's start, before there is another thread.
void raise_descriptor_limit();
// What it was before, for a program that we start (0: for the one that takes this one's place): select(2) can't see beyond 1024, and what
// uses it counts on that limit. Async-signal-safe.
void give_back_descriptor_limit(pid_t pid = 0);

}  // namespace kirikae
