# shellcheck shell=sh
# The step's process group, kk_leader's, as its control shell ends it.

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
