#!/bin/sh
# tests/faults/observe.sh TREE [crashed]: looks at one deploy_to as it lies on disk and prints every invariant that doesn't hold
# there; status 1 if there is one. It knows the layout and the test application (MANIFEST) and shares no code with the tool.
# crashed: a run has just died there; what it was busy with may lie about until the next run. A lock is waited for, since it goes
# when the host has noticed the end of its holder.
set -u
crashed=${2-no}
LC_ALL=C
export LC_ALL
[ -e "$1" ] || [ -L "$1" ] || exit 0
cd "$1" || exit 2
broken=0

say() {
  printf '  %s\n' "$*"
  broken=1
}

# All this is done some thousand times in a run of the tests, mostly waiting for processes to start: it starts few.

# Sets $state, $previous and $torn.
read_record() {
  state='' previous='' torn=no
  [ -f ".kirikae/releases/$1" ] || return 0
  while read -r key value || { [ -n "$key" ] && torn=yes; }; do
    case $key in
      state) state=$state$value ;; # two would be odd
      previous) previous=$value ;;
    esac
  done <".kirikae/releases/$1"
}

is_id() {
  case $1 in *[!0-9]* | '') return 1 ;; esac
  [ "${#1}" = 14 ]
}

# Every file as it left the operator's machine.
complete=' '
is_complete() {
  case $complete in *" $1 "*) return 0 ;; esac
  [ -f "releases/$1/MANIFEST" ] && [ -s "releases/$1/REVISION" ] && (cd "releases/$1" && exec sha256sum --check --quiet MANIFEST >/dev/null 2>&1) || return 1
  complete="$complete$1 "
}

# The lock's holder is the process that it names. Nobody may take note of its death, in a container.
is_dead() {
  pid=$(sed -n 's/^pid //p' .kirikae/lock 2>/dev/null)
  [ -n "$pid" ] || return 1
  kill -0 "$pid" 2>/dev/null || return 0
  case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in [ZX]*) return 0 ;; esac
  return 1
}

# 1. `current` resolves to a complete release, or does not exist.
if [ -L current ]; then
  target=$(readlink current)
  id=${target#releases/}
  if [ "$target" = "$id" ] || ! is_id "$id"; then
    say "current points to '$target'"
  else
    [ -d "current/" ] || say "current dangles: '$target'"
    read_record "$id"
    case $state in
      ready | good) ;;
      *) say "live release $id is '$state'" ;;
    esac
    is_complete "$id" || say "live release $id is not complete"
  fi
elif [ -e current ]; then
  say "current is no link"
fi

# 2. What a record calls complete is complete; what has no record is not ours, and here all is.
for folder in releases/* releases/.[!.]*; do
  [ -e "$folder" ] || [ -L "$folder" ] || continue
  id=${folder#releases/}
  case $crashed:$id in crashed:.pruned-*) continue ;; esac
  is_id "$id" || { say "'$folder' is no release"; continue; }
  if [ ! -d "$folder" ] || [ -L "$folder" ]; then say "release $id is no folder"; fi
  read_record "$id"
  case $state in
    ready | good | bad) is_complete "$id" || say "release $id is '$state' and not complete" ;;
    preparing | failed) ;;
    *) say "release $id has no record, or an odd one: '$state'" ;;
  esac
done
for record in .kirikae/releases/*; do
  [ -e "$record" ] || continue
  id=${record##*/}
  is_id "$id" || { say "'$record' is no record"; continue; }
  read_record "$id"
  case $previous in '' | [0-9]*) ;; *) say "the record of $id has an odd line 'previous'" ;; esac
  [ "$torn" = no ] || say "the record of $id is torn"
  case $state in
    ready | good | bad)
      # A prune renames the release first: its folder without a record would pass for another tool's.
      if [ "$crashed" = crashed ] && [ -d "releases/.pruned-$id" ]; then continue; fi
      [ -d "releases/$id" ] || say "the record of $id says '$state', but the release is gone"
      ;;
  esac
