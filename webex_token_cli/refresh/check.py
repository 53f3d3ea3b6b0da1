"""A look at one profile, as it is done side by side with others: nothing of the watcher is changed in here.

What the looks of all profiles share is which Webex wants to be left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from webex_token_cli.errors import TooManyRequests, WebexTokenError
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import FIRST_RETRY, LONGEST_RETRY_AFTER, Standing, Timing, is_due
from webex_token_cli.tokens import TokenRecord


@dataclass(frozen=True, slots=True)
class Account:
    """One profile's part in a watch: ``service`` is the API base URL that it shares with others.

    ``stored`` reads its record, ``refresh`` is ``Refresher.refresh`` and ``save_late`` ``Refresher.save_late`` for
    it. Each may be called in any thread, and raises WebexTokenError.
    """

    service: str
    stored: Callable[[], TokenRecord | None]
    refresh: Callable[[Callable[[TokenRecord], bool]], Outcome]
    save_late: Callable[[NotSaved], Outcome]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What else is done in the crew: ``on_change`` whenever a profile's access token has become another one,
    ``on_attention`` when a person has to see to one. Each raises WebexTokenError, which is told and no more."""

    on_change: Callable[[str, TokenRecord], None] = lambda _, __: None
    on_attention: Callable[[str, str], None] = lambda _, __: None


class Postponed(TooManyRequests):
    """Webex was not asked, because it has told another profile to leave it alone."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to. Neither an outcome nor an error: it still waits for a sign-in, or was not begun.

    ``seen`` is the record that it was about.
    """

    profile: str
    service: str = ""
    outcome: Outcome | None = None
    error: WebexTokenError | None = None
    seen: TokenRecord | None = None
    hook_error: WebexTokenError | None = None


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at profiles, in any thread. What it works with is the watcher's; see there."""

    account: Callable[[str], Account]
    hooks: Hooks
    timing: Timing
    clock: Callable[[], float]
    stopping: Callable[[], bool]
    _quiet: dict[str, tuple[float, float, TooManyRequests]] = field(default_factory=dict)

    def look(self, name: str, standing: Standing, unsaved: NotSaved | None, to_the_end: bool = False) -> Looked:
        """Read the profile's record, refresh it if it is due, and tell the hook of a new access token.

        An answer that is ``unsaved`` is saved instead. Nothing is begun once the end was asked for, unless it is
        ``to_the_end``.
        """
        if self.stopping() and not to_the_end:
            return Looked(name)
        service, seen = "", None

        def due(record: TokenRecord) -> bool:
            nonlocal seen
            seen = record
            found = is_due(record, self.timing, self.clock())
            if found:
                self._leave_alone(service)
            return found

        try:
            account = self.account(name)
            service = account.service
            if unsaved is not None:
                outcome = account.save_late(unsaved)
            elif standing.given_up and account.stored() == standing.record:
                return Looked(name)
            else:
                outcome = account.refresh(due)
        except WebexTokenError as error:
            if isinstance(error, TooManyRequests) and not isinstance(error, Postponed):
                self.quieten(service, error, error.retry_after or FIRST_RETRY)
            return Looked(name, service, error=error, seen=seen)
        except Exception as error:  # noqa: BLE001 - one profile's surprise must not end the watch over the others
            return Looked(name, service, error=_surprise(error), seen=seen)
        return Looked(name, service, outcome, hook_error=self._told_of_change(name, standing.record, outcome))

    def quieten(self, service: str, error: TooManyRequests, seconds: float) -> None:
        """Leave a Webex alone from now on, before anybody else of the crew asks it."""
        now = self.clock()
        self._quiet[service] = now, now + min(seconds, LONGEST_RETRY_AFTER), error

    def _leave_alone(self, service: str) -> None:
        """Raise Postponed while Webex wants to be left alone, whichever profile it told that to."""
        quiet = self._quiet.get(service)
        if quiet is None:
            return
        since, until, error = quiet
        now = self.clock()
        if since <= now < until:
            raise Postponed(error.message, error.hint, until - now)
        # It is over, also for a clock that is set back into it.
        if self._quiet.get(service) is quiet:
            self._quiet.pop(service, None)

    def _told_of_change(self, name: str, before: TokenRecord | None, outcome: Outcome) -> WebexTokenError | None:
        known = outcome.record if before is None else before
        if outcome.result is not Result.RENEWED and known.access_token == outcome.record.access_token:
            return None
        return error_of(lambda: self.hooks.on_change(name, outcome.record))


def error_of(call: Callable[[], None]) -> WebexTokenError | None:
    """What ``call`` raises, as something that can be told."""
    try:
        call()
    except WebexTokenError as error:
        return error
    except Exception as error:  # noqa: BLE001 - as above
        return _surprise(error)
    return None


def _surprise(error: Exception) -> WebexTokenError:
    return WebexTokenError(f"Something unexpected failed ({type(error).__name__}).", "See --debug.")
