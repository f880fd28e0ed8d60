# shellcheck shell=sh
# The audit's last lines. Travels with its command.

# The last $1 lines; longer ones than any of ours are cut. $2 is `switches`: of those that tell where `current` was led to, and
# the last task that went well since.
kk_audit() {
  [ -e "$kk_log_file" ] || return 0
  [ -f "$kk_log_file" ] && [ -r "$kk_log_file" ] || kk_fail "can't read '$kk_log_file': check its owner"
  LC_ALL=C
  export LC_ALL
  if [ "${2-}" = switches ]; then
    kk_switches | tail -n "$1" && kk_task_since
  else
    tail -n "$1" "$kk_log_file"
  fi | cut -b 1-8000
}

# By the text: quotes within a value have a backslash before them.
kk_switches() {
  sed -n -e '/"action":"deploy"/b was' -e '/"action":"rollback"/!d' -e ':was' -e '/"result":"good"/p' -e '/"result":"undone"/p' "$kk_log_file"
}

kk_task_since() {
  sed -n -e '/"action":"deploy"/b was' -e '/"action":"rollback"/b was' -e '/"action":"task"/!b end' -e '/"result":"good"/h' -e 'b end' \
    -e ':was' -e '/"result":"good"/b led' -e '/"result":"undone"/!b end' -e ':led' -e 's/.*//' -e h -e ':end' -e '$!d' -e x -e '/./p' "$kk_log_file"
}
