#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "verb.h"

namespace kirikae::cmd {
namespace {

// All three ask the program that stands on the line; complete.cc answers.

constexpr std::string_view bash_script = R"script(# Completion of deploy for bash: source <(deploy completion bash)
# The words of $1 to `words`, without their quotes; the last one is unfinished, perhaps empty.
_deploy_words() {
  local i c quote='' word='' begun=''
  words=()
  for ((i = 0; i < ${#1}; ++i)); do
    c=${1:i:1}
    if [[ $c == \\ && $quote != \' ]]; then
      ((++i))
      word+=${1:i:1} begun=yes
    elif [[ -n $quote && $c == "$quote" ]]; then
      quote=''
    elif [[ -z $quote && $c == [\"\'] ]]; then
      quote=$c begun=yes
    elif [[ -z $quote && $c == [[:space:]] ]]; then
      [[ -z $word$begun ]] || words+=("$word")
      word='' begun=''
    else
      word+=$c
    fi
  done
  words+=("$word")
}
_deploy_complete() {
  local line=${COMP_LINE:0:COMP_POINT} command cur breaks='' skip='' value text
  local -a words
  COMPREPLY=()
  _deploy_words "${COMP_WORDS[0]}"
  command=${words[0]}
  _deploy_words "$line"
  # What stands in front of the command, such as assignments.
  while [[ ${#words[@]} -gt 1 && ${words[0]} != "$command" ]]; do words=("${words[@]:1}"); done
  [[ ${words[0]} == "$command" ]] || return 0
  cur=${words[${#words[@]} - 1]}
  # To readline a new word begins behind these: what it has already must not come again.
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=:
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+==
  [[ -z $breaks ]] || skip=${cur%"${cur##*[$breaks]}"}
  while IFS=$'\t' read -r value text; do
    if [[ $value == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "${cur#"$skip"}")
    else
      COMPREPLY+=("${value#"$skip"}")
    fi
  done < <("${words[0]/#\~\//$HOME/}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _deploy_complete deploy
)script";

constexpr std::string_view zsh_script = R"script(#compdef deploy
# Completion of deploy for zsh: source <(deploy completion zsh), after compinit; or this text as _deploy in a folder of $fpath
_deploy() {
  local line value
  local -a values shown
  for line in "${(@f)$(${~${(Q)words[1]}} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    value=${line%%$'\t'*}
    if [[ $value == :files ]]; then
      [[ $PREFIX != --*=* ]] || compset -P '*='
      _files
      return
    fi
    [[ -n $value ]] || continue
    values+=("$value")
    if [[ $line == *$'\t'* ]]; then shown+=("$value  -- ${line#*$'\t'}"); else shown+=("$value"); fi
  done
  compadd -l -d shown -a values
}
if [[ ${funcstack[1]} == _deploy ]]; then _deploy "$@"; else compdef _deploy deploy; fi
)script";

constexpr std::string_view fish_script = R"script(# Completion of deploy for fish: deploy completion fish | source
function __deploy_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l answer ($program __complete $words "$current" 2>/dev/null)
    if test "$answer" = :files
        set -l option (string match -r '^--[a-z]+=' -- $current)
        for path in (__fish_complete_path (string replace -- "$option" '' $current))
            printf '%s%s\n' "$option" $path
        end
    else if test -n "$answer"
        printf '%s\n' $answer
    end
end
complete -c deploy -f -a '(__deploy_complete)'
)script";

}  // namespace

Ended run_completion(const Call& call) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> scripts = {
      {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}}};
  const std::string& shell = call.options.argument;
  for (const auto& [name, script] : scripts) {
    if (name != shell) continue;
    if (const auto failed = show_text(std::string(script))) return std::unexpected(Errors{*failed});
    return event::Report{};
  }
  return std::unexpected(Errors{
      {ErrorCode::usage, shell.empty() ? "for which shell?" : fmt::format("no completion for the shell '{}'", shell),
       "usage: deploy completion bash | zsh | fish"}});
}

}  // namespace kirikae::cmd
