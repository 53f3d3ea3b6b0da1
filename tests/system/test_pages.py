"""The pages as people see them: in Chromium, on narrow and wide screens, in the light and the dark colour scheme."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.chromium import Chromium, Tab
from tests.support.program import Program
from webex_token_cli.sandbox import Rules
from webex_token_cli.signin.loopback.pages import Page, render

pytestmark = pytest.mark.long

# The longest that they have to say.
MESSAGE = {
    Page.SIGNED_IN: "Signed in as Augusta Ada King, Countess of Lovelace <ada.lovelace@analytical-engine.example.com> "
    "(profile work@example.com).",
    Page.DENIED: "The sign-in was denied in the browser.",
    Page.FAILED: "Webex does not accept the client id and client secret (HTTP 401, “The client id and client secret do "
    "not match an integration”, tracking ID ROUTER_0123456789ABCDEF-0123).",
    Page.UNEXPECTED: "This is not the answer that the sign-in waits for",
}
HINT = (
    "Compare them with the integration at developer.webex.com/my-apps, then sign in again with the correct ones: "
    "https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback"
)

LEGIBLE = """
(() => {
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('h1, p, footer')].filter(e => e.innerText).map(e => {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    const [light, dark] = [luminance(style.color), behind].sort((a, b) => b - a);
    return {
      contrast: (light + 0.05) / (dark + 0.05),
      size: parseFloat(style.fontSize),
      inside: box.left >= 8 && box.right <= innerWidth - 8,
      wide: box.width,
    };
  });
})()
"""


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Tab]:
    with chromium.opened() as tab:
        yield tab


def shown_at(page: Tab, width: int, scheme: str) -> None:
    page.command("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def test_every_page_is_legible(page: Tab, tmp_path: Path) -> None:
    backgrounds = set()
    for kind in Page:
        body = render(kind, MESSAGE[kind], HINT).body.decode()
        page.command("Page.navigate", url=f"data:text/html;charset=utf-8,{quote(body)}")
        page.wait_for_heading(MESSAGE[kind] if kind is Page.UNEXPECTED else _HEADINGS[kind])
        for width in (400, 1400):
            for scheme in ("light", "dark"):
                shown_at(page, width, scheme)
                picture = page.command("Page.captureScreenshot", format="png")["data"]
                (tmp_path / f"{kind.name}-{scheme}-{width}.png").write_bytes(base64.b64decode(picture))
                texts = page.evaluate(LEGIBLE)
                assert len(texts) >= 3
                assert min(text["contrast"] for text in texts) >= 4.5, (kind, scheme)  # WCAG 2.2, AA
                assert min(text["size"] for text in texts) >= 13, (kind, scheme)
                assert all(text["inside"] for text in texts), (kind, width)
                assert max(text["wide"] for text in texts) <= 700  # lines that an eye can follow
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                backgrounds.add((scheme, page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert len(backgrounds) == 2


_HEADINGS = {
    Page.SIGNED_IN: "You are signed in",
    Page.DENIED: "You are not signed in",
    Page.FAILED: "You are not signed in",
}


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri.replace("http", "https"),))


def test_chromium_signs_in_over_https(program: Program, chromium: Chromium, rules: Rules) -> None:
    uri = rules.redirect_uris[0]
    chromium.prepare(trusting=("localhost", int(uri.split(":")[2].split("/")[0])))
    with program.having(BROWSER=chromium.command).started("login") as login:
        with chromium.page(login) as page:
            page.press("Accept")
            page.wait_for_heading("You are signed in")
            assert page.address.startswith(f"{uri}?outcome=")
            assert not any("code=" in address for address in page.history())
            # The page's own style holds under its own Content-Security-Policy.
            assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"
            shown = page.text
        done = login.finish()
    assert done.status == 0
    assert "Signed in as Ada Lovelace <ada@example.com>" in shown
    assert "made for this one login" in done.err
    fingerprint = next(line.strip() for line in done.err.splitlines() if line.count(":") == 31)
    assert len(fingerprint) == 95
    for place in (
        "Firefox",
        "View the site’s certificate",
        "Chrome",
        "Certificate details",
        "Safari",
        "view the certificate",
    ):
        assert place in done.err


def test_chromium_warns_once_of_a_certificate_that_it_does_not_trust(program: Program, chromium: Chromium) -> None:
    with program.having(BROWSER=chromium.command).started("login") as login:
        with chromium.page(login) as page:
            page.wait_for_heading("Your connection is not private")
            assert login.process.poll() is None
            page.proceed_past_the_warning()
            page.press("Accept")
            page.wait_for_heading("You are signed in")
        assert login.finish().status == 0
