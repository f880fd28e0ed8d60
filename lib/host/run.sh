# shellcheck shell=sh
# A command that somebody typed. Travels with its command.

# What is live. Nothing for certain, or it fails: the home folder is no place for what was meant for a release.
kk_run_find() {
  kk_read_current
  [ "$kk_kind" != none ] || ! kk_is_unseen || kk_fail "$kk_why"
}

# As a task, in what is live: kk_run_find has said what that is.
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
