"""A finding of a check, and the exit status that all findings amount to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from webex_token_cli.errors import WebexTokenError

CORRECT_CONFIGURATION = "Correct the configuration first."


class Level(StrEnum):
    """How serious a finding is. Only a problem affects the exit status."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What ``check`` found about ``subject``: ``message`` is one sentence, without secrets.

    ``fix`` says what to do; it is None if nothing needs to be done. ``exit_status`` is 0 unless this is a problem.
    """

    check: str
    subject: str
    level: Level
    message: str
    fix: str | None = None
    exit_status: int = 0


def fine(check: str, subject: str, message: str) -> Finding:
    """A check that passed."""
    return Finding(check, subject, Level.OK, message)


def warning(check: str, subject: str, message: str, fix: str) -> Finding:
    """Something that works now, but may stop working or does not work everywhere."""
    return Finding(check, subject, Level.WARNING, message, fix)


def problem(check: str, subject: str, error: WebexTokenError) -> Finding:
    """An error that a command would fail with."""
    return Finding(check, subject, Level.PROBLEM, _sentence(error.message), error.hint, error.exit_status)


def skipped(check: str, subject: str, message: str, fix: str) -> Finding:
    """Something that was not checked, because another problem prevents it, or because it is not there yet."""
    return Finding(check, subject, Level.SKIPPED, message, fix)


def not_configured(check: str) -> Finding:
    """A check that needs settings, when no profile's settings can be used."""
    return skipped(check, "", "Not checked, because the settings cannot be used.", CORRECT_CONFIGURATION)


def exit_status(findings: Iterable[Finding]) -> int:
    """The highest exit status of all findings; 0 if there is no problem."""
    return max((finding.exit_status for finding in findings), default=0)


def _sentence(text: str) -> str:
    # Some error messages start in lower case with "the". Names and addresses keep their case.
    return f"T{text[1:]}" if text.startswith("the ") else text
