"""What a check finds, and what that comes to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webex_token_cli.errors import WebexTokenError


class Level(StrEnum):
    """How bad it is. Only a problem counts towards the exit status."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What ``check`` found about ``subject``, in a sentence that holds no secret.

    ``fix`` says what to do, and is None where nothing needs to be done.
    """

    check: str
    subject: str
    level: Level
    message: str
    fix: str | None = None
    exit_status: int = 0


def fine(check: str, subject: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(check, subject, Level.OK, message)


def warning(check: str, subject: str, message: str, fix: str) -> Finding:
    """Something that works, and will not always, or not everywhere."""
    return Finding(check, subject, Level.WARNING, message, fix)


def problem(check: str, subject: str, error: WebexTokenError) -> Finding:
    """What a command would fail with."""
    return Finding(check, subject, Level.PROBLEM, _sentence(error.message), error.hint, error.exit_status)


def skipped(check: str, subject: str, message: str, fix: str) -> Finding:
    """What could not be looked at, because of something else that is a problem."""
    return Finding(check, subject, Level.SKIPPED, message, fix)


def exit_status(findings: Iterable[Finding]) -> int:
    """The worst that was found; 0 when there is no problem."""
    return max((finding.exit_status for finding in findings), default=0)


def _sentence(text: str) -> str:
    # What errors put into the middle of a sentence begins one here; a name or an address stays as it is.
    return f"T{text[1:]}" if text.startswith("the ") else text
