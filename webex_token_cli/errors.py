"""The errors of the program. Each has a message, a hint and an exit status."""

from typing import ClassVar


class WebexTokenError(Exception):
    """A failure that is reported to the person.

    ``message`` is one sentence that says what failed, ``hint`` one that says what to do. Neither ever contains a
    secret. ``tracking_id`` is the ID that Webex support asks for, empty if Webex gave none; the message has it too.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.tracking_id = ""

    def is_same_failure(self, other: "WebexTokenError") -> bool:
        """Whether ``other`` is the same failure at another time. Each answer from Webex has its own tracking ID."""
        return type(self) is type(other) and self._untracked_message() == other._untracked_message()

    def _untracked_message(self) -> str:
        return self.message.replace(self.tracking_id, "") if self.tracking_id else self.message


class RequestRefused(WebexTokenError):
    """Webex refused the request with an error that this program does not know."""


class ConfigurationError(WebexTokenError):
    """An option, a variable, ``config.ini`` or the integration itself is set up wrongly."""

    exit_status = 2


class SignInNeeded(WebexTokenError):
    """Only a new sign-in helps: nothing is stored, or Webex does not accept the refresh token any more."""

    exit_status = 3


class ClientRefused(SignInNeeded):
    """Webex does not accept the client id and client secret (``invalid_client``, RFC 6749 section 5.2)."""


class GrantRefused(SignInNeeded):
    """Webex does not accept the code or refresh token (``invalid_grant``, RFC 6749 section 5.2)."""


class TemporaryFailure(WebexTokenError):
    """The network or Webex failed; the same request may succeed later.

    ``retry_after`` is the number of seconds that Webex asked to be left alone for, where it said so.
    """

    exit_status = 4

    def __init__(self, message: str, hint: str, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class TooManyRequests(TemporaryFailure):
    """This machine asks Webex too often (HTTP 429). The limit holds for every profile of the same API."""


class StoreUnavailable(WebexTokenError):
    """The credential store is missing, locked or corrupt, or another process holds its lock."""

    exit_status = 5


class DamagedEntry(StoreUnavailable):
    """An entry of the credential store exists but cannot be read as a record; only a new sign-in replaces it."""


class SignInNotCompleted(WebexTokenError):
    """The person denied, cancelled or did not finish the sign-in."""

    exit_status = 6


class CommandNotFound(WebexTokenError):
    """The command to run does not exist; the exit status is that of every shell (POSIX, "Exit Status for Commands")."""

    exit_status = 127


class CommandNotRunnable(WebexTokenError):
    """The command exists but the system cannot run it; the exit status is that of every shell."""

    exit_status = 126
