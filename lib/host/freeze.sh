# shellcheck shell=sh
# The freeze, `.kirikae/frozen`. Travels with its command.

# Made whole by link(2), as the lock is: of two makers one makes it, and the other's answer says whose it is.
kk_freeze() {
  kk_lock_folders || kk_fail "can't make '$kk_own/tmp': check the owner of '$kk_root'"
  kk_mine="$kk_own/tmp/frozen.$$"
  rm -f "$kk_mine"
  kk_name='' kk_shell=0
  kk_write_lock || kk_fail "can't write '$kk_mine': check its owner and the room on the disk"
  if ! ln "$kk_mine" "$kk_own/frozen" 2>/dev/null; then
    rm -f "$kk_mine"
    kk_read_lock "$kk_own/frozen" || kk_fail "can't make '$kk_own/frozen': check its owner"
    [ "$kk_l_token" != "$kk_token" ] || return 0
    kk_say_lock frozen
    exit 0
  fi
  rm -f "$kk_mine"
}

# kk_frozen, kk_locked: the tokens of the freeze and of the run lock that somebody was shown; empty: none. Whoever has made another one
# since was not asked about.
kk_thaw() {
  kk_take "$kk_own/frozen" "$kk_frozen"
  [ -z "$kk_locked" ] || kk_take "$kk_own/lock" "$kk_locked"
}

kk_take() {
  kk_read_lock "$1" || {
    [ ! -e "$1" ] || kk_fail "can't read '$1': check its owner"
    return 0
  }
  [ "$kk_l_token" = "$2" ] || kk_fail "'$1' is another one by now, of $kk_l_by ($kk_l_what): look whose it is, and say it again"
  # Who holds the lock ends what a recipe has at work, and frees it then, for which there are fifteen seconds.
  if [ -O "$1" ] 2>/dev/null && [ "$kk_l_pid" != "$kk_shell" ] && kk_holder_is_here && kill -USR1 "$kk_l_pid" 2>/dev/null; then
    kk_i=0
    while kk_read_lock "$1" && [ "$kk_l_token" = "$2" ] && [ "$kk_i" -lt 150 ]; do
      sleep 0.1 2>/dev/null || {
        sleep 1
        kk_i=$((kk_i + 9))
      }
      kk_i=$((kk_i + 1))
    done
    kk_read_lock "$1" && [ "$kk_l_token" = "$2" ] || return 0
  fi
  rm -f "$1" || kk_fail "can't remove '$1': check its owner"
  # The lock's other name; another user's may not be ours to remove.
  rm -f "$kk_own/tmp/lock.$kk_l_token.$kk_l_pid" 2>/dev/null || :
}
