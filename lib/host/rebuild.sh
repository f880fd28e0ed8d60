# shellcheck shell=sh
# After the upload: what was not sent is taken from another release of this host, and the list of the release's files is kept, for the next
# time.
#
# .kirikae/manifests/ID/ has: `files`, a line `./PATH<tab>MODE SIZE<tab>SHA256` each, sorted; `stats`, what the file system said of them
# when they had arrived, `./PATH<tab>MODE SIZE<tab>TIME`, sorted; `chunks`, where there are large files, a line for each content,
# `SHA256<tab>CHUNKS`, which only the client reads; and `sum`, the sha256 of `files`.
# kk_part is the folder in the release that has come with it: `files` and `chunks` as they are kept; or where the rest comes from another release, `removed`,
# `added`, lines of `files`, and `moved`; and where there is any use for them, `chunks_added`, `chunks_gone` (what begins the lines) and `patched`.
# Status 10: the release that was to be taken from isn't what it was; `changed=PATH` says where, `changed=*` that nothing of it can be used.

kk_rebuild() {
  LC_ALL=C
  export LC_ALL
  kk_tab=$(printf '\t')
  kk_lists="$kk_own/tmp/lists.$$.$kk_release"
  kk_sort_here
  cd "$kk_releases/$kk_release" && mv "$kk_part" "$kk_lists" ||
    kk_fail "what was to come with the payload of release '$kk_release' is not there: deploy again"
  if [ -n "$kk_base" ]; then
    kk_in_common
    kk_reuse
    kk_give_group
  else
    # Without find and stat as Linux has them, every payload is sent whole.
    kk_stats 2>/dev/null || {
      rm -rf "$kk_lists"
      return 0
    }
  fi
  kk_keep_lists
}

# sort may want a place of its own, and /tmp be full or not there.
kk_sort_here() {
  TMPDIR="$kk_own/tmp"
  export TMPDIR
}

# kk_lists becomes what is kept of the release: `files`, `stats` and `chunks`, and nothing else that is there.
kk_keep_lists() {
  for kk_d in "$kk_lists"/*; do
    case ${kk_d##*/} in files | stats | chunks) ;; *) set -- "$@" "$kk_d" ;; esac
  done
  [ -d "$kk_own/manifests" ] || mkdir "$kk_own/manifests" || [ -d "$kk_own/manifests" ] || kk_fail "can't make '$kk_own/manifests'"
  # What an earlier attempt has left.
  kk_d="$kk_own/manifests/$kk_release"
  [ ! -e "$kk_d" ] || set -- "$@" "$kk_d"
  [ $# = 0 ] || rm -rf "$@"
  printf '%s\n' "$kk_manifest" >"$kk_lists/sum" && mv "$kk_lists" "$kk_d" ||
    kk_fail "can't keep the list of release '$kk_release' in '$kk_own/manifests': make room on the disk"
}

# Sets of lines: each file has a line once, and is sorted. Not every busybox has comm.
kk_both() { sort -m "$1" "$2" | uniq -d; }
kk_only_first() { sort -m "$1" "$2" "$2" | uniq -u; }

# kk_lists/kept: the lines of what stays as it is; names: their paths; files: all lines of the new release.
kk_in_common() {
  kk_from="$kk_releases/$kk_base"
  kk_b="$kk_own/manifests/$kk_base"
  kk_v=
  { IFS= read -r kk_v <"$kk_b/sum"; } 2>/dev/null || :
  [ "$kk_v" = "$kk_base_manifest" ] && [ -d "$kk_from" ] && [ ! -L "$kk_from" ] || kk_again
  kk_only_first "$kk_b/files" "$kk_lists/removed" >"$kk_lists/kept" && cut -f 1 "$kk_lists/kept" >"$kk_lists/names" &&
    sort -m "$kk_lists/kept" "$kk_lists/added" >"$kk_lists/files" ||
    kk_fail "can't work out what release '$kk_release' has in common with '$kk_base': see above"
  kk_digest=$(kk_hash "$kk_stream_hash" <"$kk_lists/files") && kk_sum "$kk_digest" && [ "$kk_s" = "$kk_manifest" ] || kk_again
  {
    if [ ! -f "$kk_b/chunks" ]; then
      :
    elif [ -f "$kk_lists/chunks_gone" ]; then
      grep -v -F -f "$kk_lists/chunks_gone" "$kk_b/chunks" >"$kk_lists/chunks" || [ $? = 1 ]
    else
      cp "$kk_b/chunks" "$kk_lists/chunks"
    fi
  } && { [ ! -f "$kk_lists/chunks_added" ] || cat "$kk_lists/chunks_added" >>"$kk_lists/chunks"; } ||
    kk_fail "can't keep the list of release '$kk_release' in '$kk_own/tmp': make room on the disk"
}

