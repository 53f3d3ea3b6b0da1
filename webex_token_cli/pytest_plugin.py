"""The pytest plugin: the fixture ``webex``, the marker of the same name, and what it adds to the report of a test.

pytest imports this module whenever it starts, for suites that never use it as well. So it imports nothing but pytest,
and ``webex_token_cli.testing`` only when a test asks for the fixture.
"""

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from webex_token_cli.testing import Webex

_WEBEX = pytest.StashKey["Webex"]()

# What a developer's shell may have set for their own sign-ins: the program's settings, and the tokens that Webex's SDKs
# read. A test must neither depend on them nor send such a token anywhere.
_PREFIXES = ("WEBEX_", "EVENT_LOOP_", "SPARK_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that a suite with ``--strict-markers`` can use it."""
    config.addinivalue_line(
        "markers",
        "webex(preset=None, people=(), **rules): how the stand-in for Webex behaves that the fixture `webex` starts, "
        'as in webex(rotate=True, access_ttl="10m")',
    )


@pytest.fixture
def webex(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Webex"]:
    """A stand-in for Webex on a free port, for this test alone, with an empty folder for sign-ins.

    The environment names both, so that ``webex_token_cli.access_token()`` in the test and ``webex-token`` in a
    subprocess use them. See ``webex_token_cli.testing.Webex``.
    """
    import webbrowser

    from webex_token_cli.testing import Webex, arrange

    wrong = ""
    try:
        rules, people = arrange((marker.args, marker.kwargs) for marker in request.node.iter_markers("webex"))
    except ValueError as error:
        wrong = str(error)
    if wrong:
        pytest.fail(wrong, pytrace=False)
    with Webex(tmp_path_factory.mktemp("webex-token"), rules, people) as running:
        for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
            monkeypatch.delenv(name)
        for name, value in {**running.environment, **running.reached_directly(os.environ)}.items():
            monkeypatch.setenv(name, value)
        # Python looks for the browsers once in a process, and may have found the developer's before this test.
        monkeypatch.setattr(webbrowser, "_tryorder", None, raising=False)
        request.node.stash[_WEBEX] = running
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that has passed although a fault that it ordered never came: it did not test what it says."""
    result = yield
    running = item.stash.get(_WEBEX, None)
    if running is not None and (missed := running.missed_faults):
        from webex_token_cli.testing.report import never_came

        pytest.fail(never_came(missed), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what Webex was asked and answered to the report of a failure."""
    report = yield
    running = item.stash.get(_WEBEX, None)
    if running is not None:
        if report.failed:
            from webex_token_cli.testing.report import title, transcript

            report.sections.append((title(running), transcript(running)))
        if call.when == "teardown":
            # pytest keeps the items until the session ends, and what a test recorded is not needed for so long.
            del item.stash[_WEBEX]
    return report
