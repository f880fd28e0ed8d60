# shellcheck shell=sh
# The audit's last lines. Travels with its command.

# The last $1 lines; longer ones than any of ours are cut.
kk_audit() {
  [ -e "$kk_log_file" ] || return 0
  [ -f "$kk_log_file" ] && [ -r "$kk_log_file" ] || kk_fail "can't read '$kk_log_file': check its owner"
  tail -n "$1" "$kk_log_file" | LC_ALL=C cut -b 1-8000
}
