# shellcheck shell=sh
# The run lock, `.kirikae/lock`: a file with a line for each value, as is the freeze, `.kirikae/frozen` (freeze.sh). The lock is made
# whole, by link(2), and is held by a control shell: kk_shell is its process id. docs/design.md has the rules.

# Whose it is, as lines of the answer.
kk_say_lock() {
  for kk_key in by since what url token; do
    eval "kk_say ${1}_$kk_key \"\$kk_l_$kk_key\" 300"
  done
}

# Whether /proc shows processes by the numbers that they have here: one that was mounted outside of our namespace has two for each of ours.
kk_proc_is_ours() {
  kk_v=
  {
    while read -r kk_key kk_v; do
      [ "$kk_key" != NSpid: ] || break
    done </proc/self/status
  } 2>/dev/null
  case $kk_v in '' | *[!0-9]*) return 1 ;; esac
}

# What tells this system, and this view of its processes, from others. Empty where there is no /proc.
kk_here() {
  [ -z "${kk_machine-}" ] || return 0
  kk_boot='' kk_space='' kk_machine=''
  ! kk_proc_is_ours || { IFS= read -r kk_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || :
  { IFS= read -r kk_machine </proc/sys/kernel/hostname; } 2>/dev/null || kk_machine=$(uname -n)
  kk_space=$(readlink /proc/self/ns/pid 2>/dev/null) || :
}

# kk_s: when process $1 began, by /proc; fails where there is no such process.
kk_began() {
  { IFS= read -r kk_s <"/proc/$1/stat"; } 2>/dev/null || return 1
  kk_s=${kk_s##*') '}
  case $kk_s in [XZ]*) return 1 ;; esac
  # shellcheck disable=SC2086
  set -- $kk_s
  shift 19 2>/dev/null || return 1
  kk_s=$1
}

# Whether the holder of the lock that was read lives. Where its process can't be seen: whether it has been heard of in the last
# minute, since its client's heartbeats touch the file.
kk_lock_alive() {
  kk_here
  if [ -n "$kk_boot" ] && [ -O "$1" ]; then
    if [ "$kk_l_boot:$kk_l_space" = "$kk_boot:$kk_space" ]; then
      kk_began "$kk_l_pid" && [ "$kk_s" = "$kk_l_start" ]
      return
    fi
    # Started again since.
    [ -z "$kk_l_boot" ] || [ "$kk_l_boot" = "$kk_boot" ] || [ "$kk_l_machine" != "$kk_machine" ] || return 1
  fi
  [ -z "$(find "$1" -mmin +1 2>/dev/null)" ]
}

# Whether process kk_l_pid is for certain the holder of the lock that was read. A file's age says nothing of that: in another view of the
# processes, or on another machine, that number is somebody else's. Without /proc it has to be called as our control shells are (start_line).
kk_holder_is_here() {
  kk_here
  [ "$kk_l_boot:$kk_l_space" = "$kk_boot:$kk_space" ] || return 1
  if [ -n "$kk_boot" ]; then
    kk_began "$kk_l_pid" && [ "$kk_s" = "$kk_l_start" ]
    return
  fi
  [ "$kk_l_machine" = "$kk_machine" ] || return 1
  case $(ps -o args= -p "$kk_l_pid" 2>/dev/null) in *' -c kk_r() '*) ;; *) return 1 ;; esac
}

# The folders for it; kk_made says which of them were not there.
kk_lock_folders() {
  kk_made=none
  if [ ! -d "$kk_own" ]; then
    kk_made=own
    if [ ! -d "$kk_root" ]; then
      kk_made=root
      mkdir -p "$kk_root" 2>/dev/null || return 1
    fi
    mkdir "$kk_own" 2>/dev/null || [ -d "$kk_own" ] || return 1
  fi
  [ -d "$kk_own/tmp" ] || mkdir -m 700 "$kk_own/tmp" 2>/dev/null || [ -d "$kk_own/tmp" ]
}

kk_write_lock() {
  kk_here
  kk_s=
  kk_began "$kk_shell" || :
  (
    umask 022
    set -C
    printf '%s %s\n' token "$kk_token" host "$kk_name" pid "$kk_shell" start "$kk_s" boot "$kk_boot" space "$kk_space" \
      machine "$kk_machine" made "$kk_made" by "$kk_by" since "$kk_since" what "$kk_what" url "$kk_url" >"$kk_mine"
  ) 2>/dev/null
}

