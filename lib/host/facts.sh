# shellcheck shell=sh
# Preflight: everything a plan needs to know of this host, as lines `key=value`. Changes nothing.

# Arguments: paths in shared/, each followed by what it is: `=` and its name as it is to be printed, a file that has to be there;
# `made`, a directory that is made where it is missing; `written`, a file that is made anew. Said in one go, since every piece of it
# would travel on its own.
kk_facts() {
  kk_facts_text=$(kk_facts_all "$@") && printf '%s\n' "$kk_facts_text"
}

kk_facts_all() {
  echo facts=1
  kk_facts_environment
  LC_ALL=C
  export LC_ALL
  echo "clock=$(date +%s)"
  { IFS= read -r kk_system </proc/sys/kernel/ostype; } 2>/dev/null || kk_system=$(uname -s)
  echo "system=$kk_system"
  kk_facts_current
  ! { IFS= read -r kk_v <"$kk_own/application"; } 2>/dev/null || kk_say application "$kk_v" 200
  kk_facts_rollback
  kk_facts_releases
  kk_facts_lock
  kk_told=
  while [ $# -ge 2 ]; do
    case $2 in
      =*)
        [ ! -d "$kk_shared/$1" ] || kk_payload_problem "$(kk_no_file "$kk_shared/$1")"
        [ -e "$kk_shared/$1" ] || printf 'missing=%s\n' "${2#=}"
        ;;
      made)
        if [ -d "$kk_shared/$1" ]; then
          :
        elif kk_is_there "$kk_shared/$1"; then
          kk_payload_problem "$(kk_no_directory "$kk_shared/$1")"
        else
          kk_facts_shared "$1"
        fi
        ;;
      written)
        if [ -L "$kk_shared/$1" ]; then
          kk_payload_problem "'$kk_shared/$1' is a symbolic link, where a template's result should be: remove it"
        elif [ -d "$kk_shared/$1" ]; then
          kk_payload_problem "$(kk_no_file "$kk_shared/$1")"
        else
          kk_facts_shared "$1"
        fi
        ;;
    esac
    shift 2
  done
  kk_facts_room
  kk_facts_place
  kk_facts_tools
  echo facts=end
}

kk_problem() {
  kk_say problem "$1"
}

# What keeps a new release away, but no rollback.
kk_payload_problem() {
  kk_say payload_problem "$1"
}

# What commands see, as far as people ask about it. Not all of it: there may be secrets.
kk_facts_environment() {
  for kk_d in PATH HOME USER SHELL LANG LC_ALL TZ; do
    eval "kk_v=\${$kk_d-}"
    [ -z "$kk_v" ] || kk_say env "$kk_d=$kk_v" 1000
  done
  echo "umask=$(umask)"
}

# One line, without control characters, at most $3 bytes.
kk_say() {
  kk_v=$2
  case $kk_v in *[[:cntrl:]]*) kk_v=$(printf %s "$kk_v" | tr -d '\001-\037\177') ;; esac
  printf "%s=%.${3:-4000}s\n" "$1" "$kk_v"
}

kk_facts_current() {
  kk_find_live
  case $kk_kind in
    live)
      echo "live=$kk_live"
      kk_d="$kk_releases/$kk_live"
      if [ ! -d "$kk_d" ] || [ -L "$kk_d" ]; then kk_facts_link gone; fi
      ;;
    link) kk_facts_link target ;;
    directory) echo current=directory ;;
    file)
      echo current=file
      kk_problem "'$kk_current' is a file, not a link: move it away"
      ;;
  esac
}

# $1: what is said of a link that leads to no release's folder.
kk_facts_link() {
  kk_say "$1" "$kk_target"
  [ -d "$kk_current" ] || echo current=nowhere
}

# A rollback to the live release that nobody has said to have gone well: what it left.
kk_facts_rollback() {
  kk_i='' kk_v=''
  { IFS=' ' read -r kk_i kk_v <"$kk_own/rollback"; } 2>/dev/null || return 0
  [ -n "$kk_live" ] && [ "$kk_v" = "$kk_live" ] || return 0
  if [ "$kk_i" = none ] || kk_is_id "$kk_i"; then echo "unsettled=$kk_i"; fi
}

# No process is started for a release: there may be many.
kk_facts_releases() {
  for kk_d in "$kk_releases"/*; do
    kk_i=${kk_d##*/}
    kk_is_id "$kk_i" && [ -d "$kk_d" ] && [ ! -L "$kk_d" ] || continue
    kk_read_record "$kk_i" || :
    case $kk_state in preparing | ready | good | bad | failed) ;; *) kk_state=- ;; esac
    echo "release=$kk_i $kk_state"
    kk_r=
    if [ -f "$kk_d/REVISION" ] && [ -r "$kk_d/REVISION" ]; then IFS= read -r kk_r <"$kk_d/REVISION" || :; fi
    [ -z "$kk_r" ] || kk_say revision "$kk_r" 200
    [ -z "$kk_was_by" ] || kk_say by "$kk_was_by" 200
    ! { IFS= read -r kk_r <"$kk_own/manifests/$kk_i/sum"; } 2>/dev/null || kk_say manifest "$kk_r" 64
  done
  for kk_d in "$kk_releases"/.pruned-*; do
    [ -d "$kk_d" ] && [ ! -L "$kk_d" ] || continue
    echo half_pruned=yes
    break
  done
}

