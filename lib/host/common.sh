# shellcheck shell=sh
# What several functions need. A step's text assigns the kk_ variables that stand for paths and values (command.cc).

kk_nl='
'

# Functions that bash has from whoever called it would take the place of what we mean.
[ -z "${BASH_VERSION-}" ] ||
  unset -f awk cat cd chgrp chmod command cp cut date dd df echo env find grep gzip id kill ln ls mkdir mkfifo mktemp mv openssl perl printenv printf ps pwd read \
    readlink rm rmdir sed setsid sha256sum sleep sort stat sudo sync tail tar tee touch tr uname uniq wait wc xargs zstd

# $1 as it is. Where printf is a program (mksh, OpenBSD), everybody could read there what it is given.
kk_put() { printf %s "$1"; }
if ! PATH=/nonexistent printf '' 2>/dev/null; then
  # shellcheck disable=SC3045
  if [ "$(print -rn -- x 2>/dev/null)" = x ]; then
    kk_put() { print -rn -- "$1"; }
  else
    kk_put() { kk_f=$1 awk 'BEGIN { ORS = ""; print ENVIRON["kk_f"] }'; }
  fi
fi

kk_is_id() {
  case $1 in *[!0-9]*) return 1 ;; ??????????????) return 0 ;; esac
  return 1
}

# Whatever it is: a link that leads nowhere, too.
kk_is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# A private folder, kk_t, that nobody else can have guessed.
kk_temporary() {
  for kk_d in "${TMPDIR:-/tmp}" /dev/shm /var/tmp "${HOME:-/}"; do
    kk_t=$(mktemp -d "$kk_d/kirikae.XXXXXXXX" 2>/dev/null) && return
  done
  echo "can't make a temporary folder in '${TMPDIR:-/tmp}', /dev/shm, /var/tmp or the home folder: make room there" >&2
  return 1
}

# An unnamed pipe on descriptor $1: a here-document is one in most shells. Fails where it isn't, or where the system has no name by
# which it could be opened anew, for writing.
kk_here_pipe() {
  [ -z "${KSH_VERSION-}" ] || return 1
  eval "exec $1<<.
.
"
  [ -p "/proc/self/fd/$1" ] && [ -w "/proc/self/fd/$1" ] && return
  eval "exec $1<&-"
  return 1
}

# Where `current` points: kk_kind none | live (then kk_live) | link (then kk_target) | directory | file. Fails where it can't be read.
kk_read_current() {
  kk_live='' kk_target=''
  if [ -L "$kk_current" ]; then
    kk_target=$(readlink "$kk_current") || {
      echo "can't read the link '$kk_current'" >&2
      return 1
    }
    kk_v=${kk_target%/}
    kk_live=${kk_v##*/}
    kk_kind=live
    if kk_is_id "$kk_live"; then
      case ${kk_v#./} in "${kk_releases##*/}/$kk_live" | "$kk_releases/$kk_live") return ;; esac
    fi
    # Through other links, perhaps.
    kk_v=$(cd -P "$kk_current" 2>/dev/null && pwd) && kk_live=${kk_v##*/} && kk_is_id "$kk_live" &&
      [ "$(cd -P "$kk_releases" 2>/dev/null && pwd)" = "${kk_v%/*}" ] && return
    kk_live='' kk_kind=link
  elif [ -d "$kk_current" ]; then
    kk_kind=directory
  elif [ -e "$kk_current" ]; then
    kk_kind='file'
  else
    kk_kind=none
  fi
}

# What to do where $1 should be a directory, or a file, and is there as something else.
kk_no_directory() {
  if [ -L "$1" ] && [ ! -e "$1" ]; then
    echo "'$1' is a link to what isn't there: mount its disk, or make what it leads to"
  else
    echo "'$1' is no directory: move it away"
  fi
}

kk_no_file() { echo "'$1' is a directory, not a file: move it away, and put the file there"; }

# Whether `current` is a link that leads to $1. Where the shell can't tell, it doesn't.
kk_leads_to() {
  # shellcheck disable=SC3013
  [ -L "$kk_current" ] && [ "$kk_current" -ef "$1" ] 2>/dev/null
}

# kk_read_current, mostly without a program: where a release is live, kk_target may be empty.
kk_find_live() {
  kk_kind=live kk_target=''
  for kk_d in "$kk_releases"/*; do
    kk_live=${kk_d##*/}
    kk_leads_to "$kk_d" && kk_is_id "$kk_live" && [ ! -L "$kk_d" ] || continue
    return
  done
  kk_read_current
}

# kk_state, kk_was_revision, kk_was_by and kk_was_previous from the record of release $1; fails where it has none. An empty
# record, which a crash may leave, is one of an unfinished release.
kk_read_record() {
  kk_state='' kk_was_revision='' kk_was_by='' kk_was_previous=''
  [ -f "$kk_states/$1" ] && [ -r "$kk_states/$1" ] || return 1
  kk_state=preparing
  while IFS=' ' read -r kk_key kk_v; do
    case $kk_key in
      state) kk_state=$kk_v ;;
      revision) kk_was_revision=$kk_v ;;
      by) kk_was_by=$kk_v ;;
      previous) kk_was_previous=$kk_v ;;
    esac
  done <"$kk_states/$1"
}

