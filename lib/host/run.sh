# shellcheck shell=sh
# A command that somebody typed. Travels with its command.

# As a task, in what is live: kk_read_current has said what that is.
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
