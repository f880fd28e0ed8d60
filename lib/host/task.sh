# shellcheck shell=sh
# A command of the recipe. Called in a subshell, which has exported its environment; ends it.

kk_task() {
  cd "$kk_folder" >/dev/null || kk_fail "can't enter '$kk_folder'"
  KIRIKAE_RUN=$kk_run
  export KIRIKAE_RUN
  # shellcheck disable=SC2016
  exec /bin/sh -e -c 'eval "unset KIRIKAE_RUN;$KIRIKAE_RUN"'
}

# The same for what somebody typed, where kk_read_current has said what is live.
kk_run_live() {
  kk_folder=$kk_current
  RELEASE=$kk_live RELEASE_PATH='' REVISION=''
  case $kk_kind in
    live)
      RELEASE_PATH="$kk_releases/$kk_live"
      if [ -f "$kk_current/REVISION" ] && [ -r "$kk_current/REVISION" ]; then
        IFS= read -r REVISION <"$kk_current/REVISION" || :
      fi
      ;;
    none) kk_folder=${HOME:-/} ;;
  esac
  export RELEASE RELEASE_PATH REVISION
  kk_task
}
