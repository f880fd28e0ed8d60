# shellcheck shell=sh
# The control shell: reads what the client says, runs one step at a time beside itself, frames what comes back.
# The protocol is in docs/design.md. Names start with kk_, since commands of recipes must not meet ours.
#
# Everything that happens is an event, a line of one pipe (descriptor 6) that the main loop reads:
#   c LINE   the client said LINE           q       the client is gone
#   p PID    the step's group leader        x N     the step ended with status N
#   r S PID  relay of stream S (o, e)       d S     that relay has met its end of file
#   f        a process for the step or a relay couldn't be started
#   t        a second of drain has passed   k       the killed group is gone
#   b        ten seconds have passed, while a lock is held (pulse.sh)
#   a        who says that has ended        s       the speaker has said a line (tell.sh)
#   w G N    worker G has ended with status N
# So the order of things is the order of lines, and only the main loop says what is written in frames.

# An unnamed pipe that this shell can write and read, as descriptor $1.
kk_pipe() {
  if kk_here_pipe "$1"; then
    eval "exec $1<>/proc/self/fd/$1"
    return
  fi
  kk_temporary || return 1
  mkfifo -m 600 "$kk_t/e" && eval "exec $1<>\"\$kk_t/e\""
  kk_made=$?
  rm -rf "$kk_t"
  return "$kk_made"
}

# Its own process, since reading the client must never wait for anything else. Another one waits for it: where it is killed, nothing else
# would ever be heard.
kk_listen() {
  trap 'echo q >&6' 0
  {
    while IFS= read -r kk_line <&3; do
      kk_put "c $kk_line$kk_nl" >&6
      [ "$kk_line" != quit ] || exit 0
    done
    echo q >&6
  } &
  exec 3<&-
  wait $!
  # posh and zsh think nothing of that trap where the function has come to its end.
  trap - 0
  echo q >&6
}

kk_control() {
  kk_pipe 6 || exit 1
  exec 3<&0 </dev/null
  # Handlers, not '': what is ignored stays ignored in every step. PIPE: without a reader the step must still be killed.
  trap : PIPE
  trap kk_gone HUP INT TERM
  # A process that can't be started ends most shells.
  trap kk_exit 0
  kk_listen >/dev/null 2>&1 &
  exec 3<&-
  kk_setsid=
  command -v setsid >/dev/null 2>&1 && kk_setsid=setsid
  # A shell's background jobs ignore INT and QUIT; where env can undo that, a step doesn't.
  kk_default='env --default-signal=INT,QUIT'
  kk_want=0 kk_silent=0 kk_pulse_pid='' kk_pulse_number=0 kk_pulses=0 kk_unsaid=0 kk_shell=$$
  kk_worker='' kk_generation=0 kk_input='' kk_speaker='' kk_taken=''
  kk_idle
  kk_quit=
  # There too: what rc files have said before must not pass for the first step's.
  kk_frame 'hello 1' >&2
  kk_frame 'hello 1'
  while :; do
    [ "$kk_taken" != asked ] || kk_give_up
    # It fails where a signal came in between.
    IFS= read -r kk_event <&6 || continue
    case $kk_event in
      'c '*) kk_client "${kk_event#c }" ;;
      q) kk_gone ;;
      'p '*)
        kk_leader=${kk_event#p }
        [ -z "$kk_working" ] || kk_worker=$kk_leader
        [ -z "$kk_kill" ] || kk_killer
        ;;
      'r o '*) kk_out=${kk_event#r o } && kk_cut ;;
      'r e '*) kk_err=${kk_event#r e } && kk_cut ;;
      'd o') kk_out=- && kk_drained ;;
      'd e') kk_err=- && kk_drained ;;
      f) kk_not_started ;;
      'x '*) kk_end "${kk_event#x }" ;;
      "w $kk_generation "*)
        kk_worker=''
        if [ -n "$kk_working" ] && [ -z "$kk_ended" ]; then
          # Somebody has killed it, and not what it has at work.
          [ -n "$kk_kill" ] || kk_group -KILL
          kk_end "${kk_event##* }"
        fi
        ;;
      t) kk_timer='' && kk_tick ;;
      k) kk_killed ;;
      b) kk_pulse ;;
      'a '*) kk_pulse_lost "${kk_event#a }" ;;
      s) kk_unsaid=$((kk_unsaid - 1)) ;;
    esac
  done
}

