"""Tests of programs that use Webex: what the fixture ``webex`` of the pytest plugin is.

``Webex`` is the type for annotations. It needs no pytest, so that other frameworks can use it as well.
"""

from webex_token_cli.testing.marker import arrange
from webex_token_cli.testing.webex import SignedIn, Webex

__all__ = ["SignedIn", "Webex", "arrange"]
