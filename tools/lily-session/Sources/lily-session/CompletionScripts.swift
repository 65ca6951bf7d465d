/// The scripts that make a shell ask this command what to offer. They put the candidates into a list unchanged: a script that expanded
/// them, as `compgen -W` does, would run the commands that somebody else has written into a key or a folder's name. They pass what was typed
/// through a pipe, because the list of processes shows arguments.
enum CompletionScripts {
  /// - Returns: the script for bash, zsh or fish; nil for any other shell.
  static func script(for shell: String) -> String? {
    switch shell {
    case "bash": bash
    case "zsh": zsh
    case "fish": fish
    default: nil
    }
  }

  private static let bash = #"""
    # What lily-session offers in bash. Nothing here expands a candidate: no compgen -W, no eval, no unquoted word.
    # shellcheck shell=bash
    _lily_session() {
      local candidate
      COMPREPLY=()
      while IFS= read -r candidate; do
        case $candidate in
          '') ;;
          /) compopt -o default ;; # files, whose names readline quotes
          *) COMPREPLY+=("$candidate") ;;
        esac
      done <<<"$(builtin printf '%s\0' "$2" "${COMP_LINE:0:COMP_POINT}" | command lily-session ---complete line 2>/dev/null)"
    }
    complete -F _lily_session lily-session

    """#

  private static let zsh = #"""
    #compdef lily-session
    # What lily-session offers in zsh. Nothing here expands a candidate.
    _lily-session() {
      local -a candidates
      candidates=("${(@f)$(builtin printf '%s\0' "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" | command lily-session ---complete words 2>/dev/null)}")
      candidates=("${(@)candidates:#}")
      if [[ ${candidates[1]} == / ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        _files
      else
        compadd -a candidates
      fi
    }
    if [[ ${funcstack[1]} == _lily-session ]]; then
      _lily-session "$@"
    else
      compdef _lily-session lily-session
    fi

    """#

  private static let fish = #"""
    # What lily-session offers in fish. Nothing here expands a candidate.
    function __lily_session_complete
        set -l typed (commandline -ct)
        set -l current (string trim --left --chars '"\'' -- "$typed")
        set -l unescaped (string unescape -- "$current") # fails if a backslash is last
        and set current "$unescaped"
        builtin printf '%s\0' (commandline -opc) "$current" | command lily-session ---complete words 2>/dev/null
    end
    complete -c lily-session -f -a '(__lily_session_complete | string match --invert /)'
    complete -c lily-session -n 'string match --quiet / (__lily_session_complete)' -F

    """#
}
