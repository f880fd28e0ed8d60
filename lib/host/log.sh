# shellcheck shell=sh
# The audit: one line each, in one write.

kk_append() {
  printf '%s\n' "$2" >>"$1" || kk_fail "can't append to '$1': check its owner and the room on the disk"
}

kk_log() {
  kk_append "$kk_log_file" "$kk_json"
  [ -z "$kk_line" ] || kk_append "$kk_revisions_log" "$kk_line"
}
