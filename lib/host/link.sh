# shellcheck shell=sh
# What a release doesn't bring itself: shared directories and files, paths taken over from the release before, REVISION.

# The sum that kk_receive has noted.
kk_verify() {
  kk_need_preparing
  kk_s=
  { read -r kk_s <"$kk_own/tmp/sum.$kk_release"; } 2>/dev/null ||
    kk_fail "the payload of release '$kk_release' has not arrived whole: deploy again"
  [ "$kk_s" = "$kk_expected" ] ||
    kk_fail "the payload of release '$kk_release' arrived changed (sha256 $kk_s, sent $kk_expected): deploy again"
}

# Arguments: kk_directories shared directories (ancestors before what lies in them), kk_files shared files, copied paths.
kk_link() {
  kk_need_preparing
  kk_rel=$(cd -P "$kk_releases/$kk_release" && pwd) && kk_base=$(cd -P "$kk_root" && pwd) ||
    kk_fail "can't enter '$kk_releases/$kk_release'"
  kk_base=$kk_base${kk_shared#"$kk_root"}
  kk_each kk_link_check "$@"
  kk_missing=
  kk_each kk_link_missing "$@"
  [ -z "$kk_missing" ] || kk_fail "shared files are missing in '$kk_shared':$kk_missing: put them there, then deploy again"
  # Before the links: a shared directory may lie in a copied one. What was copied may have brought links again.
  kk_each kk_link_copy "$@"
  kk_each kk_link_check "$@"
  kk_each kk_link_seed "$@"
  kk_each kk_link_make "$@"
  kk_remove "$kk_rel/REVISION" && printf '%s\n' "$kk_revision" >"$kk_rel/REVISION" ||
    kk_fail "can't write '$kk_rel/REVISION'"
}

# Calls $1 with `directory`, `file` or `copied` and a path, for each of them.
kk_each() {
  kk_do=$1
  shift
  kk_n=0
  kk_above=$kk_nl
  for kk_p; do
    kk_n=$((kk_n + 1))
    if [ "$kk_n" -le "$kk_directories" ]; then
      "$kk_do" directory "$kk_p"
    elif [ "$kk_n" -le $((kk_directories + kk_files)) ]; then
      "$kk_do" file "$kk_p"
    else
      "$kk_do" copied "$kk_p"
    fi
  done
}

# Every parent inside the release is a real directory, or not there yet. Through a link we would write elsewhere.
kk_link_check() {
  ! kk_inside "$@" || return 0
  kk_left=$2
  kk_done=$kk_rel
  while :; do
    case $kk_left in */*) ;; *) break ;; esac
    kk_done=$kk_done/${kk_left%%/*}
    kk_left=${kk_left#*/}
    [ ! -L "$kk_done" ] || kk_fail "'$2': its parent '$kk_done' is a symbolic link, so it could lie outside of the release:" \
      "make it a real directory in the source"
    [ ! -e "$kk_done" ] || [ -d "$kk_done" ] ||
      kk_fail "'$2': its parent '$kk_done' is a file: remove it from the source"
  done
  [ ! -L "$kk_rel/$2" ] || return 0
  case $1 in
    file) [ ! -d "$kk_rel/$2" ] || kk_fail "shared file '$2' is a directory in the release: remove it from the source" ;;
    directory)
      [ ! -e "$kk_rel/$2" ] || [ -d "$kk_rel/$2" ] ||
        kk_fail "shared directory '$2' is a file in the release: remove it from the source"
      ;;
  esac
}

