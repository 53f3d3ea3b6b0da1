"""The check of one profile: a call that may run in any thread, changes nothing of the watcher, and returns data."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from webex_token_cli.config.names import not_signed_in
from webex_token_cli.errors import SignInNeeded, TooManyRequests, WebexTokenError, as_data
from webex_token_cli.refresh.rate_limits import RateLimits
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import FIRST_RETRY, ProfileState, Timing, asked_to_wait_until, is_due
from webex_token_cli.tokens import TokenRecord


class ProfileRefresher(Protocol):
    """What a check needs of ``refresher.Refresher``. Every method may be called in any thread."""

    @property
    def api_url(self) -> str:
        """The base URL of the Webex API that the profile belongs to."""

    def stored(self, profile: str, /) -> TokenRecord | None:
        """Return the stored record, None if there is none. Raises StoreUnavailable."""

    def refresh_from(self, profile: str, seen: TokenRecord, /) -> Outcome:
        """Refresh the record ``seen``; the errors are those of ``Refresher.refresh_from``."""

    def save_late(self, profile: str, unsaved: NotSaved, /) -> Outcome:
        """Save an earlier answer; the errors are those of ``Refresher.save_late``."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a watch does besides refreshing: ``on_change`` when a profile has a new access token, ``on_attention``
    when it needs a person. Both may run in any thread. A failure is reported and has no other consequence."""

    on_change: Callable[[str, TokenRecord], None] = lambda _, __: None
    on_attention: Callable[[str, str], None] = lambda _, __: None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of the check of one profile.

    ``seen`` is the record that was read, if one was. ``outcome`` and ``error`` are both None if the check was
    skipped, because the profile still waits for a sign-in or the watch is ending. If ``postponed_until`` (UTC epoch
    seconds) is set, Webex was not asked because of a rate limit or a Retry-After, and ``error`` is Webex's answer to
    the request that met it. ``hook_error`` is the failure of ``Hooks.on_change``.
    """

    profile: str
    api_url: str = ""
    seen: TokenRecord | None = None
    outcome: Outcome | None = None
    error: WebexTokenError | None = None
    postponed_until: float | None = None
    hook_error: WebexTokenError | None = None


@dataclass(frozen=True, slots=True)
class HookResult:
    """The result of ``Hooks.on_attention`` for one profile; ``error`` is None if it succeeded."""

    profile: str
    error: WebexTokenError | None


@dataclass(frozen=True, slots=True)
class ProfileChecker:
    """Checks profiles. ``refresher`` returns the refresher of a profile, or raises WebexTokenError.

    ``stopping`` says whether the watch was asked to end; from then on no check begins.
    """

    refresher: Callable[[str], ProfileRefresher]
    timing: Timing
    clock: Callable[[], float]
    stopping: Callable[[], bool]
    hooks: Hooks = field(default_factory=Hooks)
    rate_limits: RateLimits = field(default_factory=RateLimits)

    def check(self, profile: str, state: ProfileState, unsaved: NotSaved | None) -> CheckResult:
        """Check the profile, of which ``state`` is known, and run the hook if its access token has changed.

        If an answer from Webex is ``unsaved``, that is saved instead. Raises nothing.
        """
        if self.stopping():
            return CheckResult(profile)
        return self._with_hook(self._check(profile, state, unsaved), state)

    def save(self, profile: str, state: ProfileState, unsaved: NotSaved) -> CheckResult:
        """Save an answer from Webex that could not be saved before, even if the watch is ending. Raises nothing."""
        return self._with_hook(self._check(profile, state, unsaved), state)

    def call_for_attention(self, profile: str, message: str) -> HookResult:
        """Run the hook for a profile that needs a person. Raises nothing."""
        return HookResult(profile, _error_of(lambda: self.hooks.on_attention(profile, message)))

    def _check(self, profile: str, state: ProfileState, unsaved: NotSaved | None) -> CheckResult:
        api_url = ""
        seen: TokenRecord | None = None
        try:
            refresher = self.refresher(profile)
            api_url = refresher.api_url
            if unsaved is not None:
                return CheckResult(profile, api_url, outcome=refresher.save_late(profile, unsaved))
            seen = refresher.stored(profile)
            if _still_needs_sign_in(state, seen):
                return CheckResult(profile)
            if seen is None:
                raise not_signed_in(profile)
            if not is_due(seen, self.timing, self.clock()):
                return CheckResult(profile, api_url, seen, Outcome(Result.NOT_DUE, seen))
            limit = self.rate_limits.in_force(api_url, self.clock())
            if limit is not None:
                return CheckResult(profile, api_url, seen, error=limit.error, postponed_until=limit.until)
            until = asked_to_wait_until(state, self.clock())
            if until is not None:
                return CheckResult(profile, api_url, seen, error=state.error, postponed_until=until)
            return CheckResult(profile, api_url, seen, refresher.refresh_from(profile, seen))
        except TooManyRequests as error:
            # The other checks have to know before they ask the same Webex.
            self.rate_limits.begin(api_url, as_data(error), self.clock(), error.retry_after or FIRST_RETRY)
            return CheckResult(profile, api_url, seen, error=error)
        except SignInNeeded as error:
            # A profile that no store can hold has no refresher, so this is where it is found to be as before.
            if _still_needs_sign_in(state, seen):
                return CheckResult(profile)
            return CheckResult(profile, api_url, seen, error=as_data(error))
        except Exception as error:  # noqa: BLE001 - one profile's bug must not end the watch over the others
            return CheckResult(profile, api_url, seen, error=_as_reportable(error))

    def _with_hook(self, result: CheckResult, state: ProfileState) -> CheckResult:
        """Run the hook if the check found another access token than before, and add its failure to the result."""
        outcome = result.outcome
        if outcome is None:
            return result
        known = outcome.record if state.record is None else state.record
        changed = outcome.result in {Result.RENEWED, Result.NEW_PAIR}
        if not changed and known.access_token == outcome.record.access_token:
            return result
        return replace(result, hook_error=_error_of(lambda: self.hooks.on_change(result.profile, outcome.record)))


def _still_needs_sign_in(state: ProfileState, seen: TokenRecord | None) -> bool:
    """Whether the profile waits for a sign-in, and the record ``seen`` is still the one that it waited with."""
    return state.given_up and seen == state.record


def _error_of(call: Callable[[], None]) -> WebexTokenError | None:
    """Run ``call`` and return the error that it raises, if it raises one."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - a hook's bug must not end the watch
        return _as_reportable(error)
    return None


def _as_reportable(error: Exception) -> WebexTokenError:
    as_data(error)
    if isinstance(error, WebexTokenError):
        return error
    # The text of an unexpected error may hold a secret, so only its type is reported.
    return WebexTokenError(f"Something unexpected failed ({type(error).__name__}).", "Run the command with --debug.")
