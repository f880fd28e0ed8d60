# shellcheck shell=sh
# What every shell on a channel has: frames, and what it does there. The protocol is in docs/design.md.

# A frame in one write(2): it may stand in the midst of a step's output. bash writes line by line; printenv doesn't.
kk_frame() {
  if [ -n "${BASH_VERSION-}" ] && [ -n "$kk_id" ]; then
    kk_f="$kk_nl$kk_nonce $1" printenv kk_f && return
  fi
  printf '\n%s %s\n' "$kk_nonce" "$1"
}

kk_come_in() {
  unset K
  # Whatever a login shell's rc file says: we must get into what we make, and nobody else may write there unless a group shares it.
  umask u+rwx,o-w
}

# What start_line() calls once it has the script in K.
kk_serve() {
  kk_come_in
  kk_id=''
  IFS=' ' read -r kk_mode kk_nonce || exit 2
  case $kk_nonce in '' | *[!0-9a-f]*) exit 2 ;; esac
  case $kk_mode in
    control) kk_control ;;
    data) kk_data ;;
    *) exit 2 ;;
  esac
}

# What terminal_line() calls: kk_nonce, kk_id and kk_text came with the script.
kk_serve_at_terminal() {
  kk_come_in
  kk_mode=data
  kk_say_hello
  kk_run_text
}

kk_say_hello() {
  kk_frame 'hello 1' >&2
  kk_frame 'hello 1'
}

kk_data() {
  kk_say_hello
  IFS=' ' read -r kk_word kk_id kk_n || exit 2
  [ "$kk_word" = step ] || exit 2
  case $kk_id in '' | *[!0-9]*) exit 2 ;; esac
  case $kk_n in '' | *[!0-9]*) exit 2 ;; esac
  kk_read_text
  kk_run_text
}

kk_run_text() {
  kk_frame "begin $kk_id"
  (
    unset kk_nonce
    set -e
    eval "$kk_text"
  )
  kk_status $?
  exec </dev/null
  kk_frame "end $kk_id $kk_st"
  kk_frame "end $kk_id" >&2
  exit 0
}
