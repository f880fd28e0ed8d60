# shellcheck shell=sh
# The clock of a control shell that may hold a lock.

# From now on this shell may hold a lock: kk_text says which, as assignments. However it ends, it frees it; and it ends when the
# client has been silent for a minute.
kk_hold() {
  eval "$kk_text"
  [ -z "$kk_pulse_pid" ] || return 0
  # Only noted: it may come in the midst of anything.
  trap 'kk_taken=${kk_taken:-asked}' USR1
  if kk_pipe 3; then
    kk_speak <&3 &
    kk_speaker=$!
  fi
  kk_start_pulse
}

kk_start_pulse() {
  kk_pulse_number=$((kk_pulse_number + 1))
  (
    # A shell ends where it can't start another process. The number is that of this pulse, whatever comes after it.
    # shellcheck disable=SC2064
    trap "echo a $kk_pulse_number >&6" 0
    while kill -0 "$kk_shell" 2>/dev/null; do
      sleep 10 || exit
      echo b >&6
    done
    [ -z "$kk_speaker" ] || echo quit >&3
  ) >/dev/null 2>&1 &
  kk_pulse_pid=$!
}

kk_pulse() {
  kk_pulses=0
  kk_silent=$((kk_silent + 1))
  case $kk_silent in
    1) kk_beat || kk_dispossessed ;;
    7)
      # For a client that wakes up late: these are the last words of its step.
      [ -z "$kk_id" ] || kk_tell 'the client has been silent for a minute: its step is ended here, and its lock is free'
      kk_gone
      ;;
    # Whatever it is that keeps a step from its end.
    13) kk_exit ;;
  esac
}

# Somebody takes the lock away, and waits until it is free (kk_take).
kk_give_up() {
  kk_taken=y
  if [ -n "$kk_id" ]; then kk_dispossessed; else kk_idle; fi
}

# What a recipe has at work is ended; what is ours looks for itself (kk_guard).
kk_dispossessed() {
  [ -n "$kk_id" ] && [ -z "$kk_ours$kk_kill$kk_ended" ] || return 0
  kk_tell 'the lock is taken away: what is at work here is ended'
  kk_end_step
}

# Without a pulse a silent client would keep its lock for ever. $1: which one is lost; another one may have been begun in its place.
kk_pulse_lost() {
  [ "$1" = "$kk_pulse_number" ] || return 0
  kk_pulses=$((kk_pulses + 1))
  if [ "$kk_pulses" -lt 4 ]; then kk_start_pulse; else kk_not_started; fi
}

# With the client's own pulse, for one that was killed, and says nothing of that.
kk_keep_pulse() {
  [ -z "$kk_pulse_pid" ] || [ ! -r "/proc/$$/stat" ] || kk_runs "/proc/$kk_pulse_pid/stat" || kk_start_pulse
}