# Ends with 0: it is ours, and `locked=yes` says so; or it can't be made, for a reason that the facts tell. 3: somebody has it;
# 7: frozen; 8: this very run has it, under another host's name. The answer says whose it is.
kk_lock() {
  if kk_read_lock "$kk_own/frozen" && [ "$kk_despite" != yes ]; then
    kk_say_lock frozen
    exit 7
  fi
  kk_mine=
  for kk_try in 1 2 3; do
    # A lock that is freed at the same moment may take the folders with it.
    kk_lock_folders || break
    kk_mine="$kk_own/tmp/lock.$kk_token.$kk_shell"
    [ ! -e "$kk_mine" ] || rm -f "$kk_mine"
    kk_write_lock && break
    kk_mine=
  done
  [ -n "$kk_mine" ] || return 0
  kk_try=0
  kk_got=$(kk_lock_try) || kk_try=$?
  printf %s "${kk_got:+$kk_got$kk_nl}"
  # The lock's other name stays as long as the lock, which spares a program.
  [ -n "$kk_got" ] && [ "$kk_try" = 0 ] || rm -f "$kk_mine"
  [ "$kk_try" = 0 ] || exit "$kk_try"
}

kk_lock_try() {
  kk_tries=0
  until ln "$kk_mine" "$kk_own/lock" 2>/dev/null; do
    kk_tries=$((kk_tries + 1))
    if ! kk_read_lock "$kk_own/lock"; then
      # Freed in between, perhaps after many looks at how another one took it over; or there can't be one here.
      [ "$kk_tries" -lt 70 ] || return 0
      continue
    fi
    if [ "$kk_l_token" = "$kk_token" ]; then
      [ "$kk_l_pid" != "$kk_shell" ] || break
      # The same run over an older connection: what it may still do has to be over.
      kk_evict && continue
    elif [ "${kk_l_token%.*}" = "${kk_token%.*}" ]; then
      kk_say lock_host "$kk_l_host" 300
      return 8
    elif ! kk_lock_alive "$kk_own/lock" && kk_take_over "$kk_own/lock" && [ "$kk_tries" -lt 50 ]; then
      continue
    fi
    kk_read_lock "$kk_own/lock" || continue
    kk_say_lock lock
    return 3
  done
  echo locked=yes
}

# Removes $1, the lock of a dead holder, which has just been read. The right to do so is a link named after that holder, so that one
# alone has it; and then the lock is looked at again, since another may have done all that before. Whoever has the right may
# have died, too: then the right is removed in the very same way, or of two who find it dead the second would remove the first
# one's new right. $2 counts how deep that goes: a right that was torn by a crash may be named after itself.
kk_take_over() {
  kk_dead="$kk_l_token.$kk_l_pid"
  kk_right="$kk_own/tmp/taken.$kk_dead"
  case ${2-} in xxx) rm -f "$1" && return ;; esac
  if ! ln "$kk_mine" "$kk_right" 2>/dev/null; then
    if kk_read_lock "$kk_right" && ! kk_lock_alive "$kk_right"; then (kk_take_over "$kk_right" "x${2-}"); fi
    return 0
  fi
  if kk_read_lock "$1" && [ "$kk_l_token.$kk_l_pid" = "$kk_dead" ]; then rm -f "$kk_own/tmp/lock.$kk_dead" "$1"; fi
  rm -f "$kk_right"
}

kk_evict() {
  kk_i=0
  while kk_read_lock "$kk_own/lock" && [ "$kk_l_token" = "$kk_token" ] && [ "$kk_l_pid" != "$kk_shell" ]; do
    [ "$kk_i" -lt 100 ] || return 1
    if ! kk_lock_alive "$kk_own/lock"; then
      kk_take_over "$kk_own/lock"
      [ -e "$kk_own/lock" ] || break
    elif [ "$kk_i" = 0 ]; then
      ! kk_holder_is_here || kill -TERM "$kk_l_pid" 2>/dev/null || :
    fi
    # Somebody else has the right to it, or the holder is at its end.
    sleep 0.1 2>/dev/null || {
      sleep 1
      kk_i=$((kk_i + 9))
    }
    kk_i=$((kk_i + 1))
  done
}

# For the facts: whose lock there is (`stale`: its holder is dead, and the next run takes it over), and the freeze.
kk_facts_lock() {
  # Our own needs no look at its holder.
  if kk_read_lock "$kk_own/lock" && [ "$kk_l_token" != "${kk_token-}" ]; then
    if kk_lock_alive "$kk_own/lock"; then kk_say_lock lock; else kk_say_lock stale; fi
  fi
  if kk_read_lock "$kk_own/frozen"; then kk_say_lock frozen; fi
}
