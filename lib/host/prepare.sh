# shellcheck shell=sh
# The tree, where it is missing, and a new release's folder.

kk_prepare() {
  if [ -e "$kk_current" ] && [ ! -L "$kk_current" ]; then
    kk_read_current
    kk_fail "'$kk_current' is a real $kk_kind, not a link: move it away"
  fi
  if [ ! -d "$kk_root" ]; then
    mkdir -p "$kk_root" || kk_fail "can't make '$kk_root'$(kk_install)"
  fi
  # All at once where nothing is in the way.
  [ -d "$kk_states" ] && [ -d "$kk_shared" ] && [ -d "$kk_releases" ] ||
    mkdir -p "$kk_releases" "$kk_shared" "$kk_own/manifests" "$kk_states" 2>/dev/null || :
  for kk_d in "$kk_releases" "$kk_shared" "$kk_own" "$kk_states"; do
    [ -d "$kk_d" ] || mkdir -p "$kk_d" || kk_fail "can't make '$kk_d': give '$kk_root' to '$(id -un)'"
  done
  [ -d "$kk_own/tmp" ] || mkdir -m 700 "$kk_own/tmp" || kk_fail "can't make '$kk_own/tmp'"
  # Of no use where it can't be written: whoever comes next is told less.
  [ -z "$kk_application" ] || [ -s "$kk_own/application" ] ||
    (umask 022 && printf '%s\n' "$kk_application" >"$kk_own/application") 2>/dev/null || :
  kk_sweep
  if kk_is_there "$kk_releases/$kk_release"; then
    kk_fail "release '$kk_release' is already in '$kk_releases': deploy again under a new one"
  fi
  # The record first: a folder without one would pass for another tool's. Half of it is one of an unfinished release, too.
  kk_put_record preparing "$kk_states/$kk_release" 2>/dev/null || kk_write_record preparing || exit 1
  mkdir "$kk_releases/$kk_release" || kk_fail "can't make the folder of release '$kk_release' in '$kk_releases'"
}

# What runs that died a day ago or earlier have left.
kk_sweep() {
  kk_v=
  for kk_d in "$kk_own/tmp"/*; do
    case $kk_d in "$kk_own/tmp/lock.${kk_token:-none}."*) continue ;; esac
    [ ! -e "$kk_d" ] || kk_v=y
  done
  [ -n "$kk_v" ] || return 0
  (cd "$kk_own/tmp" && find . ! -name . -prune -mtime +1 -exec rm -rf {} +) || :
}

# The command that a person with the rights needs; paths with a quote are left to that person.
kk_install() {
  case $kk_root in *\'*) ;; *) printf ': run sudo install -d -o %s %s' "$(id -un)" "'$kk_root'" ;; esac
}
