# shellcheck shell=sh
# The step's process group, kk_leader's, as its control shell ends it, and finds that it has ended.

# The whole group; without setsid only the step's shell. posh has no kill of its own, and the system's may take a number behind a dash for a signal.
kk_group() {
  if [ -n "$kk_setsid" ]; then kill "$1" ${POSH_VERSION:+--} "-$kk_leader" 2>/dev/null; else kill "$1" "$kk_leader" 2>/dev/null; fi
}

kk_alive() {
  [ -n "$kk_leader" ] && kk_group -0
}

# Whether any of the group lives. Dead ones count for kill(2) until their parent has taken note: in a container, that may be
# never, so /proc is asked where there is one.
kk_living() {
  kk_alive || return 1
  [ -n "$kk_setsid" ] && [ -r "/proc/$$/stat" ] || return 0
  # Where there are thousands, a look at all of them takes seconds.
  ! kk_member "$kk_seen" || return 0
  for kk_seen in /proc/[0-9]*/stat; do
    ! kk_member "$kk_seen" || return 0
  done
  return 1
}

# Whether $1, /proc/N/stat, is that of a process that lives.
kk_runs() {
  { IFS= read -r kk_line <"$1"; } 2>/dev/null || return 1
  kk_line=${kk_line##*') '}
  case $kk_line in [XZ]*) return 1 ;; esac
}

# Whether $1 is that of one of the group that lives.
kk_member() {
  kk_runs "$1" || return 1
  kk_line=${kk_line#* * }
  [ "${kk_line%% *}" = "$kk_leader" ]
}

# TERM every second until the group is gone, KILL after five, given up after six.
kk_killer() {
  kk_kill=busy
  [ -z "$kk_working" ] || kk_worker=
  kk_group -TERM
  (
    kk_i=0
    kk_seen=/proc/$kk_leader/stat
    while kk_living; do
      case $kk_i in
        10 | 20 | 30 | 40) kk_group -TERM ;;
        5?) kk_group -KILL ;;
        6?) break ;;
      esac
      sleep 0.1 || {
        sleep 1
        kk_i=$((kk_i + 9))
      }
      kk_i=$((kk_i + 1))
    done
    echo k >&6
  ) >/dev/null 2>&1 &
}

# Who tells a step's status (kk_lead) tells it before it lets go of the relays. Both are at their end without that: it was killed, or they were.
kk_drained() {
  kk_settle
  case $kk_out$kk_err$kk_ended$kk_kill$kk_failed in --) kk_look_after ;; esac
}

# With each ping, since somebody whom the step has left behind may hold the relays; and each second where they are at their end. Three times,
# since a status may be on its way.
kk_look_after() {
  [ -n "$kk_id" ] && [ -z "$kk_working$kk_ended$kk_kill$kk_failed" ] || return 0
  if kk_leads; then
    kk_missed=0
    return
  fi
  kk_missed=$((kk_missed + 1))
  if [ "$kk_missed" -lt 3 ]; then
    case $kk_out$kk_err$kk_ours in --) kk_timer ;; esac
    return
  fi
  kk_group -KILL
  kk_tell 'the process that waits for this step was killed: how it has ended is not known'
  kk_end 137
}

# Whether the step's shell lives, or may not have said yet that it does.
kk_leads() {
  if [ -z "$kk_leader" ]; then
    case $kk_out$kk_err$kk_ours in --) return 1 ;; *) return 0 ;; esac
  fi
  if [ -r "/proc/$$/stat" ]; then kk_runs "/proc/$kk_leader/stat"; else kill -0 "$kk_leader" 2>/dev/null; fi
}