# Whether the path lies in a shared directory that was seen before, and so comes with it.
kk_inside() {
  kk_left=$2
  while :; do
    case $kk_left in */*) kk_left=${kk_left%/*} ;; *) break ;; esac
    case $kk_above in *"$kk_nl$kk_left/$kk_nl"*) return 0 ;; esac
  done
  [ "$1" != directory ] || kk_above="$kk_above$2/$kk_nl"
  return 1
}

kk_link_missing() {
  [ "$1" = file ] || return 0
  [ ! -d "$kk_shared/$2" ] || kk_fail "$(kk_no_file "$kk_shared/$2")"
  [ -e "$kk_shared/$2" ] || kk_missing="$kk_missing '$2'"
}

# What dead runs have left in the folder $1, of kind $2, goes after a day: shared/ may be that of other hosts, too.
kk_sweep_dead() {
  for kk_t in "$1/.kirikae-$2."????????; do
    [ ! -e "$kk_t" ] || (cd "$1" && find . ! -name . -prune -name ".kirikae-$2.????????" -mtime +1 -exec rm -rf {} +) || :
    return 0
  done
}

# On first use; with what the payload brings, whole or not at all.
kk_link_seed() {
  [ "$1" = directory ] || return 0
  # Beside its place, since shared/ may lie on another file system, where mv is no rename, and be that of other hosts, too.
  kk_d=$kk_shared/$2
  kk_d=${kk_d%/*}
  kk_sweep_dead "$kk_d" seed
  [ ! -d "$kk_shared/$2" ] || return 0
  ! kk_is_there "$kk_shared/$2" || kk_fail "$(kk_no_directory "$kk_shared/$2")"
  case $2 in */*) mkdir -p "$kk_shared/${2%/*}" || kk_fail "can't make '$kk_shared/${2%/*}'" ;; esac
  if [ -d "$kk_rel/$2" ] && [ ! -L "$kk_rel/$2" ]; then
    kk_t=$(mktemp -d "$kk_d/.kirikae-seed.XXXXXXXX") || kk_fail "can't write to '$kk_d'"
    # Where another host is quicker, mv brings it into what that has made.
    kk_seed=${kk_t##*/}
    kk_copy "$kk_rel/$2" "$kk_t/$kk_seed" && { mv "$kk_t/$kk_seed" "$kk_shared/$2" || [ -d "$kk_shared/$2" ]; } || {
      rm -rf "$kk_t"
      kk_fail "can't copy '$2' of the release to '$kk_shared/$2': check the room on the disk"
    }
    rm -rf "$kk_t" "${kk_shared:?}/$2/$kk_seed"
  else
    mkdir "$kk_shared/$2" || [ -d "$kk_shared/$2" ] || kk_fail "can't make '$kk_shared/$2'"
  fi
}

kk_link_make() {
  [ "$1" != copied ] || return 0
  ! kk_inside "$@" || return 0
  kk_where=$kk_rel
  case $2 in */*) kk_where=$kk_rel/${2%/*} ;; esac
  [ -d "$kk_where" ] || mkdir -p "$kk_where" || kk_fail "can't make '$kk_where'"
  kk_relative "$kk_where" "$kk_base/$2"
  kk_remove "${kk_rel:?}/$2" && ln -s "$kk_way" "$kk_rel/$2" || kk_fail "can't link '$kk_rel/$2' to '$kk_shared/$2'"
}

kk_remove() {
  ! kk_is_there "$1" || rm -rf "$1"
}

# kk_way: from the folder $1 to $2, both real and absolute.
kk_relative() {
  kk_from=$1/
  kk_to=$2
  while [ "${kk_from%%/*}" = "${kk_to%%/*}" ]; do
    case $kk_from in */*) ;; *) break ;; esac
    case $kk_to in */*) ;; *) break ;; esac
    kk_from=${kk_from#*/}
    kk_to=${kk_to#*/}
  done
  kk_way=$kk_to
  while [ -n "$kk_from" ]; do
    kk_way=../$kk_way
    kk_from=${kk_from#*/}
  done
}

kk_link_copy() {
  ! kk_inside "$@" || return 0
  [ "$1" = copied ] && [ -n "$kk_previous" ] || return 0
  ! kk_is_there "$kk_rel/$2" || return 0
  kk_p="$kk_releases/$kk_previous/$2"
  kk_is_there "$kk_p" || return 0
  case $2 in */*) mkdir -p "$kk_rel/${2%/*}" || kk_fail "can't make '$kk_rel/${2%/*}'" ;; esac
  kk_copy "$kk_p" "$kk_rel/$2" ||
    kk_fail "can't copy '$2' from release '$kk_previous': check its owner and the room on the disk"
}

# A copy that shares blocks where the file system can; never hard links, which would tie the releases together.
kk_copy() {
  case $(cp --help 2>&1 </dev/null) in
    *--reflink*) cp --reflink=auto -RPp "$1" "$2" ;;
    *) cp -RPp "$1" "$2" ;;
  esac
}