kk_end() {
  kk_status "$1"
  kk_ended=$kk_st
  # It never began: once more, without env, which mostly knows no such option then.
  if [ -z "$kk_leader" ] && [ -n "$kk_env" ]; then
    kk_again=y
    case $kk_st in 1 | 125 | 127) kk_default='' ;; esac
  fi
  case $kk_out$kk_err in --) ;; *) kk_timer ;; esac
  kk_settle
}

kk_idle() {
  kk_id='' kk_working='' kk_leader='' kk_kill='' kk_out='' kk_err='' kk_ended='' kk_ticks=0 kk_cutting='' kk_timer=''
  kk_given='' kk_again='' kk_env='' kk_failed='' kk_missed=0
  [ "$kk_taken" != y ] || kk_unlock
}

kk_client() {
  kk_silent=0
  if [ "$kk_want" -gt 0 ]; then
    kk_text="$kk_text$1$kk_nl"
    kk_want=$((kk_want - 1))
    [ "$kk_want" -gt 0 ] || "$kk_then"
    return
  fi
  case $1 in
    'ping '*[!0-9]* | 'ping '???????????????????*) kk_gone ;;
    'ping '*)
      if kk_may_tell; then
        kk_tell "pong ${1#ping }"
        kk_keep_pulse
        kk_look_after
      fi
      ;;
    'cancel '*) [ "${1#cancel }" != "$kk_id" ] || kk_end_step ;;
    'step '* | 'call '* | 'hold '* | 'feed '*)
      kk_line=${1#* }
      kk_then=kk_start
      kk_ours=
      case $1 in
        call*) kk_ours=y ;;
        hold* | feed*) kk_line="0 $kk_line" kk_then=kk_${1%% *} ;;
      esac
      kk_next=${kk_line%% *}
      kk_want=${kk_line#* }
      case $kk_line in *' '*' '*) kk_want='' ;; esac
      case $kk_next in '' | *[!0-9]* | ???????????????????*) kk_want='' ;; esac
      case $kk_want in '' | *[!0-9]*) kk_want=0 && kk_gone ;; esac
      kk_text=
      kk_lines=$kk_want
      [ "$kk_want" -gt 0 ] || "$kk_then"
      ;;
    *) kk_gone ;;
  esac
}

# The next step's standard input: for what may not even stand in an environment.
kk_feed() { kk_input=$kk_text; }

kk_exit() {
  trap - 0
  [ -z "$kk_leader" ] || kk_group -KILL
  if [ -n "$kk_pulse_pid" ]; then
    kk_unlock
    kill -KILL "$kk_pulse_pid" 2>/dev/null
  fi
  [ -z "$kk_worker" ] || kill -KILL "$kk_worker" 2>/dev/null
  if [ -n "$kk_speaker" ]; then
    [ -z "$kk_quit" ] || kk_last_words
    kill -KILL "$kk_speaker" 2>/dev/null
  fi
  exit 0
}

kk_start() {
  if [ -n "$kk_id" ]; then
    if kk_may_tell; then kk_tell "end $kk_next 125"; else kk_gone; fi
    return
  fi
  kk_frame "begin $kk_next"
  kk_id=$kk_next
  kk_step_text=$kk_text
  kk_prefix=$kk_setsid
  if [ -n "$kk_ours" ]; then
    # Our own functions leave nobody behind, so they need no relays.
    kk_out=- kk_err=-
    kk_work || { kk_lead 8</dev/null & }
    return
  fi
  kk_given=$kk_input
  kk_input=''
  kk_launch "$kk_default"
}