# The record of kk_release, with state $1, to the file $2, which isn't there yet.
kk_put_record() {
  (
    umask 022
    set -C
    printf 'state %s\nrevision %s\nby %s\nprevious %s\n' "$1" "$kk_revision" "$kk_by" "$kk_previous" >"$2"
  )
}

# Writes the record of kk_release anew, with state $1; $2: a path whose file system has to be on disk before.
kk_write_record() {
  kk_file="$kk_own/tmp/state.$kk_release.$$"
  ! kk_is_there "$kk_file" || rm -f "$kk_file"
  kk_put_record "$1" "$kk_file" && kk_sync_record "${2-}" && mv -f "$kk_file" "$kk_states/$kk_release" && return
  rm -f "$kk_file"
  echo "can't record release '$kk_release' as $1 in '$kk_states': check its owner and the room on the disk" >&2
  return 1
}

kk_sync_record() {
  if [ -z "$1" ]; then
    kk_sync_file "$kk_file"
  else
    kk_sync_all "$1" "$kk_file" || {
      rm -f "$kk_file"
      kk_fail "can't sync release '$kk_release' to disk: check the disk's health, then deploy again"
    }
  fi
}

# The same, where the record that was read says the rest.
kk_change_record() {
  kk_revision=$kk_was_revision kk_by=$kk_was_by kk_previous=$kk_was_previous
  kk_write_record "$1"
}

# To disk: one file; or the whole file systems of paths. A step that doesn't say how the host does it needs none.
kk_sync_file() {
  case ${kk_syncfs-} in yes) sync "$1" ;; no) sync ;; esac
}

kk_sync_all() {
  if [ "${kk_syncfs-}" = yes ]; then
    sync -f "$@" && return
    # An old one refuses -f, which is no failure of the disk.
    case $(sync --help 2>&1 </dev/null) in *-f*) return 1 ;; esac
  fi
  sync
}

# rename(2) of $2 over the link $3, which mv alone would follow.
kk_rename() {
  case $1 in
    T | h) mv "-f$1" "$2" "$3" ;;
    perl) perl -e 'rename $ARGV[0], $ARGV[1] or die "$!\n"' "$2" "$3" ;;
    python3) python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$2" "$3" ;;
    *) return 1 ;;
  esac
}

# SHA-256 of standard input, in the tool's own words; kk_sum finds the digits.
kk_hash() {
  case $1 in
    openssl) openssl dgst -sha256 ;;
    sha256sum) sha256sum ;;
    shasum) shasum -a 256 ;;
    sha256) sha256 -q ;;
    busybox) busybox sha256sum ;;
    *) return 1 ;;
  esac
}

kk_sum() {
  kk_s=${1##*= }
  kk_s=${kk_s%% *}
  case $kk_s in *[!0-9a-f]*) return 1 ;; esac
  [ "${#kk_s}" = 64 ]
}

# The release's own folder, never a link.
kk_need_release() {
  [ -d "$kk_releases/$kk_release" ] && [ ! -L "$kk_releases/$kk_release" ] ||
    kk_fail "release '$kk_release' is not in '$kk_releases'"
}

# Only an unfinished release is ever written to.
kk_need_preparing() {
  kk_need_release
  kk_read_record "$kk_release" || kk_fail "release '$kk_release' has no record in '$kk_states': prepare it first"
  [ "$kk_state" = preparing ] ||
    kk_fail "release '$kk_release' is $kk_state, so it isn't changed any more: deploy a new release"
}

# kk_text: the next kk_n lines of standard input.
kk_read_text() {
  kk_text=
  while [ "$kk_n" -gt 0 ]; do
    IFS= read -r kk_line || exit 2
    kk_text="$kk_text$kk_line$kk_nl"
    kk_n=$((kk_n - 1))
  done
}

# Without the control shell there is no lock any more, for a step that begins late.
kk_need_control() { kill -0 "$kk_shell" 2>/dev/null || exit 143; }

# In the step's own shell.
kk_step() {
  echo "p $$" >&6
  exec 6>&-
  kk_text=$KIRIKAE_STEP
  kk_shell=$KIRIKAE_SHELL
  kk_need_control
  unset KIRIKAE_SCRIPT KIRIKAE_STEP KIRIKAE_SHELL
  set -e
}
