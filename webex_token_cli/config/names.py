"""The names of profiles, and what hints say about a profile. Pure."""

import re
from collections.abc import Iterable

from webex_token_cli.errors import ConfigurationError, SignInNeeded
from webex_token_cli.text import printable

DEFAULT_PROFILE = "default"

# A name is also a section of config.ini, a part of a file name and an argument of a command, so it has no
# brackets, slashes or spaces, and starts with neither a dot nor a hyphen.
_PROFILE_NAME = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}", re.ASCII)


def is_profile_name(name: str) -> bool:
    """Whether a profile can have the name ``name``."""
    return _PROFILE_NAME.fullmatch(name) is not None


def check_profile_name(name: str) -> str:
    """Return ``name`` if a profile can have it. Raises ConfigurationError if not."""
    if not is_profile_name(name):
        raise ConfigurationError(
            f"{name[:80]!r} cannot name a profile.",
            "Use 1 to 64 letters, digits, and . _ - @ +, and start with neither . nor -.",
        )
    return name


def option_for(profile: str) -> str:
    """The ``--profile`` option that a command in a hint needs for ``profile``; empty for the default profile."""
    return "" if profile == DEFAULT_PROFILE else f" --profile {profile}"


def sign_in_hint(profile: str) -> str:
    """The sentence that tells a person how to sign in as ``profile``."""
    return f"Sign in with `webex-token login{option_for(profile)}`."


def token_refused_hint(profile: str) -> str:
    """The sentence that tells a person what to do about an access token of ``profile`` that Webex does not accept."""
    option = option_for(profile)
    return (
        f"Run `webex-token refresh{option}`; if that is refused as well, "
        f"sign in again with `webex-token login{option}`."
    )


def clock_hint(profile: str) -> str:
    """The sentence that tells a person what to do about a record of ``profile`` that is from the future."""
    return f"Correct the clock if it is wrong now, then run `webex-token refresh{option_for(profile)}`."


def not_signed_in(profile: str, stored: Iterable[str] = ()) -> SignInNeeded:
    """The error for a profile that has no record in its store. It names the ``stored`` profiles: one may be meant."""
    hint, names = sign_in_hint(profile), ", ".join(name for name in stored if name != profile)
    if names:
        hint = f"{hint.removesuffix('.')}, or name one of the stored profiles: {printable(names)}."
    return SignInNeeded(f"Nobody is signed in as profile {profile}.", hint)
