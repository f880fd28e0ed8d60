# shellcheck shell=sh
# The audit: one line each, in one write.

kk_append() {
  printf '%s\n' "$2" >>"$1" || kk_fail "can't append to '$1': check its owner and the room on the disk"
}

# The last $1 lines; longer ones than any of ours are cut.
kk_audit() {
  [ -e "$kk_log_file" ] || return 0
  [ -f "$kk_log_file" ] && [ -r "$kk_log_file" ] || kk_fail "can't read '$kk_log_file': check its owner"
  tail -n "$1" "$kk_log_file" | LC_ALL=C cut -b 1-8000
}

kk_log() {
  kk_append "$kk_log_file" "$kk_json"
  [ -z "$kk_line" ] || kk_append "$kk_revisions_log" "$kk_line"
}
