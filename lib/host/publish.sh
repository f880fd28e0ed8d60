# shellcheck shell=sh
# The switch. Ends with 0: `current` is the wanted release; 1: it is what it was; 4: it is what it was, and that is not what
# preflight saw; 5: it has changed, but is not what was wanted, or nobody knows what it is.

kk_publish() {
  kk_need_release
  if kk_read_record "$kk_release"; then
    case $kk_state in
      ready | good | bad) ;;
      *)
        kk_fail "release '$kk_release' is $kk_state, so it is not complete; 'current' is unchanged: deploy a new release"
        ;;
    esac
  fi
  kk_find_live
  kk_current_movable
  [ "$kk_live" != "$kk_release" ] || return 0
  kk_current_expected
  kk_sweep_links
  # In another tool's tree nobody has made it yet.
  mkdir -p "$kk_states" || exit 1
  # What an older note says of it is lost with that note.
  if [ -n "$kk_condemned" ]; then
    kk_next=$kk_release kk_release=$kk_condemned kk_to=bad
    kk_mark
    kk_release=$kk_next
  fi
  [ -z "$kk_leaves" ] || kk_begin_rollback
  kk_replace
  # From here on `current` is the wanted release: nothing that fails may say that it is unchanged.
  [ -n "$kk_leaves" ] || kk_end_rollback || {
    echo "can't remove '$kk_own/rollback': check its owner" >&2
    exit 5
  }
}

# A rollback that dies behind its switch leaves a release that was good before, too. So it says first what it leaves, and for what.
kk_begin_rollback() {
  kk_file="$kk_own/rollback"
  # What an earlier one has left stays until there is something better. Half of a note is none.
  ! kk_is_there "$kk_file" || kk_file="$kk_own/tmp/rollback.$$"
  printf '%s %s\n' "$kk_leaves" "$kk_release" >"$kk_file" &&
    { [ "$kk_file" = "$kk_own/rollback" ] || mv -f "$kk_file" "$kk_own/rollback"; } && return
  rm -f "$kk_file"
  kk_fail "can't write '$kk_own/rollback'; 'current' is unchanged: check its owner and the room on the disk"
}

kk_end_rollback() {
  [ ! -e "$kk_own/rollback" ] || rm -f "$kk_own/rollback"
}

# `current` becomes a link to kk_wanted: a link under a name that nobody can guess, renamed over it, and read back.
kk_replace() {
  kk_l="$kk_root/.current-${kk_release:-00000000000000}-$$-${kk_token:-$(mktemp -u XXXXXXXXXXXX)}"
  ln -s "$kk_wanted" "$kk_l" ||
    kk_fail "can't make a link in '$kk_root'; 'current' is unchanged: check its owner and the room on the disk"
  kk_old=$kk_target kk_was=$kk_live
  kk_rename "$kk_mv" "$kk_l" "$kk_current" || :
  [ ! -L "$kk_l" ] || rm -f "$kk_l" || :
  [ -z "$kk_release" ] || ! kk_leads_to "$kk_releases/$kk_release" || return 0
  kk_read_current || {
    echo "so it is not known whether '$kk_current' has changed: look at it" >&2
    exit 5
  }
  [ "$kk_target" != "$kk_wanted" ] || return 0
  [ "$kk_target" != "$kk_old" ] && [ "$kk_live" != "${kk_was:-none}" ] ||
    kk_fail "can't replace '$kk_current'; it is unchanged: check the owner of '$kk_root'"
  echo "'$kk_current' has changed and is now $(kk_what), not '$kk_wanted': look who else writes to '$kk_root'" >&2
  exit 5
}

# The undo of a first release: `current` as it was, another link (kk_wanted) or none.
kk_unpublish() {
  kk_read_current
  kk_current_movable
  [ "$kk_target" != "$kk_wanted" ] || return 0
  kk_current_expected
  if [ -n "$kk_wanted" ]; then
    kk_release=
    kk_replace
    return
  fi
  rm -f "$kk_current" || kk_fail "can't remove '$kk_current'; it is unchanged: check the owner of '$kk_root'"
}

kk_current_movable() {
  case $kk_kind in
    directory | file) kk_fail "'$kk_current' is a real $kk_kind, not a link, and unchanged: move it away" ;;
  esac
}

# kk_expect: `any`, or a release id, or empty for none.
kk_current_expected() {
  [ "$kk_expect" != any ] && [ "$kk_live" != "$kk_expect" ] || return 0
  kk_read_current || :
  echo "'$kk_current' is $(kk_what), not '${kk_expect:-none}' as before, and unchanged:" \
    "somebody else has deployed, so look and run again" >&2
  exit 4
}

kk_what() {
  case $kk_kind in none) echo none ;; *) printf "'%s'" "$kk_target" ;; esac
}

# Links that dead runs have left. /proc tells more than kill(2): of processes of other users, and that one which nobody has taken note of
# is dead, as it may be in a container for ever.
kk_sweep_links() {
  for kk_d in "$kk_root"/.current-*; do
    [ -L "$kk_d" ] || continue
    kk_v=${kk_d#"$kk_root/.current-"??????????????-}
    kk_v=${kk_v%%-*}
    case $kk_v in '' | *[!0-9]*) continue ;; esac
    if [ -r "/proc/$$/stat" ]; then kk_began "$kk_v"; else kill -0 "$kk_v" 2>/dev/null; fi || rm -f "$kk_d" || :
  done
}
