# shellcheck shell=sh
# The recipe's log files, as they are and as they grow.

# Arguments: patterns, absolute or relative to `current`. kk_follow says yes: goes on until it is ended; and kk_lines of what is
# there are shown. Where there may be several files, each line has its file's name in front.
kk_logs() {
  # Not in `current`: a name below it stays right when that is switched.
  cd "$kk_root" 2>/dev/null || cd /
  kk_named=
  case $1 in *[*?[]*) kk_named=yes ;; esac
  [ $# = 1 ] || kk_named=yes
  kk_missing=
  for kk_pattern; do
    case $kk_pattern in /*) ;; *) kk_pattern=current/$kk_pattern ;; esac
    if [ "$kk_follow" = yes ]; then kk_log_follow "$kk_pattern" & else kk_log_show "$kk_pattern"; fi
  done
  # What follows ends only when it is ended, or can't go on.
  [ "$kk_follow" != yes ] || { wait && kk_missing=yes; }
  [ -z "$kk_missing" ]
}

# kk_files: what the pattern matches at this moment. Only the names of files come from it, whatever is in it.
kk_log_show() {
  kk_p=$1
  IFS=''
  # shellcheck disable=SC2086
  set -- $kk_p
  unset IFS
  if ! kk_log_any "$@"; then
    printf "'%s' is not there\n" "${kk_p#current/}" >&2
    kk_missing=yes
    return
  fi
  for kk_f; do
    ! kk_log_is_passed_over || continue
    kk_label=${kk_f#current/}
    if kk_log_is_pipe; then
      kk_log_say_pipe
    elif [ -r "$kk_f" ]; then
      # A pipe only tells of its last stage.
      { kk_v=$({ { tail -n "$kk_lines" -- "$kk_f" || echo failed >&3; } | kk_log_lines >&4; } 3>&1); } 4>&1
      [ -z "$kk_v" ] || kk_missing=yes
    else
      printf "'%s' can't be read by '%s'\n" "$kk_label" "$(id -un)" >&2
      kk_missing=yes
    fi
  done
}

# Whether kk_f is something that a pattern happens to match, as log/* does the folder log/old.
kk_log_is_passed_over() { [ "$kk_f" != "$kk_p" ] && { [ -d "$kk_f" ] || kk_log_is_pipe; }; }

# What is read there is lost for whom it was meant for.
kk_log_is_pipe() { [ -p "$kk_f" ] || [ -S "$kk_f" ]; }

kk_log_say_pipe() {
  printf "'%s' is a pipe or a socket, and no log file\n" "$kk_label" >&2
  kk_missing=yes
}

# Whether anything else is there.
kk_log_any() {
  for kk_f; do
    [ ! -e "$kk_f" ] || kk_log_is_passed_over || return 0
  done
  return 1
}

kk_log_follow() {
  kk_p=$1 kk_told='' kk_from=$kk_lines
  while :; do
    IFS=''
    # shellcheck disable=SC2086
    set -- $kk_p
    unset IFS
    ! kk_log_any "$@" || break
    [ -n "$kk_told" ] || printf "'%s' is not there yet: waiting for it\n" "${kk_p#current/}" >&2
    kk_told=yes kk_from=+1
    sleep 1
  done
  for kk_f; do
    ! kk_log_is_passed_over || continue
    kk_label=${kk_f#current/}
    if kk_log_is_pipe; then
      kk_log_say_pipe
      return
    fi
    # By its name, so that it goes on after a rotation.
    tail -n "$kk_from" -F -- "$kk_f" | kk_log_lines &
  done
  wait
}

kk_log_lines() {
  if [ -z "$kk_named" ]; then
    cat
  else
    while IFS= read -r kk_line || [ -n "$kk_line" ]; do printf '%s: %s\n' "$kk_label" "$kk_line"; done
  fi
}
