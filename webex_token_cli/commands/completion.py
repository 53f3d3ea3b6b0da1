"""``completion``: the script that makes a shell complete commands, options and profiles.

The scripts ask ``webex-token`` for completions with the protocol of ``click.shell_completion``. Click's own scripts
are not used: its bash script splits words at "@" and "=", its zsh script replaces an option by its value after a "=",
and its fish script offers nothing after a "=". Only newer versions of click have a script for PowerShell, and that one
loses backslashes.
"""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.cli.options import (
    HOME_READ,
    pass_application,
    verbosity_options,
)

_BASH = r"""_webex_token_completion() {
    local line=${COMP_LINE:0:COMP_POINT} prefix= completion value count=0
    # The current word is what stands after the last blank that is neither quoted nor escaped.
    local quoted='"([^"\\]|\\.)*"'"|'[^']*'" current=$line
    local word="^[[:space:]]*([^[:space:]\"'\\]|\\\\.|$quoted)+[[:space:]]+"
    while [[ $current =~ $word ]]; do
        current=${current:${#BASH_REMATCH[0]}}
        count=$((count + 1))
    done
    # Bash treats what follows a "=" or an "@" as a word of its own, so only that part is completed.
    current=${current#--*=}
    if [[ $current == *@* && $COMP_WORDBREAKS == *@* ]]; then prefix=${current%@*}; fi
    COMPREPLY=()
    while IFS= read -r completion; do
        value=${completion#*,}
        case ${completion%%,*} in
            plain) COMPREPLY+=("${value#"$prefix"}") ;;
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
    # After "--option=", click and fish's functions complete the value alone, and fish wants the whole word.
    set -l option (string match -r -- '^--[^=]*=' $current)
    for completion in (env COMP_WORDS=(commandline -cp) COMP_CWORD=$current \\
            _WEBEX_TOKEN_COMPLETE=fish_complete webex-token 2>/dev/null)
        set -l parts (string split -m 1 , -- $completion)
        switch $parts[1]
            case plain
                echo "$option$parts[2]"
            case dir
                string join \\n -- "$option"(__fish_complete_directories $parts[2])
            case file
                string join \\n -- "$option"(__fish_complete_path $parts[2])
        end
    end
end
complete --no-files --command webex-token --arguments '(__webex_token_completion)'
"""

# Without a result, PowerShell itself completes files.
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName webex-token, webex-token.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $element.Value }
        else { $element.Extent.Text }
    }
    # After "--option=" webex-token completes the value alone, and PowerShell the whole word.
    $option = if ("$wordToComplete" -match '^--[^=]*=') { $Matches[0] } else { '' }
    $before = $env:COMP_WORDS, $env:COMP_CWORD, $env:_WEBEX_TOKEN_COMPLETE
    try {
        $env:COMP_WORDS = @($words) -join "`n"
        $env:COMP_CWORD = "$wordToComplete"
        $env:_WEBEX_TOKEN_COMPLETE = 'powershell_complete'
        $completions = @(webex-token 2>$null)
    } finally {
        $env:COMP_WORDS, $env:COMP_CWORD, $env:_WEBEX_TOKEN_COMPLETE = $before
    }
    foreach ($completion in $completions) {
        $type, $value, $purpose = $completion -split "`t", 3
        if ($type -ne 'plain') { continue }
        if (-not $purpose) { $purpose = $value }
        $text = "$option$value"
        if ($text -match '[\\s''`"$;,&|<>(){}]') { $text = "'" + $text.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $purpose)
    }
}
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


@click.command("completion", short_help="Print the script that completes commands in a shell.", epilog=HOME_READ)
@click.argument("shell", type=Choice(list(_SCRIPTS)))
@verbosity_options
@pass_application
def command(application: Application, shell: str) -> None:
    """Print the script that lets bash, zsh, fish or PowerShell complete commands, options, choices and stored profiles.

    After exec, the commands in PATH are completed. Load the script each time the shell starts. For bash, add the line
    below to ~/.bashrc. For zsh, add the same line with zsh instead of bash to ~/.zshrc, after compinit. For fish, add
    `webex-token completion fish | source` to config.fish. For PowerShell, add
    `webex-token completion powershell | Out-String | Invoke-Expression` to the file that $PROFILE names.

    \b
    Example:
      eval "$(webex-token completion bash)"

    Exit status: 0 if the script was printed; 2 if the shell is not supported.
    """
    application.detail(f"Printing the script for {shell}, which runs webex-token to find completions.")
    click.echo(_SCRIPTS[shell], nl=False)
