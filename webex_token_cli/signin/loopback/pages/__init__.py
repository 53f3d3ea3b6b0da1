"""The pages that the listener shows: one for each kind of outcome, in files beside this module."""

import base64
import functools
import hashlib
import html
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from string import Template


class Page(StrEnum):
    """The pages, by the names of their files."""

    SIGNED_IN = "signed-in.html"
    DENIED = "denied.html"
    FAILED = "failed.html"
    UNEXPECTED = "unexpected.html"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page in bytes, and the policy to send with it."""

    body: bytes
    content_security_policy: str


def render(page: Page, message: str, hint: str = "") -> Rendered:
    """``page`` with ``message`` and ``hint``, which are escaped because they may contain text from elsewhere."""
    style = _asset("style.css")
    filled = Template(_asset(page)).substitute(style=style, message=html.escape(message), hint=html.escape(hint))
    fingerprint = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return Rendered(
        filled.encode(),
        f"default-src 'none'; style-src 'sha256-{fingerprint}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )


# A flood of requests reads the files only once.
@functools.cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