# $1: env and its option, or nothing.
kk_launch() {
  kk_env=$1
  kk_prefix="$kk_setsid $kk_env"
  if [ -n "$kk_given" ]; then
    kk_put "$kk_given" | kk_supervise &
  else
    kk_supervise </dev/null &
  fi
}

# Our own functions need no new shell each: a worker, which has read the script once, has a subshell for every step. It leads a process
# group of its own, so that a step can be ended with all that it has started; then the next step has a new worker.
kk_work() {
  # A text that a pipe may not take at once would have to be waited for.
  [ -n "$kk_setsid" ] && [ "${#kk_text}" -lt 30000 ] || return 1
  if [ -z "$kk_worker" ]; then
    kk_here_pipe 7 || return 1
    exec 7<>/proc/self/fd/7
    kk_generation=$((kk_generation + 1))
    kk_keep_worker &
  fi
  kk_leader=$kk_worker
  kk_working=y
  kk_put "$kk_lines$kk_nl$kk_text" >&7
}

kk_keep_worker() {
  kk_x=''
  trap 'kk_tell_end "w $kk_generation" 5' 0
  exec 5>&2 2>/dev/null 8</proc/self/fd/7 7>&- 3>&-
  # shellcheck disable=SC2016
  KIRIKAE_SCRIPT=$kk_base_script$kk_call_script KIRIKAE_SHELL=$kk_shell "$kk_setsid" /bin/sh -c 'eval "$KIRIKAE_SCRIPT"; kk_worker' \
    <&8 2>&5 6>&6 5>&- 8<&- &
  exec 8<&-
  wait $!
  kk_x=$?
  kk_tell_end "w $kk_generation" 5
}

# The last act of the process that waits for a step's shell: the event $1. Without kk_x that shell couldn't be started, which ends this
# one; $2: the step's standard error.
kk_tell_end() {
  trap - 0
  if [ -z "$kk_x" ]; then
    kk_x=126
    [ -n "$kk_env" ] || echo "can't start another process here: look for the limit on the user's processes (ulimit -u), and what else runs" >&"$2"
  fi
  echo "$1 $kk_x" >&6
}

# Relays stand between the step and the channel, so that a daemon left behind by the step can be cut off.
kk_supervise() {
  exec 8<&0
  kk_relay=''
  trap 'kk_relayed o' 0
  {
    trap 'kk_relayed e' 0
    kk_lead 2>&1 >&4 4>&- 5>&- | cat >&5 4>&- 5>&- 6>&- &
    kk_relay=$!
    echo "r e $kk_relay" >&6
    wait "$kk_relay" 2>/dev/null
    kk_relayed e
  } 4>&1 5>&2 | cat 6>&- &
  kk_relay=$!
  echo "r o $kk_relay" >&6
  wait "$kk_relay" 2>/dev/null
  kk_relayed o
}

# Without kk_relay either that or what it was for couldn't be started.
kk_relayed() {
  trap - 0
  [ -n "$kk_relay" ] || echo f >&6
  echo "d $1" >&6
}

# The script and the step's text travel in the environment: what stands in an argv, every user of the host can read.
kk_lead() {
  kk_x=''
  trap 'kk_tell_end x 7' 0
  # What this shell itself would say of a killed step is not the step's output, nor what env says of its options; dash would say the
  # first through the step's own redirections if the step weren't in the background. Its text is not evaluated inside of a function:
  # bash would complain of itself when `set -e` ends that.
  exec 7>&2 2>/dev/null
  kk_e=7
  [ -z "$kk_env" ] || kk_e=2
  # shellcheck disable=SC2086,SC2016
  KIRIKAE_SCRIPT=$kk_base_script${kk_ours:+$kk_call_script} KIRIKAE_STEP=$kk_step_text KIRIKAE_SHELL=$kk_shell $kk_prefix /bin/sh -c 'exec 2>&7 7>&-; eval "$KIRIKAE_SCRIPT"; kk_step; eval "$kk_text"' \
    <&8 2>&"$kk_e" 6>&6 7>&7 8<&- 3>&- &
  wait $!
  kk_x=$?
  kk_tell_end x 7
}

