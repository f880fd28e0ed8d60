# shellcheck shell=sh
# The release is complete: its data goes to disk first, its record says `ready` last.

kk_seal() {
  kk_need_release
  kk_read_record "$kk_release" || kk_fail "release '$kk_release' has no record in '$kk_states': prepare it first"
  [ "$kk_state" != ready ] || return 0
  kk_need_preparing
  # Both in one go: the record has its name only when both are there.
  kk_write_record ready "$kk_releases/$kk_release" || exit 1
  # What kk_receive has left.
  rm -rf "$kk_own/tmp"/*".$kk_release"
}

# Changes a record's state and keeps the rest of it.
kk_mark() {
  if [ ! -d "$kk_releases/$kk_release" ]; then
    # A failure before there was anything to fail.
    [ "$kk_to" != failed ] || [ -f "$kk_states/$kk_release" ] || return 0
    [ "$kk_to" = failed ] || kk_need_release
  fi
  kk_read_record "$kk_release" || :
  [ "$kk_state" != "$kk_to" ] || return 0
  kk_change_record "$kk_to"
}
