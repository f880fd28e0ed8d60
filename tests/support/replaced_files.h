// What one process and what it starts see at the place of files and folders of the system, for root and where the kernel lets us mount.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

namespace kirikae::test {

using ReplacedFiles = std::map<std::string, std::string>;  // what is there for everybody else → what is seen there; in this order

// Whether that can be done.
bool can_replace_files();

// In the calling process, which has just been forked and has one thread. False: it can't be done.
bool replace_files(const ReplacedFiles& replaced);

// A fork for a server: a process group of its own, which ends with us and sees `replaced`. 0 in the child. Throws where it can't be done.
pid_t fork_server(const ReplacedFiles& replaced);

}  // namespace kirikae::test