# It isn't known what of the step there is, so this shell ends with it.
kk_not_started() {
  kk_failed=y
  kk_tell "can't start as many processes as a step needs: look for the limit on the user's processes (ulimit -u), and what else runs"
  kk_gone
}

kk_timer() {
  [ -z "$kk_timer" ] || return 0
  (
    sleep 1
    echo t >&6
  ) >/dev/null 2>&1 &
  kk_timer=$!
}

# A step is to be ended of which nothing has been heard: it is waited for ten seconds, and doesn't begin after that (kk_need_control); so is the end of one that
# was ended. Or it has ended, and a relay still waits. Idle: somebody left behind holds the pipe. Busy: the client is slow.
kk_tick() {
  if [ -z "$kk_ended" ]; then
    case $kk_kill in
      wanted | 'done') ;;
      *)
        [ "$kk_missed" = 0 ] || kk_look_after
        return 0
        ;;
    esac
    kk_ticks=$((kk_ticks + 1))
    if [ "$kk_ticks" -lt 10 ]; then
      kk_timer
      return
    fi
    # Without an end its client can't take it for ended.
    [ -n "$kk_failed" ] || kk_exit
    kk_ended=126 kk_out=- kk_err=-
    kk_settle
  fi
  kk_ticks=$((kk_ticks + 1))
  kk_idles=
  for kk_relay in "$kk_out" "$kk_err"; do
    case $kk_relay in '' | -) continue ;; esac
    kk_w=
    { read -r kk_w <"/proc/$kk_relay/wchan"; } 2>/dev/null
    case $kk_w in
      *read*) kk_idles=y ;;
      *[!0]*) [ "$kk_ticks" -lt 30 ] || kk_idles=y ;;
      *) if [ "$kk_ticks" -ge 10 ] || kk_alive; then kk_idles=y; fi ;;
    esac
  done
  if [ -n "$kk_idles$kk_quit" ] || [ "$kk_ticks" -ge 40 ]; then
    kk_cutting=$((${kk_cutting:-0} + 1))
    # Who waits for them has been killed.
    [ "$kk_cutting" -lt 6 ] || kk_exit
    kk_cut
  fi
  kk_timer
}

kk_cut() {
  [ -n "$kk_cutting" ] || return 0
  for kk_relay in "$kk_out" "$kk_err"; do
    case $kk_relay in '' | -) ;; *) kill -KILL "$kk_relay" 2>/dev/null ;; esac
  done
}

kk_end_step() {
  [ -z "$kk_kill" ] || return 0
  kk_kill=wanted
  if [ -n "$kk_leader" ]; then kk_killer; else kk_timer; fi
}

# Where its status hasn't come yet, who would have said it may be gone, too.
kk_killed() {
  kk_kill='done'
  kk_settle
  [ -z "$kk_id" ] || [ -n "$kk_ended" ] || kk_timer
}

# The end of a step: status known, relays at their end, a killed group gone.
kk_settle() {
  [ -n "$kk_ended" ] || return 0
  case $kk_out$kk_err in --) ;; *) return 0 ;; esac
  case $kk_kill in busy) return 0 ;; esac
  # Waited for: after that it can't write an event of an older step.
  { kill -KILL "$kk_timer" && wait "$kk_timer"; } 2>/dev/null
  if [ -n "$kk_again" ] && [ -n "$kk_kill" ]; then kk_again='' kk_ended=143; fi
  if [ -n "$kk_again" ]; then
    kk_again='' kk_out='' kk_err='' kk_ended='' kk_ticks=0 kk_cutting='' kk_timer=''
    kk_launch ''
    return
  fi
  kk_tell "end $kk_id $kk_ended"
  kk_idle
  [ -z "$kk_quit" ] || kk_exit
}

# The client has gone or makes no sense: nothing of it stays behind.
kk_gone() {
  [ -n "$kk_id" ] || kk_exit
  kk_quit=y
  kk_end_step
}
