# shellcheck shell=sh
# A tree that can't be looked at is not taken for one that isn't there.

# Whether it isn't known what there is of the tree, since the folder $1 can't be looked into: then kk_why says so.
kk_is_shut() {
  kk_why=entered
  if [ -L "$1" ] && [ ! -e "$1" ]; then
    kk_why="'$1' is a link to what isn't there, or to where '$(id -un)' may not go: mount its disk, or let that user in"
    return 0
  fi
  [ -d "$1" ] || return 1
  if [ -x "$1" ]; then
    [ "$1" = "$kk_releases" ] && [ ! -r "$1" ] || return 1
    kk_why='read'
  fi
  IFS=' ' read -r kk_v kk_x kk_i kk_x <<EOF
$(ls -ldL "$1" 2>/dev/null)
EOF
  kk_why="'$1' can't be $kk_why by '$(id -un)': it belongs to '$kk_i', and its mode is '$kk_v'; let that user in"
  return 0
}

# The same of all of it. kk_a: deploy_to, or the nearest name above it that is there for all that can be seen.
kk_is_unseen() {
  kk_a=$kk_root
  until kk_is_there "$kk_a"; do
    kk_a=${kk_a%/*}
    [ -n "$kk_a" ] || kk_a=/
  done
  ! kk_is_shut "$kk_a" || return 0
  [ "$kk_a" = "$kk_root" ] || return 1
  for kk_d in "$kk_releases" "$kk_own" "$kk_states"; do
    ! kk_is_shut "$kk_d" || return 0
  done
  return 1
}
