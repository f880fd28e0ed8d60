# shellcheck shell=sh
# How the control shell says something to the client, which may not be reading.

# Writes $1: a frame, the end of a step, which has one on both streams, or words for the step's standard error.
kk_write() {
  case $1 in
    'pong '*) kk_frame "$1" ;;
    'end '*)
      kk_frame "$1"
      kk_frame "${1% *}" >&2
      ;;
    *) printf '%s\n' "$1" >&2 ;;
  esac
}

# Where there may be a lock to free, a client that doesn't read mustn't be waited for: what is said while a step's output may stand in its way
# is written by a process of its own. Everything else comes when the client has read all that was before.
kk_tell() {
  if [ -n "$kk_speaker" ] && [ -n "$kk_id" ]; then
    kk_unsaid=$((kk_unsaid + 1))
    kk_put "$1$kk_nl" >&3
  else
    kk_write "$1"
  fi
}

# Whether that pipe has room for more answers than those that have to come.
kk_may_tell() { [ "$kk_unsaid" -lt 30 ]; }

kk_speak() {
  # For kk_frame: a step's output is about.
  kk_id=y
  while IFS= read -r kk_line && [ "$kk_line" != quit ]; do
    kk_write "$kk_line"
    echo s >&6
  done
}

# There may be nobody to read them.
kk_last_words() {
  echo quit >&3
  (
    sleep 1
    kill -KILL "$kk_speaker"
  ) >/dev/null 2>&1 &
  wait "$kk_speaker" 2>/dev/null
  kill -KILL $! 2>/dev/null
}
