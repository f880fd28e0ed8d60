# shellcheck shell=sh

kk_fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