# Where no other owner would help.
kk_facts_remedy() {
  # shellcheck disable=SC3067
  [ -O "$1" ] 2>/dev/null || [ "$(id -u)" = 0 ] || return
  echo ': look at its mode, and whether its file system is mounted read-only'
}

kk_facts_unwritable() {
  kk_say "$1" "'$2' is not writable for '$(id -un)'$(kk_facts_remedy "$2" || echo ': give it to that user')"
}

# Something has to be made at $1 in shared/: in the nearest folder above it that is there. All else of shared/ may be anybody's.
kk_facts_shared() {
  kk_d=$kk_shared/$1
  while :; do
    kk_d=${kk_d%/*}
    [ "${#kk_d}" -ge "${#kk_shared}" ] || return 0
    ! kk_is_there "$kk_d" || break
  done
  [ ! -d "$kk_d" ] || [ ! -w "$kk_d" ] || [ ! -x "$kk_d" ] || return 0
  # What shared/ itself is, is said below.
  [ "$kk_d" != "$kk_shared" ] || [ -d "$kk_d" ] || return 0
  case $kk_told in *"$kk_nl$kk_d$kk_nl"*) return 0 ;; esac
  kk_told=$kk_told$kk_nl$kk_d$kk_nl
  if [ -d "$kk_d" ]; then kk_facts_unwritable payload_problem "$kk_d"; else kk_payload_problem "$(kk_no_directory "$kk_d")"; fi
}

kk_facts_room() {
  kk_gnu=
  if kk_is_unseen; then
    kk_say unseen "$kk_why"
  elif [ ! -d "$kk_a" ]; then
    kk_problem "'$kk_a' is no directory: move it away, or choose another deploy_to"
    return
  elif [ "$kk_a" != "$kk_root" ]; then
    [ -w "$kk_a" ] && [ -x "$kk_a" ] || kk_problem "can't make '$kk_root', since '$kk_a' is not writable$(kk_facts_remedy "$kk_a" || kk_install)"
  else
    for kk_d in "$kk_root" "$kk_releases" "$kk_shared" "$kk_own" "$kk_states" "$kk_own/manifests" "$kk_own/tmp"; do
      kk_is_there "$kk_d" || continue
      kk_v=problem
      case $kk_d in "$kk_releases" | "$kk_shared" | "$kk_own/manifests") kk_v=payload_problem ;; esac
      if [ ! -d "$kk_d" ]; then
        kk_say "$kk_v" "$(kk_no_directory "$kk_d")"
      elif [ "$kk_d" != "$kk_shared" ] && { [ ! -w "$kk_d" ] || [ ! -x "$kk_d" ]; }; then
        kk_facts_unwritable "$kk_v" "$kk_d"
      fi
    done
    for kk_d in "$kk_own/log.jsonl" "$kk_root/revisions.log"; do
      kk_is_there "$kk_d" || continue
      if [ ! -f "$kk_d" ] || [ ! -w "$kk_d" ]; then
        kk_problem "'$kk_d' can't be appended to by '$(id -un)'$(kk_facts_remedy "$kk_d" || echo ': give it to that user'), or move it away"
      fi
    done
  fi
  # releases/ may be on a disk of its own.
  kk_d=$kk_a
  [ ! -d "$kk_releases" ] || kk_d=$kk_releases
  # GNU's df says both at once.
  if kk_v=$(df -k --output=avail,iavail "$kk_a" "$kk_d" 2>/dev/null) && kk_pair free "${kk_v##*"$kk_nl"}"; then
    kk_v=${kk_v%"$kk_nl"*}
    ! kk_pair root "${kk_v##*"$kk_nl"}" || kk_facts_reserve
    kk_gnu=yes
    return
  fi
  kk_columns kilobytes "$(df -Pk "$kk_a" "$kk_d" 2>/dev/null)"
  [ -z "$kk_free" ] || kk_facts_reserve
  kk_columns inodes "$(df -Pi "$kk_a" "$kk_d" 2>/dev/null)"
}

# kk_free: the root's KiB. Where these are few, root has the room that the file system keeps for it, too, of which df says nothing.
kk_facts_reserve() {
  [ "$kk_free" -lt 1024 ] && [ "$(id -u)" = 0 ] && kk_v=$(stat -f -c '%f %S' "$kk_a" 2>/dev/null) || return 0
  case ${kk_v% *}${kk_v#* } in '' | *[!0-9]*) ;; *) echo "root_kilobytes=$((${kk_v% *} * ${kk_v#* } / 1024))" ;; esac
}

# Which tree it is: the same by every name of this host, and no other host's, since a container has its own device or its own folder.
# Nothing where that isn't known, nor under the lock, by which a tree is told as well.
kk_facts_place() {
  [ -z "${kk_token-}" ] || return 0
  kk_here
  [ -n "$kk_boot" ] && kk_v=$(stat -L -c %d:%i "$kk_a" 2>/dev/null) || return 0
  kk_say place "$kk_boot $kk_machine $kk_v ${kk_root#"$kk_a"}"
}

# Two numbers, of disk $1; a file system without inodes to count says `-`.
kk_pair() {
  IFS=' ' read -r kk_free kk_i kk_x <<EOF
$2
EOF
  case $kk_free$kk_x in '' | *[!0-9]*) return 1 ;; esac
  echo "${1}_kilobytes=$kk_free"
  case $kk_i in '' | *[!0-9]*) ;; *) echo "${1}_inodes=$kk_i" ;; esac
}

# $1: what is counted; $2: what df says, whose last line is of releases/, and the one before it of the root.
kk_columns() {
  ! kk_column "${2##*"$kk_nl"}" || echo "free_$1=$kk_free"
  kk_v=${2%"$kk_nl"*}
  ! kk_column "${kk_v##*"$kk_nl"}" || echo "root_$1=$kk_free"
}

# kk_free: the column before the one in percent, on a line of df's.
kk_column() {
  kk_free=
  set -f
  # shellcheck disable=SC2086
  set -- $1
  while [ $# -gt 1 ]; do
    case $2 in
      [0-9]*%)
        kk_free=$1
        break
        ;;
    esac
    shift
  done
  set +f
  case $kk_free in '' | *[!0-9]*) return 1 ;; esac
}

kk_facts_tools() {
  for kk_d in zstd gzip setsid sudo rsync; do
    ! command -v "$kk_d" >/dev/null || echo "$kk_d=yes"
  done
  for kk_d in mkfifo mktemp readlink sync; do
    command -v "$kk_d" >/dev/null || kk_problem "there is no '$kk_d' here: install it"
  done
  for kk_d in ${kk_unpackers-tar tee} find chmod; do
    command -v "$kk_d" >/dev/null || kk_payload_problem "there is no '$kk_d' here: install it"
  done
  # Not tried out, since that costs as much as a small payload. One that doesn't work fails the upload.
  kk_v=
  for kk_d in openssl sha256sum shasum sha256; do
    [ -n "$kk_v" ] || ! command -v "$kk_d" >/dev/null || kk_v=$kk_d
  done
  # It may have more tools than names.
  [ -n "$kk_v" ] || ! busybox sha256sum </dev/null >/dev/null 2>&1 || kk_v=busybox
  if [ -n "$kk_v" ]; then echo "hash=$kk_v"; else kk_payload_problem "no tool computes sha-256 here: install openssl"; fi
  # Its start takes far less time than openssl's.
  [ "$kk_v" != openssl ] || ! command -v sha256sum >/dev/null || echo small_hash=sha256sum
  # One answer for all of GNU's tools: coreutils are one package. sync -f came later than df's --output: kk_sync_all knows.
  [ "$kk_system:$kk_gnu" != Linux:yes ] || {
    printf '%s\n' gnu=yes sync_fs=yes mv=T
    return
  }
  # Not tried out: that would flush a busy host's disks.
  case $kk_system:$(sync --help 2>&1 </dev/null) in Linux:*" -f"* | Linux:*"[-df]"*) echo sync_fs=yes ;; esac
  kk_temporary || {
    kk_problem "can't make a temporary folder in '${TMPDIR:-/tmp}', /dev/shm, /var/tmp or the home folder: make room there"
    return
  }
  # A link to a folder, that folder being its own, and another one to be renamed over it.
  kk_l="$kk_t/${kk_t##*/}"
  for kk_d in T h perl python3 ''; do
    [ ! -L "$kk_l" ] || rm -f "$kk_l"
    ln -s "$kk_t" new "$kk_t" 2>/dev/null || [ -L "$kk_l" ] || break
    kk_rename "$kk_d" "$kk_t/new" "$kk_l" >/dev/null 2>&1 || continue
    [ -L "$kk_l" ] && [ ! -e "$kk_l" ] && break
  done
  rm -rf "$kk_t"
  if [ -n "$kk_d" ]; then echo "mv=$kk_d"; else kk_problem "'mv' can't replace a link here: install coreutils or perl"; fi
}
