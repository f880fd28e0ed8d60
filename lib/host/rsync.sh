# shellcheck shell=sh
# The payload by rsync. Standard input has kk_size bytes, the list of the release's files (rebuild.sh), and then what rsync says on the
# operator's machine. Travels with the upload's command.
# Status 10: files are not what the list says; `changed=PATH` on standard error says which; `changed=*` that rsync couldn't
# read all that it builds on.

# $@: rsync as it wants to be called here.
kk_rsync() {
  kk_enter
  LC_ALL=C
  export LC_ALL
  kk_tab=$(printf '\t')
  kk_lists="$kk_own/tmp/lists.$$.$kk_release"
  mkdir "$kk_lists" || kk_fail "can't make '$kk_lists'"
  kk_sort_here
  kk_take_list
  # All that comes behind this line is rsync's.
  echo "$kk_begin"
  kk_v=0
  "$@" || kk_v=$?
  # A file of the other release that can't be read is compared by nothing: its contents have to come.
  if [ "$kk_v" = 23 ] && [ -n "$kk_base" ] && [ "$kk_by_contents" = no ]; then kk_again >&2; fi
  [ "$kk_v" = 0 ] || kk_fail "rsync ended with status $kk_v on the host"
  [ -z "$kk_base" ] || kk_unshare || kk_fail "can't copy what release '$kk_release' has of shared folders: make room on the disk"
  kk_compare
  kk_give_group
  printf '%s\n' "$kk_manifest" >"$kk_note" || kk_fail "can't write '$kk_note': make room on the disk"
  # Without find and stat as Linux has them, no list is kept.
  if [ -f "$kk_lists/stats" ]; then kk_keep_lists; else rm -rf "$kk_lists"; fi
}

kk_take_list() {
  : >"$kk_lists/files"
  # One that fails at writing has read what another would wait for.
  if [ "$kk_size" != 0 ]; then
    if dd if=/dev/null iflag=fullblock count=0 2>/dev/null; then set -- bs="$kk_size" count=1 iflag=fullblock; else set -- bs=1 count="$kk_size"; fi
    dd "$@" >"$kk_lists/files" 2>/dev/null || :
  fi
  kk_digest=$(kk_hash "$kk_hash_tool" <"$kk_lists/files") && kk_sum "$kk_digest" && [ "$kk_s" = "$kk_manifest" ] ||
    kk_fail "the list of the files of release '$kk_release' has not arrived whole: make room on the disk, then deploy again"
}

# rsync takes a file of the other release for the new one where time and size are the same, and that may be wrong: what isn't known to be
# what arrived in that release is looked at.
kk_compare() {
  : >"$kk_lists/bad"
  cut -f 1 "$kk_lists/files" >"$kk_lists/names"
  if kk_stats 2>/dev/null; then
    cut -f 1,2 "$kk_lists/files" >"$kk_lists/wanted"
    cut -f 1,2 "$kk_lists/stats" >"$kk_lists/found"
    kk_only_first "$kk_lists/wanted" "$kk_lists/found" | cut -f 1 >"$kk_lists/bad"
    cp "$kk_lists/bad" "$kk_lists/well"
    kk_b="$kk_own/manifests/$kk_base"
    if [ "$kk_full" != yes ] && [ -n "$kk_base" ] && [ -f "$kk_b/files" ] && [ -f "$kk_b/stats" ]; then
      kk_both "$kk_lists/files" "$kk_b/files" | cut -f 1 >"$kk_lists/same"
      kk_both "$kk_lists/stats" "$kk_b/stats" | cut -f 1 | kk_both - "$kk_lists/same" >>"$kk_lists/well"
    fi
    sort -o "$kk_lists/well" "$kk_lists/well"
    kk_only_first "$kk_lists/names" "$kk_lists/well" >"$kk_lists/found"
    mv "$kk_lists/found" "$kk_lists/names"
  else
    rm -f "$kk_lists/stats"
  fi
  kk_compare_sums "$kk_lists/names"
  [ ! -s "$kk_lists/bad" ] || kk_again "$kk_lists/bad" >&2
}
