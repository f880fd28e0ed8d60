# shellcheck shell=sh
# Where our own functions are called (kk_work in control.sh). The shell ends with the control shell, the last one that has its input open for writing.
kk_worker() {
  echo "p $$" >&6
  kk_shell=$KIRIKAE_SHELL
  unset KIRIKAE_SCRIPT KIRIKAE_SHELL
  while IFS= read -r kk_n; do
    kk_read_text
    kk_need_control
    (
      exec 6>&-
      set -e
      eval "$kk_text"
    ) </dev/null
    echo "x $?" >&6
  done
}
