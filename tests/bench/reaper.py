#!/usr/bin/env python3
"""Starts servers, and takes in what their sessions leave behind, which would be the system's else: so the processor time of all of it is found
in /proc, with this process and its children. Standard input: a JSON list of words for each server, a line each; the answer is its process
id. Ends when all of them have."""
import ctypes
import json
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def main():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    servers = []
    for line in sys.stdin:
        servers.append(subprocess.Popen(json.loads(line), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        print(servers[-1].pid, flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break


main()
