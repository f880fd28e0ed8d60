# shellcheck shell=sh
# A command of the recipe at a terminal: that of the channel it has for itself, in whose process group it runs. Travels with its command.

# Nobody types there, so who reads finds the end of the input; and nobody looks, so it is a simple one.
kk_set_terminal() {
  stty raw -echo min 0 time 0 isig || exit 1
  TERM=dumb
  export TERM
}

kk_at_terminal() {
  exec 2>&1
  kk_set_terminal
  kk_alone=''
  # A shell's background jobs ignore INT and QUIT. By its path: the recipe may have another PATH.
  env --default-signal=INT,QUIT true >/dev/null 2>&1 && kk_alone="$(command -v env) --default-signal=INT,QUIT"
  trap kk_hang_up TERM HUP INT
  # What this shell itself would say of a killed command is nobody's output.
  exec 3<&0 2>/dev/null
  {
    exec <&3 2>&1 3<&- 4>&-
    kk_environment
    kk_task
  } &
  kk_command=$!
  exec 3<&-
  kk_s=0
  wait "$kk_command" || kk_s=$?
  kk_status "$kk_s"
  exit "$kk_st"
}

kk_hang_up() {
  trap '' TERM HUP INT
  kill -TERM 0
  kk_i=0
  while kill -0 "$kk_command" 2>/dev/null && [ "$kk_i" -lt 50 ]; do
    sleep 0.1 || {
      sleep 1
      kk_i=$((kk_i + 9))
    }
    kk_i=$((kk_i + 1))
  done
  kill -KILL 0
}
