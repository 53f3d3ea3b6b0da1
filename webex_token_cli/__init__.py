"""Sign a person in to a Webex integration and keep the token alive.

The command is ``webex-token``. For Python programs there is a function::

    from webex_token_cli import access_token

    token = access_token()

and, for a program that runs longer than a token lives, an ``auth`` for requests and httpx::

    from webex_token_cli import TokenAuth

    session = requests.Session()
    session.auth = TokenAuth()
"""

from webex_token_cli._version import __version__

# Type checkers know the name, and take it for true. To import it from typing would take milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from webex_token_cli.token_auth import TokenAuth

__all__ = ["TokenAuth", "__version__", "access_token"]


def access_token(profile: str = "default", min_valid: float = 300) -> str:
    """Return a valid access token of a stored sign-in, refreshed first if it expires within ``min_valid`` seconds.

    This is what ``webex-token get -p PROFILE --min-valid SECONDS`` prints, by the same rules: a refresh takes the lock
    that all processes share, and if it fails for now, a token that is still valid is returned. A token whose expiry
    Webex did not tell is refreshed as if it expired an hour after its last refresh. The environment
    variables ``WEBEX_TOKEN_HOME``, ``WEBEX_TOKEN_STORE`` and ``WEBEX_TOKEN_API_URL`` apply; ``WEBEX_TOKEN_PROFILE``
    does not, because ``profile`` names the sign-in. A refresh waits for Webex's answer, and at most 90 seconds for the
    lock. Any thread may call this function.

    Nothing is printed. The warnings of ``get`` are logged by ``logging.getLogger("webex_token_cli")``.

    Raises an error of ``webex_token_cli.errors``. Each is a ``WebexTokenError`` with a ``message`` that says what
    failed and a ``hint`` that says what to do; both can be shown to a person:

    - ``ConfigurationError``: ``profile``, ``min_valid``, an environment variable or ``config.ini`` is wrong. Its
      subclass ``ServiceAppRefused`` says that Webex gives a Service App no tokens, for example because no admin has
      authorized it.
    - ``SignInNeeded``: nobody is signed in as ``profile``, or only a new sign-in helps. Its subclasses ``GrantRefused``
      and ``ClientRefused`` say what Webex refused.
    - ``HelperNeedsSignIn``: the profile with which a Service App gets its tokens needs a sign-in.
    - ``TemporaryFailure``: the token has expired, and Webex cannot be reached now. Its subclass ``TooManyRequests``
      says that Webex answered with a rate limit.
    - ``StoreUnavailable``: the credential store is missing, locked or damaged. Its subclass ``DamagedEntry`` names a
      damaged record, ``RecordTooLarge`` says that the store cannot hold Webex's answer, and ``StoreUnreachable`` that
      a server cannot be reached now.
    - ``RequestRefused``: Webex refused for a reason that this program does not know.
    """
    from webex_token_cli.config.names import check_profile_name
    from webex_token_cli.programs import application, check_min_valid

    check_min_valid(min_valid)
    return application().valid_record(check_profile_name(profile), min_valid).access_token


def __getattr__(name: str) -> object:
    """``TokenAuth``, imported when a program first asks for it (PEP 562)."""
    if name == "TokenAuth":
        from webex_token_cli.token_auth import TokenAuth

        return TokenAuth
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
