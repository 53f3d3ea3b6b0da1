"""A browser that remembers who is signed in in it at the sandbox, for tests that are the person in front of it."""

import html
import re
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class CookieBrowser:
    """One browser. ``page`` is the text of the page that it shows, and empty after a redirect to ``location``."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()), _NoRedirects()
        )
        self._address = ""
        self.page = ""
        self.location = ""

    def open(self, url: str, form: dict[str, str] | None = None) -> "CookieBrowser":
        """Request ``url``. A redirect is not followed."""
        data = None if form is None else urlencode(form).encode()
        self._address = url
        try:
            with self._opener.open(url, data, timeout=30) as response:
                self.page, self.location = response.read().decode(), ""
        except urllib.error.HTTPError as error:
            with error:
                self.page, self.location = error.read().decode(), error.headers.get("Location", "")
        return self

    @property
    def heading(self) -> str:
        """The heading of the page."""
        found = re.search(r"<h1>(.*?)</h1>", self.page, re.DOTALL)
        return html.unescape(found[1]) if found else ""

    @property
    def people(self) -> dict[str, str]:
        """The people on the page of accounts: their ids, by the words on their buttons."""
        found = re.findall(r'<button name="person" value="([^"]+)">([^<]+)</button>', self.page)
        return {html.unescape(words): html.unescape(value) for value, words in found}

    @property
    def answer(self) -> dict[str, str]:
        """The parameters of the redirect."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    def choose(self, words: str) -> "CookieBrowser":
        """Press the button of a person."""
        return self._submit({"person": self.people[words]})

    def press(self, decision: str) -> "CookieBrowser":
        """Press Accept or Deny, as ``accept`` or ``deny``."""
        return self._submit({"decision": decision})

    def use_another_account(self) -> "CookieBrowser":
        """Follow the link on the consent page."""
        found = re.search(r'<a href="([^"]+)">Use another account</a>', self.page)
        assert found, self.page
        return self.open(urljoin(self._address, html.unescape(found[1])))

    def follow(self) -> str:
        """Follow the redirects to their end: the text of the last page."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.location, timeout=30) as response:
            return str(response.read().decode())

    def _submit(self, fields: dict[str, str]) -> "CookieBrowser":
        action = re.search(r'<form method="post" action="([^"]+)"', self.page)
        ticket = re.search(r'name="ticket" value="([^"]+)"', self.page)
        assert action, self.page
        assert ticket, self.page
        return self.open(urljoin(self._address, html.unescape(action[1])), {"ticket": ticket[1], **fields})
