# shellcheck shell=sh
# The payload: a tar stream on standard input, hashed as it comes, unpacked into the release.

kk_receive() {
  kk_enter
  # Private, as that folder is; of this shell, since another connection's may not have ended yet.
  kk_pipe="$kk_own/tmp/pipe.$$.$kk_release"
  kk_found="$kk_own/tmp/hash.$$.$kk_release"
  mkfifo "$kk_pipe" || kk_fail "can't make a pipe in '$kk_own/tmp': check its owner and the room on the disk"
  { kk_digest=$(kk_hash "$kk_stream_hash" <"$kk_pipe") && kk_sum "$kk_digest" && printf '%s\n' "$kk_s" >"$kk_found"; } &
  kk_hasher=$!
  # Every stage says that it went well, since a pipe only tells of the last. What follows tar's end mark must be read, too: there is
  # no line of it, mostly.
  # No umask: busybox' tar would take it off the modes, for all its -p. And nobody's options.
  # We write to the pipe, too, though nothing: that waits until the hasher reads. toybox' tee waits for nobody, and what it wrote before
  # would be gone with it.
  # shellcheck disable=SC2094
  {
    kk_stages=$(
      {
        { tee "$kk_pipe" && echo tee >&4; } | { kk_decode && echo decode >&4; } |
          { umask 0 && TAR_OPTIONS='' tar -x -o -p -f - >&2 && { ! IFS= read -r kk_v || cat >/dev/null; } && echo tar >&4; }
      } 4>&1
    ) || :
  } 5>"$kk_pipe"
  kk_hashed=0
  wait "$kk_hasher" || kk_hashed=$?
  kk_s=
  [ ! -f "$kk_found" ] || read -r kk_s <"$kk_found" || :
  for kk_v in tar decode tee; do
    case $kk_nl$kk_stages$kk_nl in
      *"$kk_nl$kk_v$kk_nl"*) ;;
      *)
        kk_fail "the payload of release '$kk_release' could not be unpacked ($kk_v failed): see above, then deploy again"
        ;;
    esac
  done
  [ "$kk_hashed" = 0 ] && [ -n "$kk_s" ] ||
    kk_fail "the payload of release '$kk_release' could not be hashed by $kk_stream_hash"
  find . ! -name . ! -type l \( -perm -4000 -o -perm -2000 -o -perm -1000 \) -exec chmod u-s,g-s,-t {} + ||
    kk_fail "can't drop the special modes in '$kk_releases/$kk_release'"
  kk_give_group
  printf '%s\n' "$kk_s" >"$kk_note" || kk_fail "can't write '$kk_note': make room on the disk"
  echo "sha256=$kk_s"
}

# Into the release's folder, where nothing is that an earlier attempt has left.
kk_enter() {
  kk_need_preparing
  kk_note="$kk_own/tmp/sum.$kk_release"
  cd "$kk_releases/$kk_release" || kk_fail "can't enter '$kk_releases/$kk_release'"
  [ ! -e "$kk_note" ] || rm -f "$kk_note"
  kk_empty || find . ! -name . -prune -exec rm -rf {} + || kk_fail "can't empty '$kk_releases/$kk_release'"
}

# Whether the current folder has nothing in it.
kk_empty() {
  for kk_d in * .*; do
    case $kk_d in . | ..) continue ;; esac
    ! kk_is_there "$kk_d" || return 1
  done
}

# The release has the group of a setgid releases/; so has what lies in it, also what came into another folder first, or into one of the
# payload's, which have lost that bit. Before any hook, which may want another one; and of files that are another release's as well, that
# one's hooks have had their way.
kk_give_group() {
  # shellcheck disable=SC2046
  [ ! -g "$kk_releases" ] || (set -- $(ls -ldn .) && find . \( -type d -o -links 1 \) ! -group "$4" -exec chgrp -h "$4" {} +) 2>/dev/null || :
}

kk_decode() {
  case $kk_encoding in
    zstd) zstd -dcq ;;
    gzip) GZIP='' gzip -dc ;;
    none) cat ;;
    *) kk_fail "unknown encoding '$kk_encoding'" ;;
  esac
}
