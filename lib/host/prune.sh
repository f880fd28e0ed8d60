# shellcheck shell=sh
# Removes releases. Renamed away, which needs no room on the disk, then deleted: a crash leaves nothing that looks complete.

# Arguments: release ids.
kk_prune() {
  kk_find_live
  # kk_v: what is mounted, a line each; kk_t: releases/ as it is written there.
  kk_v=$kk_nl$(cut -d' ' -f5 /proc/self/mountinfo 2>/dev/null) || :
  kk_t=$kk_nl$(cd -P "$kk_releases" && pwd | sed 's/\\/&134/g; s/ /\\040/g')/ || :
  kk_failed=0
  for kk_p in "$kk_releases"/.pruned-*; do
    [ -d "$kk_p" ] && [ ! -L "$kk_p" ] || continue
    kk_delete "$kk_p" || kk_failed=1
  done
  for kk_release; do
    if kk_prune_one; then echo "removed=$kk_release"; else kk_failed=1; fi
  done
  kk_forget
  return "$kk_failed"
}

# Records and lists of releases that somebody has removed by hand: under the lock none is being made.
kk_forget() {
  for kk_d in "$kk_states"/* "$kk_own/manifests"/*; do
    kk_i=${kk_d##*/}
    kk_is_id "$kk_i" && ! kk_is_there "$kk_releases/$kk_i" || continue
    rm -rf "$kk_d"
  done
}

kk_prune_one() {
  kk_d="$kk_releases/$kk_release" kk_i=
  if ! kk_is_id "$kk_release"; then
    kk_i='no release'
  elif [ "$kk_live" = "$kk_release" ]; then
    kk_i=live
  elif [ -L "$kk_d" ]; then
    kk_i='a link'
  fi
  [ -z "$kk_i" ] || {
    echo "'$kk_release' is $kk_i: not removed" >&2
    return 1
  }
  kk_p="$kk_releases/.pruned-$kk_release"
  kk_is_free "$kk_d" || return
  if [ -e "$kk_d" ]; then
    # Whole, and before the release: a list is never of a release that isn't there.
    kk_l="$kk_own/manifests/$kk_release"
    [ ! -d "$kk_l" ] || mv "$kk_l" "$kk_own/tmp/lists.0.$kk_release" || return 1
    mv "$kk_d" "$kk_p" || {
      [ ! -d "$kk_own/tmp/lists.0.$kk_release" ] || mv "$kk_own/tmp/lists.0.$kk_release" "$kk_l" || :
      echo "can't remove release '$kk_release': remove '$kk_d' as its owner" >&2
      return 1
    }
  fi
  rm -f "$kk_states/$kk_release"
  rm -rf "$kk_own/tmp"/*".$kk_release"
  [ ! -d "$kk_p" ] || kk_delete "$kk_p"
}

# Nothing is mounted in it, which would be emptied.
kk_is_free() {
  case $kk_v in *"$kk_t${1##*/}/"*) ;; *) return 0 ;; esac
  echo "can't remove '$1': unmount what is in it" >&2
  return 1
}

# A payload may bring directories that even their owner can't write to.
kk_delete() {
  kk_is_free "$1" || return
  rm -rf "$1" 2>/dev/null && return
  find "$1" -type d -exec chmod u+rwx {} + 2>/dev/null
  rm -rf "$1" && return
  echo "can't remove all of '$1': remove it as its owner" >&2
  return 1
}
