# shellcheck shell=sh
# A command of the recipe. Called in a subshell, which has exported its environment; ends it.

kk_task() {
  cd "$kk_folder" >/dev/null || kk_fail "can't enter '$kk_folder'"
  KIRIKAE_RUN=$kk_run
  export KIRIKAE_RUN
  # shellcheck disable=SC2016,SC2086
  exec ${kk_alone-} /bin/sh -e -c 'eval "unset KIRIKAE_RUN;$KIRIKAE_RUN"'
}
