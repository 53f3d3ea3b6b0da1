"""Completion in PowerShell: the protocol between the script that ``completion powershell`` prints and click.

Older versions of click know no PowerShell, and the newer ones take backslashes for escapes, which splits Windows'
paths. So this class replaces click's own.
"""

import os

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

NAME = "powershell"


class PowerShellComplete(ShellComplete):
    """Reads the words before the current one from COMP_WORDS, one a line, and the current one from COMP_CWORD.

    PowerShell has split them already and has removed their quotes. An answer has three fields with tabs between them:
    the type, the value, and the help.
    """

    name = NAME
    source_template = ""  # `completion` prints the script

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words after the program's name, and the beginning of the current word."""
        return os.environ.get("COMP_WORDS", "").split("\n")[1:], os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        """One line for ``item``. PowerShell shows the value if the help is empty, and refuses an empty text."""
        return f"{item.type}\t{item.value}\t{' '.join((item.help or '').split())}"


def register() -> None:
    """Make click use this class for PowerShell."""
    add_completion_class(PowerShellComplete, NAME)
