"""The options that say which account signs in at Webex."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.cli.options import Duration

if TYPE_CHECKING:
    from webex_token_cli.signin.account import AccountRequest

# Those that Webex documents.
PROMPTS = ("select_account", "none")

F = TypeVar("F", bound=Callable[..., Any])


class AccountOptions(NamedTuple):
    """The values of ``--login-hint``, ``--prompt`` and ``--max-age`` (seconds); None for those that were not given."""

    login_hint: str | None = None
    prompt: str | None = None
    max_age: float | None = None

    @property
    def request(self) -> "AccountRequest":
        """What an authorization request says about the account."""
        from webex_token_cli.signin.account import AccountRequest

        return AccountRequest(*self)


def account_options(function: F) -> F:
    """Add the options that say which account signs in, passed on as ``account``."""

    @click.option(
        "--login-hint",
        metavar="EMAIL",
        callback=_one_line,
        help="The account to sign in with.  [default: that of the person who is signed in to the profile]",
    )
    @click.option(
        "--prompt",
        type=Choice(PROMPTS),
        help="Let Webex ask which account signs in (select_account), or ask nothing, so that the sign-in fails if a "
        "question is needed (none).  [default: select_account for a new profile with a name of its own]",
    )
    @click.option(
        "--max-age",
        type=Duration(),
        metavar="DURATION",
        help="Let a person who signed in to Webex longer ago sign in there again.",
    )
    @functools.wraps(function)
    def with_options(
        *args: Any, login_hint: str | None, prompt: str | None, max_age: float | None, **kwargs: Any
    ) -> Any:
        return function(*args, account=AccountOptions(login_hint, prompt, max_age), **kwargs)

    return with_options  # type: ignore[return-value]


def _one_line(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """``value``, if Webex can be sent it. Raises BadParameter."""
    if value is not None and not value.isprintable():
        raise click.BadParameter("it is not one line of text.")
    return value
