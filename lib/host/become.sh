# shellcheck shell=sh
# A command of the recipe as another user, by sudo. Travels with its command; runs in the step's own shell.
#
# sudo leaves three streams to what it runs, and not always the process group; what it runs can't be signalled from here. So standard
# input carries all: the password, if sudo asks for it; the other shell's program (other_user.sh), once that shell says that it is there; and
# by its end, that the command has to be ended.

# A pipe on descriptor $1; kk_at: a name by which it can be opened anew.
kk_name_pipe() {
  kk_at="/proc/self/fd/$1"
  if kk_here_pipe "$1"; then
    eval "exec $1<>$kk_at"
    return
  fi
  [ -n "$kk_t" ] || kk_temporary || return 1
  kk_at="$kk_t/$1"
  mkfifo -m 600 "$kk_at" && eval "exec $1<>\"\$kk_at\""
}

kk_task_as() {
  IFS= read -r kk_password || :
  kk_by_sudo
  exit "$kk_st"
}

# The same where sudo wants a terminal, or the command does; kk_password is there. That of the channel is sudo's, and the other shell finds what
# terminal sudo has left it, or has made for it (kk_as_other_at_terminal).
kk_task_as_at_terminal() {
  exec 2>&1
  kk_set_terminal
  kk_by_sudo
  # Nobody else waits for what the reader still has to say: the channel ends with this shell.
  exec 6<&- 7>&-
  wait "$kk_reader" || :
  exit "$kk_st"
}

kk_by_sudo() {
  exec </dev/null
  command -v sudo >/dev/null 2>&1 ||
    kk_fail "there is no sudo on this host, which 'become' needs: install it, or log in as '$kk_become'"
  kk_t=''
  kk_name_pipe 8 || exit 1
  kk_in=$kk_at
  kk_name_pipe 9 || exit 1
  # shellcheck disable=SC2094
  exec 4>"$kk_in" 5<"$kk_at" 6<"$kk_in" 7>"$kk_at" 8>&- 9>&-
  [ -z "$kk_t" ] || rm -rf "$kk_t"
  # TERM is for the reader; who waits here has to tell how it ended. Before there is one: ksh goes on in another process then.
  trap : TERM HUP INT
  # Nobody but the reader may hold the end that the other shell's input is written to; and it not that which it reads from, as it would if
  # these were redirections of a function (dash keeps what they replace).
  (
    exec <&5 >&2 8>&4 4>&- 5>&- 6>&- 7>&-
    kk_read_sudo
  ) &
  kk_reader=$!
  # What this shell would say itself if sudo were killed is nobody's output.
  exec 4>&- 5>&- 2>/dev/null
  kk_ask=-n
  [ -z "$kk_password" ] || kk_ask='-k -S'
  kk_password=''
  kk_s=0
  # shellcheck disable=SC2086
  (
    exec <&6 2>&7 6<&- 7>&-
    LC_ALL=C
    export LC_ALL
    exec sudo -H $kk_ask -p "$kk_prompt$kk_nl" -u "$kk_become" -- /bin/sh -c "$kk_boot"
  ) || kk_s=$?
  kk_status "$kk_s"
}

kk_prompt='kirikae: password?'
kk_ready='kirikae: ready'
# shellcheck disable=SC2016
kk_boot='echo "kirikae: ready" >&2
IFS= read -r kk_n || exit
kk_text=
while [ "$kk_n" -gt 0 ]; do
  IFS= read -r kk_line || exit
  kk_text="$kk_text$kk_line
" kk_n=$((kk_n - 1))
done
eval "$kk_text"'

# Reads what sudo says, and then what the command says on its standard error.
kk_read_sudo() {
  trap kk_let_go TERM HUP INT
  kk_said='' kk_asked='' kk_there='' kk_gone=''
  while [ -z "$kk_there" ] && { IFS= read -r kk_line || [ -n "$kk_line" ]; }; do
    case $kk_line in
      *"$kk_prompt")
        # One try, since accounts are locked after some.
        if [ -z "$kk_asked" ] && [ -n "$kk_password" ]; then
          kk_put "$kk_password$kk_nl" >&8
        else
          exec 8>&-
        fi
        kk_asked="$kk_asked."
        ;;
      *"$kk_ready") kk_there=y ;;
      ?*) [ "${#kk_said}" -gt 2000 ] || kk_said="$kk_said$kk_line$kk_nl" ;;
    esac
  done
  if [ -z "$kk_there" ]; then
    [ -n "$kk_gone" ] || kk_explain
    exit 1
  fi
  kk_put "$kk_count$kk_nl$kk_program" >&8
  exec 6<&0
  (
    trap '' TERM HUP INT
    exec cat
  ) <&6 6<&- 8>&- &
  exec 6<&-
  until wait "$!" 2>/dev/null; do
    kill -0 "$!" 2>/dev/null || break
  done
}

kk_let_go() {
  kk_gone=y
  exec 8>&-
}

kk_explain() {
  kk_user=$(id -un)
  case $kk_asked in ..*)
    echo "the password is wrong that sudo was given for '$kk_user': check the secret that 'become_password' names"
    return
    ;;
  esac
  kk_put "$kk_said"
  case $kk_said in
    *'must have a tty'*)
      echo "sudo wants a terminal here: give the task one ('pty: true'), or write 'Defaults:$kk_user !requiretty' into sudoers"
      ;;
    *'password is required'*)
      echo "sudo wants a password of '$kk_user' here: name a secret with it by 'become_password', or allow it without one in sudoers (NOPASSWD)"
      ;;
    *'not in the sudoers'* | *'not allowed to'* | *'may not run'*)
      echo "sudo doesn't let '$kk_user' run /bin/sh as '$kk_become' here, which 'become' needs: allow that in sudoers"
      ;;
    *'unknown user'*) echo "there is no user '$kk_become' on this host" ;;
  esac
}
