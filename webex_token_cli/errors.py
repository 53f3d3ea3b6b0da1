"""Every failure that a person can be told about: each error has a message, a hint and an exit status.

The exit statuses: 1 unexpected failure, 2 wrong usage or configuration, 3 sign-in needed, 4 temporary failure (try
again later), 5 credential store unavailable, 6 sign-in not completed.
"""

from typing import ClassVar, TypeVar

# The exit status after Ctrl-C: 128 plus the number of the signal, as in shells.
INTERRUPTED = 130

E = TypeVar("E", bound=BaseException)


class WebexTokenError(Exception):
    """A failure that a person can be told about.

    ``message`` is a sentence that says what failed, and ``hint`` one that says what to do. Neither holds a secret.
    ``tracking_id`` is the ID that Webex support asks for, or empty; the message contains it as well.
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


def as_data(error: E) -> E:
    """``error`` without its traceback and the errors behind it, for a caller that keeps it.

    A traceback holds the frames of the functions that failed, and their variables: whole answers, connections, and
    the error that was stored before.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class RequestRefused(WebexTokenError):
    """Webex refused a request for a reason that this program does not know."""


class ConfigurationError(WebexTokenError):
    """An option, an environment variable, ``config.ini`` or the integration itself is set up wrongly."""

    exit_status = 2


class SignInNeeded(WebexTokenError):
    """Only a new sign-in helps: nothing is stored, or the refresh token has expired or was revoked."""

    exit_status = 3


class ClientRefused(SignInNeeded):
    """Webex does not accept the client id and client secret (``invalid_client``, RFC 6749 section 5.2)."""


class GrantRefused(SignInNeeded):
    """Webex does not accept the code or refresh token (``invalid_grant``, RFC 6749 section 5.2)."""


class TemporaryFailure(WebexTokenError):
    """The network or Webex failed; the same request may succeed later.

    ``retry_after`` is the number of seconds that Webex asked to wait, or None.
    """

    exit_status = 4

    def __init__(self, message: str, hint: str, retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class TooManyRequests(TemporaryFailure):
    """This machine sends Webex too many requests (HTTP 429), for all profiles together."""


class StoreUnavailable(WebexTokenError):
    """The credential store is missing, locked or damaged, or another process holds its lock."""

    exit_status = 5


class StoreUnreachable(StoreUnavailable):
    """The credential store cannot be reached now; the same call may succeed later."""

    exit_status = 4


class DamagedEntry(StoreUnavailable):
    """An entry of the credential store is not a readable record. A new sign-in replaces it."""


class RecordTooLarge(StoreUnavailable):
    """The credential store cannot hold a record of this size, however often it is tried."""


class ServiceAppRefused(ConfigurationError):
    """Webex gives no tokens for a Service App: an admin has to authorize it, or an id is wrong."""


class HelperNeedsSignIn(WebexTokenError):
    """The profile with whose access token a Service App gets its tokens needs a sign-in itself.

    This is no SignInNeeded, because a sign-in to the helping profile helps, and the Service App needs none.
    """

    exit_status = 3


class SignInNotCompleted(WebexTokenError):
    """The person denied, cancelled or did not finish the sign-in."""

    exit_status = 6


class CommandNotFound(WebexTokenError):
    """The command to run was not found. Shells use the same exit status (POSIX, "Exit Status for Commands")."""

    exit_status = 127


class CommandNotRunnable(WebexTokenError):
    """The command to run was found, but cannot be executed. Shells use the same exit status."""

    exit_status = 126