done

# 3. What must stay has stayed: tests put its sums there.
if [ -f shared/SUMS ]; then
  (cd shared && sha256sum --check --quiet SUMS >/dev/null 2>&1) || say "shared/ has lost or changed a file"
fi
# So does the release that a rollback would go to: they put its id there, and all that it consists of.
if [ -f shared/STAYS ]; then
  IFS= read -r id <shared/STAYS
  if [ ! -d "releases/$id" ]; then
    say "release $id, to go back to, is gone"
  else
    read_record "$id"
    [ "$state" = good ] || say "release $id, to go back to, is '$state'"
    is_complete "$id" || say "release $id, to go back to, is not complete"
    {
      echo "$id"
      cd "releases/$id" || exit 2
      find . -printf '%p %y %m %l\n' | sort
      find . -type f -exec sha256sum {} + | sort
    } | cmp -s - shared/STAYS || say "release $id, to go back to, has changed"
  fi
fi

# 4. Nothing lies about: no temporary link, no half-removed folder outside of .kirikae/tmp.
for each in * .[!.]*; do
  case $crashed:$each in crashed:.current-*) [ ! -L "$each" ] || continue ;; esac
  case $each in
    current | releases | shared | revisions.log | .kirikae) ;;
    '*' | '.[!.]*') ;;
    *) say "'$each' lies about" ;;
  esac
done
tries=0
while [ -e .kirikae/lock ] && [ "$tries" -lt 300 ]; do
  if [ "$crashed" = crashed ] && is_dead; then break; fi
  sleep 0.05
  tries=$((tries + 1))
done
for each in .kirikae/*; do
  case $crashed:$each in
    crashed:.kirikae/lock) ! is_dead || continue ;;
    crashed:.kirikae/rollback) continue ;;
  esac
  case ${each#.kirikae/} in
    releases | manifests | tmp | application | log.jsonl | '*') ;;
    *) say "'$each' lies about" ;;
  esac
done

# The lists of releases' files: whole, of a release that is there. They say of each file what it was when it arrived.
for folder in .kirikae/manifests/*; do
  [ -e "$folder" ] || continue
  id=${folder##*/}
  [ -d "releases/$id" ] || say "$folder belongs to no release"
  [ -f "$folder/stats" ] || say "$folder is not whole"
  sort -c -s -t '	' -k 1,1 "$folder/files" 2>/dev/null || say "$folder is not sorted"
done
sums=$(for folder in .kirikae/manifests/*; do
  [ -e "$folder" ] || continue
  sum=none
  read -r sum <"$folder/sum"
  printf '%s  %s\n' "$sum" "$folder/files"
done)
if [ -n "$sums" ]; then
  odd=$(printf '%s\n' "$sums" | sha256sum --check --strict --quiet - 2>&1) || say "lists are not what their sums say: $odd"
fi

# 5. The logs have whole lines only.
if [ -s .kirikae/log.jsonl ]; then
  [ -z "$(tail -c 1 .kirikae/log.jsonl)" ] || say "the last line of log.jsonl is torn"
  ! grep -v '^{.*}$' .kirikae/log.jsonl >/dev/null || say "log.jsonl has a line that is no object"
fi
if [ -s revisions.log ]; then
  [ -z "$(tail -c 1 revisions.log)" ] || say "the last line of revisions.log is torn"
fi

# 6. A link into shared/ leads there.
here=$(pwd -P)
stray=$(find releases -type l -lname '*/shared/*' -printf '%p\t%P\n' 2>/dev/null | while IFS='	' read -r link below; do
  read_record "${below%%/*}"
  case $state in ready | good | bad) ;; *) continue ;; esac
  [ -e "$link" ] || echo "'$link' dangles"
  case $(readlink -f "$link") in "$here"/shared/*) ;; *) echo "'$link' leads out of shared/" ;; esac
done)
[ -z "$stray" ] || say "$stray"

exit "$broken"
