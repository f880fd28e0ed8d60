# shellcheck shell=sh
# A command of the recipe. Called in a subshell, which has exported its environment; ends it.

kk_task() {
  cd "$kk_folder" >/dev/null || kk_fail "can't enter '$kk_folder'"
  KIRIKAE_RUN=$kk_run
  export KIRIKAE_RUN
  # Once more inside, since posh forgets it there.
  # shellcheck disable=SC2016,SC2086
  exec ${kk_alone-} /bin/sh -e -c 'eval "unset KIRIKAE_RUN;set -e;$KIRIKAE_RUN"'
}

# ksh says 256 + n for a signal.
kk_status() {
  if [ "$1" -gt 255 ]; then kk_st=$((128 + ($1 & 127))); else kk_st=$1; fi
}
