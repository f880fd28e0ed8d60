# shellcheck shell=sh
# A file that was made from a template: put in place whole, in the release or in shared/. Travels with its command.

# kk_place release | shared, kk_to its path there, kk_mode, kk_content.
kk_template() {
  kk_need_preparing
  case $kk_place in
    release) kk_where=$kk_releases/$kk_release ;;
    shared) kk_where=$kk_shared ;;
    *) kk_fail "unknown place '$kk_place'" ;;
  esac
  kk_where=$(cd -P "$kk_where" && pwd) || kk_fail "can't enter '$kk_where'"
  # Every parent is a real directory: through a link we would write elsewhere.
  kk_left=$kk_to
  while :; do
    case $kk_left in */*) ;; *) break ;; esac
    kk_where=$kk_where/${kk_left%%/*}
    kk_left=${kk_left#*/}
    [ ! -L "$kk_where" ] || kk_fail "template '$kk_to': its parent '$kk_where' is a symbolic link: make it a real directory"
    if [ ! -d "$kk_where" ]; then
      mkdir "$kk_where" || [ -d "$kk_where" ] || kk_fail "template '$kk_to': can't make '$kk_where'"
      kk_take_group "$kk_where"
    fi
  done
  kk_where=$kk_where/$kk_left
  if [ -L "$kk_where" ]; then
    [ "$kk_place" = release ] || kk_fail "template '$kk_to': '$kk_where' is a symbolic link: remove it"
    rm -f "$kk_where" || kk_fail "can't remove the link '$kk_where'"
  elif [ -d "$kk_where" ]; then
    kk_fail "template '$kk_to': '$kk_where' is a directory"
  fi
  # In the same folder, since shared/ may lie on another file system, where mv is no rename.
  kk_d=${kk_where%/*}
  kk_sweep_dead "$kk_d" template
  kk_t=$(umask 077 && mktemp "$kk_d/.kirikae-template.XXXXXXXX") ||
    kk_fail "template '$kk_to': can't make a file in '$kk_d': check its owner and the room on the disk"
  kk_take_group "$kk_t"
  kk_put "$kk_content" >"$kk_t" && chmod "$kk_mode" "$kk_t" && mv -f "$kk_t" "$kk_where" || {
    rm -f "$kk_t"
    kk_fail "template '$kk_to': can't write '$kk_where': check its owner and the room on the disk"
  }
}

# All of a release has the group of a setgid releases/, and no setgid bit that would hand it on: $1 takes that of its folder.
kk_take_group() {
  # shellcheck disable=SC2046
  [ "$kk_place" != release ] || [ ! -g "$kk_releases" ] || (set -- "$1" $(ls -ldn "${1%/*}") && chgrp "$5" "$1") 2>/dev/null || :
}
