#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/completion.h"
#include "shared/base/text.h"

/// What `escape completion SHELL` prints. Each script only asks `escape __complete` and hands the answer to its shell,
/// so that a shell with an old script knows new commands.
namespace escape::cli {
namespace {

// Bash has cut words at = and : (COMP_WORDBREAKS) before it asks; the pieces are put together again by what stands
// between them in the line, and only what is behind the last cut is given back.
constexpr std::string_view bash_script = R"SCRIPT(# bash completion for escape
_escape() {
  local rest=${COMP_LINE:0:COMP_POINT} words=() i blank current cut line
  for ((i = 0; i < COMP_CWORD; i++)); do
    blank=${rest%%[![:space:]]*}
    rest=${rest#"$blank"}
    rest=${rest#"${COMP_WORDS[i]}"}
    if [[ -n $blank || i -eq 0 ]]; then words+=("${COMP_WORDS[i]}"); else words[-1]+=${COMP_WORDS[i]}; fi
  done
  blank=${rest%%[![:space:]]*}
  rest=${rest#"$blank"}
  if [[ -n $blank ]]; then words+=("$rest"); else words[-1]+=$rest; fi
  current=${words[-1]}
  cut=
  if [[ $current == *[=:]* ]]; then
    cut=${current%"${current##*[=:]}"}
    [[ ${cut: -1} == "=" && $COMP_WORDBREAKS != *"="* ]] && cut=
    [[ ${cut: -1} == ":" && $COMP_WORDBREAKS != *":"* ]] && cut=
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default
      COMPREPLY=()
      return
    fi
    line=${line%%$'\t'*}
    [[ -n $line ]] && COMPREPLY+=("${line#"$cut"}")
  done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=:] ]]; then compopt -o nospace; fi
}
complete -F _escape escape
)SCRIPT";

constexpr std::string_view zsh_script = R"SCRIPT(#compdef escape
_escape() {
  local -a answer plain plain_shown open open_shown
  local line word shown
  answer=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  for line in $answer; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    word=${line%%$'\t'*}
    shown=$word
    [[ $line == *$'\t'* ]] && shown="$word  -- ${line#*$'\t'}"
    if [[ $word == *[/=:] ]]; then
      open+=("$word")
      open_shown+=("$shown")
    else
      plain+=("$word")
      plain_shown+=("$shown")
    fi
  done
  (( $#plain )) && compadd -l -d plain_shown -a plain
  (( $#open )) && compadd -l -S '' -d open_shown -a open
  (( $#plain + $#open ))
}
if [[ $funcstack[1] == _escape ]]; then
  _escape "$@"
else
  compdef _escape escape
fi
)SCRIPT";

constexpr std::string_view fish_script = R"SCRIPT(# fish completion for escape
function __escape_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$answer[1]" = :files
        __fish_complete_path "$current"
        return
    end
    string join \n -- $answer
end
complete -c escape -f -a '(__escape_complete)'
)SCRIPT";

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(bash_script);
  if (shell == "zsh") return std::string(zsh_script);
  if (shell == "fish") return std::string(fish_script);
  const std::string near = nearest(shell, {"bash", "zsh", "fish"});
  return fail(ErrorKind::usage, "There is no completion for '" + std::string(shell) + "'.",
              near.empty() ? "There is one for bash, zsh and fish." : "Did you mean '" + near + "'?");
}

void describe_completion(Syntax& syntax) {
  auto shell = std::make_shared<std::string>();
  syntax.required_argument("bash|zsh|fish", *shell, "The shell");
  syntax.example("source <(escape completion bash)");
  syntax.example("escape completion fish > ~/.config/fish/completions/escape.fish");
  syntax.action([shell](Invocation& run) -> Result<int> {
    TRY(const std::string script, completion_script(*shell));
    run.console().out(script);
    return 0;
  });
}

}  // namespace escape::cli
