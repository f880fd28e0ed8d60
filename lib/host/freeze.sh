# shellcheck shell=sh
# The freeze, `.kirikae/frozen`. Travels with its command.

kk_freeze() {
  kk_lock_folders || kk_fail "can't make '$kk_own/tmp': check the owner of '$kk_root'"
  kk_mine="$kk_own/tmp/frozen.$$"
  rm -f "$kk_mine"
  kk_token='' kk_name='' kk_shell=0
  kk_write_lock && mv -f "$kk_mine" "$kk_own/frozen" ||
    kk_fail "can't write '$kk_own/frozen': check its owner and the room on the disk"
}

# kk_token, where it is there: of the run lock that goes, too. Whoever has another one by now was not asked about.
kk_thaw() {
  rm -f "$kk_own/frozen" || kk_fail "can't remove '$kk_own/frozen': check its owner"
  [ -n "$kk_token" ] && kk_read_lock "$kk_own/lock" || return 0
  [ "$kk_l_token" = "$kk_token" ] || kk_fail "the lock is another one by now: look whose it is, and say it again"
  rm -f "$kk_own/lock" || kk_fail "can't remove '$kk_own/lock': check its owner"
}
