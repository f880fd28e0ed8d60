# shellcheck shell=sh
# Runs in the shell that sudo has started as another user (become.sh); standard input is the line to who has asked for it.

# Ends with the command, and the command ends with the line.
kk_as_other() {
  exec 3<&0 4>&2 </dev/null 2>/dev/null
  # By their paths: the recipe may have another PATH.
  kk_setsid=$(command -v setsid 2>/dev/null)
  kk_alone=$kk_setsid
  # A shell's background jobs ignore INT and QUIT.
  env --default-signal=INT,QUIT true >/dev/null 2>&1 && kk_alone="$kk_setsid $(command -v env) --default-signal=INT,QUIT"
  trap kk_stop TERM HUP INT
  {
    kk_environment
    kk_task
  } 2>&4 3<&- 4>&- &
  kk_command=$!
  kk_watch_line
  exec 4>&-
  kk_wait
  while [ "$kk_s" -gt 128 ] && kill -0 "$kk_command"; do
    kk_wait
  done
  kill -KILL "$kk_watch"
  kk_status "$kk_s"
  exit "$kk_st"
}

# The same at a terminal (terminal.sh): that which this session has, sudo's own where it makes one (use_pty). It stays in its process group, since
# one of its own would have no terminal.
kk_as_other_at_terminal() {
  exec 3<&0 4>&2
  # Without a number, ksh would take 1.
  exec 0<>/dev/tty >&0 2>&1
  kk_watch_line
  trap 'kill -KILL "$kk_watch"' 0
  kk_at_terminal
}

# On descriptor 3.
kk_watch_line() {
  (
    while IFS= read -r kk_line; do :; done
    kill -TERM "$$"
  ) <&3 >/dev/null 3<&- 4>&- &
  kk_watch=$!
  exec 3<&-
}

kk_wait() {
  kk_s=0
  wait "$kk_command" || kk_s=$?
}

kk_signal() {
  if [ -n "$kk_setsid" ]; then kill "$1" ${POSH_VERSION:+--} "-$kk_command"; else kill "$1" "$kk_command"; fi
}

# Before the step's own shell is killed, which would leave nobody who could do it here (kk_killer).
kk_stop() {
  trap '' TERM HUP INT
  kk_i=0
  while kk_signal -0; do
    case $kk_i in
      0 | 10 | 20 | 30) kk_signal -TERM ;;
      4?) kk_signal -KILL ;;
      5?) break ;;
    esac
    sleep 0.1 || {
      sleep 1
      kk_i=$((kk_i + 9))
    }
    kk_i=$((kk_i + 1))
  done
}