kk_reuse() {
  : >"$kk_lists/made"
  : >"$kk_lists/made_names"
  [ ! -s "$kk_lists/moved" ] || kk_move 2>>"$kk_lists/said"
  [ ! -f "$kk_lists/patched" ] || kk_patch 2>>"$kk_lists/said"
  kk_first=no
  if kk_can_look_first; then
    kk_stats "$kk_lists/folders" || kk_fail "can't list the files of release '$kk_release'"
    kk_first=yes
  fi
  [ ! -s "$kk_lists/names" ] || kk_copy_kept 2>>"$kk_lists/said"
  kk_need_room
  [ "$kk_how" != link ] || kk_unshare || kk_fail "can't copy what release '$kk_base' has of shared folders: make room on the disk"
  if [ "$kk_first" = yes ]; then kk_kept_stats; else kk_stats; fi || kk_fail "can't list the files of release '$kk_release'"
  # All that was taken over has to be what it was when it arrived, and what was moved or put together has to have the right sum.
  kk_find_bad
  # A stat that isn't quite GNU's may be what is wrong.
  if [ "$kk_first" = yes ] && [ -s "$kk_lists/bad" ]; then
    kk_stats || kk_fail "can't list the files of release '$kk_release'"
    kk_find_bad
  fi
  [ ! -s "$kk_lists/made" ] || sort "$kk_lists/made" >"$kk_lists/made_names"
  kk_names="$kk_lists/made_names"
  if [ "$kk_full" = yes ]; then
    # Without those that are known already, one of which may be no file at all.
    cut -f 1 "$kk_lists/files" | kk_only_first - "$kk_lists/bad" >"$kk_lists/all" || kk_no_room
    kk_names="$kk_lists/all"
  fi
  kk_compare_sums "$kk_names"
  [ ! -s "$kk_lists/bad" ] || kk_again "$kk_lists/bad"
}

kk_find_bad() {
  kk_both "$kk_b/stats" "$kk_lists/stats" | cut -f 1 >"$kk_lists/well" &&
    kk_only_first "$kk_lists/names" "$kk_lists/well" >"$kk_lists/bad" || kk_no_room
}

# Whether the few files that were sent can be looked at first, and those that are taken over by their names, which takes less time than to
# walk through all of them: where find and stat are GNU's, and the base's lines end as find's do, with ten digits.
kk_can_look_first() {
  [ "$kk_gnu" = yes ] && { IFS= read -r kk_v <"$kk_b/stats"; } 2>/dev/null || return 1
  case $kk_v in *.?????????0) return 0 ;; esac
  return 1
}

# Names that are in order make lines that are.
kk_kept_stats() {
  xargs -r -d '\n' -a "$kk_lists/names" stat -c "%n$kk_tab%a %s$kk_tab%.9Y0" >"$kk_lists/kept_stats" 2>/dev/null || :
  sort -m -o "$kk_lists/stats" "$kk_lists/stats" "$kk_lists/kept_stats"
}

# Those of the names in $1 whose files don't have the sums that kk_lists/files says go to kk_lists/bad.
kk_compare_sums() {
  [ -s "$1" ] || return 0
  cut -f 1,3 "$kk_lists/files" >"$kk_lists/wanted" &&
    kk_end_by_nul <"$1" | kk_sums | sort >"$kk_lists/found" &&
    kk_both "$kk_lists/wanted" "$kk_lists/found" | cut -f 1 >"$kk_lists/well" &&
    kk_only_first "$1" "$kk_lists/well" >>"$kk_lists/bad" || kk_no_room
}

