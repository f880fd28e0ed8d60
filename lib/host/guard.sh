# shellcheck shell=sh
# The run lock (lock.sh), for whoever has it: looks after it, and frees it.

# kk_l_* from the file $1, with $2 up to the process; fails where it isn't there. A token that isn't one of ours reads as `none`.
# shellcheck disable=SC2034 # kk_say_lock reads some of them by name
kk_read_lock() {
  kk_l_token='' kk_l_host='' kk_l_pid='' kk_l_start='' kk_l_boot='' kk_l_space='' kk_l_machine='' kk_l_made=''
  kk_l_by='' kk_l_since='' kk_l_what='' kk_l_url=''
  [ -f "$1" ] && [ -r "$1" ] || return 1
  {
    while IFS=' ' read -r kk_key kk_v; do
      case $kk_key in
        token) kk_l_token=$kk_v ;;
        host) kk_l_host=$kk_v ;;
        pid) kk_l_pid=$kk_v && [ -z "${2-}" ] || break ;;
        start) kk_l_start=$kk_v ;;
        boot) kk_l_boot=$kk_v ;;
        space) kk_l_space=$kk_v ;;
        machine) kk_l_machine=$kk_v ;;
        made) kk_l_made=$kk_v ;;
        by) kk_l_by=$kk_v ;;
        since) kk_l_since=$kk_v ;;
        what) kk_l_what=$kk_v ;;
        url) kk_l_url=$kk_v ;;
      esac
    done <"$1"
  } 2>/dev/null || return 1
  case $kk_l_token in '' | *[!0-9a-f.]*) kk_l_token=none ;; esac
  case $kk_l_pid in '' | *[!0-9]*) kk_l_pid=0 ;; esac
}

# Only by its holder. The other name goes, too, by which the lock was made (kk_lock). Folders that were made for it go with it, if nothing
# else has come into them.
kk_unlock() {
  kk_mine="$kk_own/tmp/lock.$kk_token.$kk_shell"
  kk_read_lock "$kk_own/lock" && [ "$kk_l_token:$kk_l_pid" = "$kk_token:$kk_shell" ] || {
    [ ! -e "$kk_mine" ] || rm -f "$kk_mine"
    return 0
  }
  rm -f "$kk_own/lock" "$kk_mine"
  [ ! -e "$kk_own/releases" ] || return 0
  case $kk_l_made in
    own) rmdir "$kk_own/tmp" "$kk_own" ;;
    root) rmdir "$kk_own/tmp" "$kk_own" "$kk_root" ;;
  esac 2>/dev/null || :
}

# Fails where it isn't ours.
kk_beat() {
  kk_read_lock "$kk_own/lock" && [ "$kk_l_token:$kk_l_pid" = "$kk_token:$kk_shell" ] || return 1
  touch -c "$kk_own/lock" 2>/dev/null || :
}

# Before every step that writes: whoever has slept through the loss of the lock changes nothing any more. The line on standard output
# tells that status 9 from the same one of a task. A step of a control shell that was killed may outlive it, and the run may have
# the lock by a newer one.
kk_guard() {
  if kk_read_lock "$kk_own/lock" part && [ "$kk_l_token" = "$kk_token" ] &&
    { [ "${kk_mode-}" = data ] || [ "$kk_l_pid" = "$kk_shell" ]; }; then
    [ "${kk_mode-}" != data ] || [ -n "${kk_watcher-}" ] || kk_watch_lock
    return 0
  fi
  echo "lost=$kk_token"
  kk_read_lock "$kk_own/lock" || :
  if [ -n "$kk_l_by" ]; then
    echo "the lock of '$kk_root' is no longer ours, $kk_l_by has it ($kk_l_what): nothing was changed" >&2
  else
    echo "the lock of '$kk_root' is no longer ours: nothing was changed; look, and run again" >&2
  fi
  exit 9
}

# On a data channel nobody reads, while a step runs, whether the client is gone. There the loss of the lock tells, and ends all that
# runs on the channel: the whole process group that the SSH server has made for it.
kk_watch_lock() {
  (
    trap - 0
    while sleep 5; do
      kk_read_lock "$kk_own/lock" && [ "$kk_l_token" = "$kk_token" ] || break
    done
    kill -TERM 0
  ) </dev/null >/dev/null 2>&1 &
  kk_watcher=$!
  trap 'kill -KILL "$kk_watcher" 2>/dev/null || :' 0
}
