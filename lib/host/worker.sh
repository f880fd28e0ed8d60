# shellcheck shell=sh
# Where the control shell runs our own functions.

# Our own functions need no new shell each: a worker, which has read the script once, has a subshell for every step. It leads a process
# group of its own, so that a step can be ended with all that it has started; then the next step has a new worker.
kk_work() {
  # A text that a pipe may not take at once would have to be waited for.
  [ -n "$kk_setsid" ] && [ "${#kk_text}" -lt 30000 ] || return 1
  if [ -z "$kk_worker" ]; then
    kk_here_pipe 7 || return 1
    exec 7<>/proc/self/fd/7
    kk_generation=$((kk_generation + 1))
    kk_keep_worker &
  fi
  kk_leader=$kk_worker
  kk_working=y
  kk_put "$kk_lines$kk_nl$kk_text" >&7
}

kk_keep_worker() {
  exec 5>&2 2>/dev/null 8</proc/self/fd/7 7>&-
  # shellcheck disable=SC2016
  KIRIKAE_SCRIPT=$K KIRIKAE_SHELL=$kk_shell "$kk_setsid" /bin/sh -c 'eval "$KIRIKAE_SCRIPT"; kk_worker' \
    <&8 2>&5 6>&6 5>&- 8<&- &
  exec 8<&-
  wait $!
  echo "w $kk_generation $?" >&6
}

# In the worker's own shell. It ends with the control shell, the last one that has its input open for writing.
kk_worker() {
  echo "p $$" >&6
  kk_shell=$KIRIKAE_SHELL
  unset KIRIKAE_SCRIPT KIRIKAE_SHELL K
  while IFS= read -r kk_n; do
    kk_read_text
    (
      exec 6>&-
      set -e
      eval "$kk_text"
    ) </dev/null
    echo "x $?" >&6
  done
}