# The files of kk_lists/names, in folders that are there already. What a program can't do for all of them at once, it is asked to do
# one by one; whatever is missing then is noticed. With -R, so that what has become a pipe is made anew and not read.
kk_copy_kept() {
  [ "$kk_how" != link ] || ! kk_link_kept 2>/dev/null || return 0
  case $kk_gnu in
    # These don't change the folders' modes.
    yes) kk_cp='cp -RP --parents --preserve=timestamps --reflink=auto' ;;
    *) kk_cp='cp -RPp --parents' ;;
  esac
  [ "$kk_how" != link ] || kk_cp='cp -Pl --parents'
  # shellcheck disable=SC2086
  [ "$kk_gnu" != yes ] || ! (
    umask 0
    cd "$kk_from" && xargs -d '\n' -a "$kk_lists/names" $kk_cp -t "$kk_releases/$kk_release"
  ) || return 0
  # shellcheck disable=SC2016
  kk_end_by_nul <"$kk_lists/names" | (
    umask 0
    export kk_cp
    cd "$kk_from" && xargs -0 /bin/sh -c '
      $kk_cp "$@" "$0" && exit
      for kk_f; do [ -e "$0/$kk_f" ] || { [ -d "$kk_f" ] && [ ! -L "$kk_f" ]; } || cp -RPp "$kk_f" "$0/$kk_f"; done' "$kk_releases/$kk_release"
  ) || :
}

# By hard links, where there is perl, which takes a third of cp's time: cp looks at all parents of every file.
kk_link_kept() (
  cd "$kk_from" && command -v perl >/dev/null && export kk_releases kk_release &&
    perl -ne 'chomp; link $_, "$ENV{kk_releases}/$ENV{kk_release}/$_" or $bad = 1; END { exit $bad }' "$kk_lists/names"
)

# What makes links also looks behind links of the other release, as into shared folders. What it has linked there is nobody's release.
kk_unshare() {
  # shellcheck disable=SC2016
  kk_v='
    for kk_f; do
      if [ ! -L "$kk_f" ] || [ -L "$0/$kk_f" ] || [ ! -d "$0/$kk_f" ]; then continue; fi
      find "$0/$kk_f" -type f -links +1 -print0
    done'
  (
    cd "$kk_releases/$kk_base" || exit
    if [ -f "$kk_lists/folders" ]; then
      xargs -r -d '\n' -a "$kk_lists/folders" /bin/sh -c "$kk_v" "$kk_releases/$kk_release"
    else
      # Nothing was taken from a folder that can't be entered.
      find . -type l -print0 2>/dev/null | xargs -0 /bin/sh -c "$kk_v" "$kk_releases/$kk_release"
    fi
  ) >"$kk_lists/shared" || return
  # shellcheck disable=SC2016
  xargs -0 /bin/sh -c 'for kk_f; do cp -p "$kk_f" "$0" && mv -f "$0" "$kk_f" || exit; done' "$kk_lists/copy" <"$kk_lists/shared"
}

# `moved` has lines FROM<tab>TO<tab>MODE, in the order of TO. What doesn't have its mode, by now or since it is another one, becomes a copy that has;
# what can't is as if it weren't there.
kk_move() {
  while IFS="$kk_tab" read -r kk_f kk_to kk_v; do
    [ -f "$kk_from/$kk_f" ] && [ ! -L "$kk_from/$kk_f" ] || continue
    [ "$kk_how" = link ] && kk_is_inside "$kk_f" && ln "$kk_from/$kk_f" "$kk_to" 2>/dev/null || cp -Pp "$kk_from/$kk_f" "$kk_to" || :
  done <"$kk_lists/moved"
  cut -f 2 "$kk_lists/moved" >"$kk_lists/made"
  cut -f 2,3 "$kk_lists/moved" >"$kk_lists/wanted"
  kk_end_by_nul <"$kk_lists/made" | xargs -0 stat -c "%n$kk_tab%a" 2>/dev/null | sort >"$kk_lists/found"
  kk_only_first "$kk_lists/wanted" "$kk_lists/found" | while IFS="$kk_tab" read -r kk_to kk_new_mode; do
    if [ "$kk_how" = link ]; then
      cp -p "$kk_to" "$kk_lists/copy" && chmod "$kk_new_mode" "$kk_lists/copy" && mv -f "$kk_lists/copy" "$kk_to"
    else
      chmod "$kk_new_mode" "$kk_to"
    fi || rm -f "$kk_to"
  done
}

