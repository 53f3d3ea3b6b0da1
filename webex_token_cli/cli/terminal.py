"""The terminal that a run of the program talks to: its flags, and what it shows."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from webex_token_cli.application import Application

# Columns of a terminal that does not say how wide it is.
_USUAL_WIDTH = 80


def can_erase(environment: Mapping[str, str]) -> bool:
    """Whether standard error is a terminal that can erase a line; one whose type (TERM) is ``dumb`` cannot."""
    return sys.stderr is not None and sys.stderr.isatty() and environment.get("TERM") != "dumb"


def width_of_output() -> int | None:
    """The number of columns, if standard output is a terminal that says it; else None."""
    return _columns_of(sys.stdout)


def width_of_live_line() -> int:
    """The most characters of a line on standard error that can be erased: what goes over the edge could not be.

    Nothing is written in the last column, after which some terminals begin a new line. There is always one character.
    """
    return max((_columns_of(sys.stderr) or _USUAL_WIDTH) - 1, 1)


def _columns_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


@dataclass(slots=True, eq=False, repr=False)
class Terminal:
    """One run's terminal, made before the options are read.

    ``verbose`` and ``debug`` are set by the options of the same names, which may stand before or after the command.
    """

    environment: Mapping[str, str]
    verbose: bool = False
    debug: bool = False

    def say(self, text: str) -> None:
        """Show a line on standard error."""
        click.echo(text, err=True)

    @property
    def interactive(self) -> bool:
        """Whether somebody at a terminal can answer a prompt."""
        return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()

    def application(
        self,
        say: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> "Application":
        """The application that talks to this terminal, through ``say`` instead of plain lines where it is given."""
        from webex_token_cli.application import Application, ignore  # --help needs neither of them

        show = say or self.say
        return Application(
            self.environment,
            say=show,
            detail=show if self.verbose or self.debug else ignore,
            trace=(lambda text: show(f"debug: {text}")) if self.debug else ignore,
            interactive=self.interactive,
            cancelled=cancelled,
        )

    def application_of_one_thread(self) -> "Application":
        """The application of a command that prints in one thread only.

        What a keyring prints itself is held back, unless somebody wants to see more.
        """
        application = self.application()
        if not (self.verbose or self.debug):
            from webex_token_cli.system.output import held_back_output

            application.hold_output = held_back_output
        return application
