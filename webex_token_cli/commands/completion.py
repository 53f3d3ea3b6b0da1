"""``completion``: the script that makes a shell complete verbs, options and profiles.

The scripts ask ``webex-token`` what there is, in the way of ``click.shell_completion``. Click has scripts of its
own, but bash's break words at the "@" and "=" that profiles and options may have, and cannot put them together
again, zsh's replaces an option by its value after a "=", and fish's offers nothing there.
"""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    HOME_READ,
    pass_application,
    verbosity_options,
)

_BASH = """\
_webex_token_completion() {
    local line=${COMP_LINE:0:COMP_POINT} current= kept= completion value
    local -a words
    read -ra words <<< "$line"
    local count=${#words[@]}
    if [[ $line != *[[:space:]] ]]; then
        count=$((count - 1))
        current=${words[count]}
    fi
    # Bash keeps an option before its "=", and what stands before an "@", and completes what follows as a word.
    current=${current#--*=}
    if [[ $current == *@* && $COMP_WORDBREAKS == *@* ]]; then kept=${current%@*}; fi
    COMPREPLY=()
    while IFS= read -r completion; do
        value=${completion#*,}
        case ${completion%%,*} in
            plain) COMPREPLY+=("${value#"$kept"}") ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
        esac
    done < <(COMP_WORDS=$line COMP_CWORD=$count _WEBEX_TOKEN_COMPLETE=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F _webex_token_completion webex-token 2>/dev/null ||
    complete -F _webex_token_completion webex-token
"""

_ZSH = """\
#compdef webex-token
_webex_token_completion() {
    local -a response plain described
    local kind value purpose
    (( $+commands[webex-token] )) || return 1
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \\
        _WEBEX_TOKEN_COMPLETE=zsh_complete webex-token 2>/dev/null)}")
    # After "--option=" the value alone is completed.
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    for kind value purpose in ${response}; do
        case $kind in
            plain) if [[ $purpose == _ ]]; then plain+=("$value"); else described+=("$value:$purpose"); fi ;;
            dir) _path_files -/ ;;
            file) _path_files -f ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described
    (( $#plain )) && compadd -V unsorted -a plain
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _webex_token_completion "$@"
else
    compdef _webex_token_completion webex-token
fi
"""

_FISH = """\
function __webex_token_completion
    set -l current (commandline -ct)
    # After "--option=" click completes the value alone, and fish the whole word.
    set -l option (string match -r -- '^--[^=]*=' $current)
    for completion in (env COMP_WORDS=(commandline -cp) COMP_CWORD=$current \\
            _WEBEX_TOKEN_COMPLETE=fish_complete webex-token 2>/dev/null)
        set -l parts (string split -m 1 , -- $completion)
        switch $parts[1]
            case plain
                echo "$option$parts[2]"
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
        end
    end
end
complete --no-files --command webex-token --arguments '(__webex_token_completion)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@click.command("completion", short_help="Print the script that completes commands in a shell.", epilog=HOME_READ)
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
@verbosity_options
@pass_application
def command(application: Application, shell: str) -> None:
    """Print the script that has bash, zsh or fish complete verbs, options, choices and stored profiles.

    The shell is to run it each time it starts: by the line below in ~/.bashrc, by the same for zsh in
    ~/.zshrc, after compinit; and for fish by `webex-token completion fish | source` in config.fish.

    \b
    Example:
      eval "$(webex-token completion bash)"

    Exit status: 0 printed; 2 it is no shell that is known.
    """
    application.detail(f"A script for {shell}, which runs webex-token for what there is to complete.")
    click.echo(_SCRIPTS[shell], nl=False)