# Whether no folder above $1 is a link in the base.
kk_is_inside() {
  kk_v=$1
  while [ "$kk_v" != . ]; do
    kk_v=${kk_v%/*}
    [ ! -L "$kk_from/$kk_v" ] || return 1
  done
}

# `patched` has for each file a line COUNT<tab>MODE<tab>PATH, and COUNT lines OFFSET<tab>SIZE<tab>FROM: its pieces, of files of the base, or
# where FROM is `=`, of what was sent in its place, which has its time. What fails is noticed by the sum.
kk_patch() {
  kk_can_skip=no
  ! dd if=/dev/null iflag=skip_bytes,count_bytes skip=0 count=0 2>/dev/null || kk_can_skip=yes
  while IFS="$kk_tab" read -r kk_n kk_new_mode kk_to; do
    while [ "$kk_n" -gt 0 ]; do
      IFS="$kk_tab" read -r kk_offset kk_size kk_f
      if [ "$kk_f" = = ]; then kk_f=$kk_to; else kk_f="$kk_from/$kk_f"; fi
      [ -f "$kk_f" ] || kk_f=/dev/null
      if [ "$kk_can_skip" = yes ]; then
        dd if="$kk_f" bs=65536 iflag=skip_bytes,count_bytes skip="$kk_offset" count="$kk_size" 2>/dev/null
      else
        tail -c "+$((kk_offset + 1))" "$kk_f" | head -c "$kk_size"
      fi || :
      kk_n=$((kk_n - 1))
    done >"$kk_lists/whole"
    touch -r "$kk_to" "$kk_lists/whole" && chmod "$kk_new_mode" "$kk_lists/whole" && mv -f "$kk_lists/whole" "$kk_to" || :
    printf '%s\n' "$kk_to" >>"$kk_lists/made"
  done <"$kk_lists/patched"
}

# kk_lists/stats; and to the file $1, if there is one, the folders. Names that a line can't hold are in no list; this pattern takes find no
# time, one with a class of characters as long again as all else.
kk_stats() {
  kk_v="*[$kk_tab$kk_nl]*"
  [ $# = 0 ] || set -- -o -type d -fprintf "$1" '%p\n'
  {
    find . -name "$kk_v" -prune -o -type f -printf '%p\t%m %s\t%T@\n' "$@" >"$kk_lists/stats" 2>/dev/null ||
      find . -name "$kk_v" -prune -o -type f -exec stat -c "%n$kk_tab%a %s$kk_tab%y" {} + >"$kk_lists/stats"
  } && sort -o "$kk_lists/stats" "$kk_lists/stats"
}

# Lines, for xargs -0. Not every toybox has tr.
kk_end_by_nul() {
  if command -v tr >/dev/null; then
    tr '\n' '\0'
  else
    while IFS= read -r kk_f; do printf '%s\0' "$kk_f"; done
  fi
}

# PATH<tab>SHA256 of the files that standard input names, each name ended by a NUL.
kk_sums() {
  case $kk_hash_tool in
    openssl) xargs -0 openssl dgst -sha256 -r ;;
    sha256sum) xargs -0 sha256sum ;;
    shasum) xargs -0 shasum -a 256 ;;
    sha256) xargs -0 sha256 -r ;;
    busybox) xargs -0 busybox sha256sum ;;
  esac | sed "s/^\([0-9a-f]*\) [ *]*\(.*\)\$/\2$kk_tab\1/"
}

kk_no_room() { kk_fail "can't compare the files of release '$kk_release': make room on the disk"; }

# What has found no room here is as it was.
kk_need_room() {
  [ -s "$kk_lists/said" ] || return 0
  kk_v=$(sed -n -e '/No space left on device$/{p;q;}' -e '/uota exceeded$/{p;q;}' "$kk_lists/said")
  [ -z "$kk_v" ] || kk_fail "can't take over what release '$kk_base' has: make room on the disk ($kk_v)"
}

# $1: a file with paths; none: everything.
kk_again() {
  kk_need_room
  kk_n=$([ $# = 0 ] || wc -l <"$1")
  if [ "${kk_n:-9999}" -gt 1000 ]; then echo 'changed=*'; else sed 's/^/changed=/' "$1"; fi
  rm -rf "$kk_lists"
  exit 10
}
