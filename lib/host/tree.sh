# shellcheck shell=sh
# Lists a release's folder, file by file, for a comparison. Names may be any bytes: each ends with a NUL. Records, in any order:
#   files N, N names, N lines of modes, N lines of the hash tool      dirs N, N names, N lines of modes
#   link 1, its name, its text           other N, N names             unreadable 1, its name

kk_tree() {
  kk_need_release
  LC_ALL=C
  case $kk_hash_tool in
    openssl) kk_cmd='openssl dgst -sha256' ;;
    shasum) kk_cmd='shasum -a 256' ;;
    sha256) kk_cmd='sha256 -q' ;;
    sha256sum) kk_cmd=sha256sum ;;
    busybox) kk_cmd='busybox sha256sum' ;;
    *) kk_fail "no tool computes sha-256 here: install openssl" ;;
  esac
  cd "$kk_releases/$kk_release" || kk_fail "can't enter '$kk_releases/$kk_release'"
  kk_stat=
  for kk_v in 'stat -c %a' 'stat -f %Lp'; do
    # shellcheck disable=SC2086
    case $($kk_v . 2>/dev/null) in '' | *[!0-7]*) ;; *) kk_stat=$kk_v && break ;; esac
  done
  kk_cr=$(printf '\r')
  export LC_ALL kk_cmd kk_stat kk_nl kk_cr
  # Many files at a time; one by one where one of them can't be read, or has a name that would break the tool's lines.
  # shellcheck disable=SC2016
  kk_code='kk_modes() {
      if [ -n "$kk_stat" ]; then $kk_stat "$@"; return; fi
      for kk_f; do kk_m=$(ls -ld "$kk_f") || return 1; printf "%s\n" "${kk_m%% *}"; done
    }
    kk_many() {
      case $* in *\\* | *"$kk_nl"* | *"$kk_cr"*) return 1 ;; esac
      kk_h=$($kk_cmd "$@" 2>/dev/null) && kk_m=$(kk_modes "$@" 2>/dev/null) || return 1
      printf "files %s\n" $# && printf "%s\0" "$@" && printf "%s\n%s\n" "$kk_m" "$kk_h"
    }
    kk_dirs() {
      for kk_f; do [ -r "$kk_f" ] && [ -x "$kk_f" ] || return 1; done
      kk_m=$(kk_modes "$@" 2>/dev/null) || return 1
      printf "dirs %s\n" $# && printf "%s\0" "$@" && printf "%s\n" "$kk_m"
    }
    kk_one() {
      kk_h=$($kk_cmd <"$1" 2>/dev/null) && kk_m=$(kk_modes "$1" 2>/dev/null) || return 1
      printf "files 1\n%s\0%s\n%s\n" "$1" "$kk_m" "$kk_h"
    }
    kk_link() {
      kk_t=$(readlink "$1" && echo x) || return 1
      printf "link 1\n%s\0%s\0" "$1" "${kk_t%?x}"
    }
    kk_other() { printf "other 1\n%s\0" "$1"; }
    kk_all=$1 kk_each=$2
    shift 2
    [ $# = 0 ] || "$kk_all" "$@" || for kk_path; do
      "$kk_each" "$kk_path" 2>/dev/null || printf "unreadable 1\n%s\0" "$kk_path"
    done'
  # What find itself says of folders that it can not read is in the list already.
  for kk_v in 'd kk_dirs kk_dirs' 'f kk_many kk_one' 'l false kk_link' 'p false kk_other' 's false kk_other' 'b false kk_other' 'c false kk_other'; do
    # shellcheck disable=SC2086
    set -- $kk_v
    find . -type "$1" -exec /bin/sh -c "$kk_code" sh "$2" "$3" {} + 2>/dev/null || :
  done
  printf 'end 0\n'
}
