"""Suites with rules of their own: strict ones, asynchronous ones, typed ones, and ones that do not want the plugin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stored import files_below
from tests.support.suites import Suite

pytestmark = pytest.mark.long

# A developer's own settings, none of which a test may see, and a browser and a keyring that tell of their use.
DEVELOPERS = {
    "WEBEX_ACCESS_TOKEN": "a-real-token",
    "WEBEX_REFRESH_TOKEN": "a-real-token",
    "SPARK_ACCESS_TOKEN": "a-real-token",
    "CISCO_SPARK_ACCESS_TOKEN": "a-real-token",
    "WEBEX_SCOPES": "spark:rooms_read",
    "WEBEX_TOKEN_PROFILE": "work",
    "WEBEX_TOKEN_STORE": "keyring",
    "EVENT_LOOP_DAYS": "3",
}


def test_nothing_of_the_developer_is_reached_and_the_environment_comes_back(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = tmp_path / "used"
    home = tmp_path / "home-of-the-developer"
    (home / "sign-ins").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    telling = f'{Path(sys.executable).as_posix()} -c \'open("{used.as_posix()}", "w")\' %s'
    own = {**DEVELOPERS, "WEBEX_TOKEN_HOME": str(home / "sign-ins"), "BROWSER": telling}
    for name, value in {**own, "PYTHON_KEYRING_BACKEND": "telling.Keyring"}.items():
        monkeypatch.setenv(name, value)
    suite.holds(
        telling=f"open({str(used)!r}, 'w')",
        conftest="""
        import os
        import webbrowser

        webbrowser.get()  # Python looks for browsers once

        def without_own(variables):
            return {name: value for name, value in variables.items() if name != "PYTEST_CURRENT_TEST"}

        BEFORE = without_own(os.environ)

        def pytest_runtest_logfinish():
            assert without_own(os.environ) == BEFORE
        """,
        test_mine="""
        import os
        import subprocess
        import sys

        import webbrowser

        from webex_token_cli import access_token

        def run(*arguments):
            command = [sys.executable, "-m", "webex_token_cli", *arguments]
            return subprocess.run(command, capture_output=True, text=True)

        def test_all_is_of_the_sandbox(webex):
            assert "a-real-token" not in os.environ.values()
            for name in ("WEBEX_SCOPES", "WEBEX_TOKEN_PROFILE", "EVENT_LOOP_DAYS"):
                assert name not in os.environ
            assert run("login").returncode == 0
            assert run("get").stdout.strip() == access_token() == webex.grants[0].access_token
            assert run("login", "--store", "keyring", "-p", "other").returncode == 5
            assert run("show", "--all").returncode == 0

        def test_a_program_that_opens_the_browser_itself(webex):
            webbrowser.open(webex.verification_uri)
            assert webex.requests[0].path == "/verify"

        def test_with_variables_of_its_own(monkeypatch, webex):
            monkeypatch.setenv("WEBEX_CLIENT_ID", "another")
            monkeypatch.setenv("WEBEX_SCOPES", "spark:kms")
        """,
    )
    suite.run(passed=3)
    assert not used.exists()
    assert files_below(home) == {}


def test_no_thread_connection_or_warning_is_left(suite: Suite) -> None:
    suite.holds(
        test_left="""
        import gc
        import threading
        import time

        import httpx
        import pytest
        import requests
        from webex_token_cli import TokenAuth, access_token

        STAYS_OPEN = requests.Session()

        @pytest.mark.parametrize("number", range(3))
        def test_each(webex, number):
            webex.sign_in()
            STAYS_OPEN.get(f"{webex.api_url}/people/me", auth=TokenAuth(), timeout=10).raise_for_status()
            webex.advance("15d")
            access_token()
            webex.fault("people=slow:60")
            with pytest.raises(httpx.ReadTimeout):
                httpx.get(f"{webex.api_url}/people/me", auth=TokenAuth(), timeout=0.1)

        def test_nothing_is_left():
            deadline = time.monotonic() + 10
            while threading.active_count() > 1 and time.monotonic() < deadline:
                time.sleep(0.05)  # the program's idle threads end by themselves, soon after their last call
            gc.collect()
            assert threading.enumerate() == [threading.main_thread()]
            assert [each for each in gc.get_objects() if type(each).__name__ == "Webex"] == []
        """
    )
    suite.run(passed=4)


def test_the_report_also_tells_of_a_fixture_that_failed_and_of_a_test_case(suite: Suite) -> None:
    suite.holds(
        test_others="""
        import unittest

        import pytest
        import requests

        def ask(webex):
            requests.get(f"{webex.api_url}/people/me", timeout=10)

        @pytest.fixture
        def broken(webex):
            ask(webex)
            raise RuntimeError("broken")

        @pytest.fixture
        def ends_badly(webex):
            yield
            ask(webex)
            raise RuntimeError("ends badly")

        def test_set_up(broken):
            pass

        def test_torn_down(ends_badly):
            pass

        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _webex(self, webex):
                self.webex = webex

            def test_fails(self):
                self.webex.fault("refresh=503")
                ask(self.webex)
                self.fail("on its own")

            def test_misses(self):
                self.webex.fault("refresh=503")
        """
    )
    out = suite.run("-n", "1", passed=1, failed=2, errors=2)
    assert out.count("GET /v1/people/me 401 invalid_token") == 3
    assert out.count("A fault was ordered and never came:\n") == 1
    assert "AssertionError: on its own" in out


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_an_asynchronous_suite(suite: Suite, plugin: str) -> None:
    suite.pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n" if plugin == "asyncio" else "")
    suite.holds(
        test_async=f"""
        import httpx
        import pytest
        from webex_token_cli import TokenAuth

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.{plugin}
        async def test_refreshes(webex):
            webex.sign_in(expires_in="1m")
            async with httpx.AsyncClient(auth=TokenAuth(), base_url=webex.api_url) as client:
                assert (await client.get("/people/me")).json() == webex.person
            assert webex.outcomes() == ["renewed"]
        """
    )
    suite.run(*(["-p", "asyncio"] if plugin == "asyncio" else []), passed=1)


def test_a_suite_that_does_not_want_the_plugin_has_none_of_it(suite: Suite) -> None:
    suite.holds(
        test_own="""
        import sys

        import pytest

        @pytest.fixture
        def webex():
            return "my own"

        def test_own(webex):
            assert webex == "my own"
            assert "webex_token_cli.testing" not in sys.modules
        """
    )
    suite.run(passed=1)
    suite.run("-p", "no:webex-token", passed=1)
    assert "webex(preset" in markers(suite)
    assert "webex(preset" not in markers(suite, "-p", "no:webex-token")


def markers(suite: Suite, *options: str) -> str:
    """The markers that pytest knows."""
    return suite.pytester.runpytest_subprocess("--markers", "-p", "no:asyncio", *options).stdout.str()


def modules_of_an_empty_suite(folder: Path, *options: str) -> set[str]:
    """The modules that there are after pytest has collected nothing."""
    arguments = ["--collect-only", "-q", "-pno:cacheprovider", "-pno:asyncio", "-pno:hypothesispytest", *options]
    script = f"import sys, pytest; pytest.main({arguments}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, encoding="utf-8", check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_suite_that_does_not_use_the_plugin_imports_one_small_module_for_it(tmp_path: Path) -> None:
    without = modules_of_an_empty_suite(tmp_path, "-p", "no:webex-token")
    assert modules_of_an_empty_suite(tmp_path) - without == {
        "webex_token_cli",
        "webex_token_cli._version",
        "webex_token_cli.pytest_plugin",
    }


def test_the_annotations_of_a_typed_suite_are_checked(tmp_path: Path) -> None:
    """mypy finds the types in the installed package, and a mistake by them."""
    typed = tmp_path / "test_typed.py"
    right = """
import pytest
from webex_token_cli.sandbox import Entry, Fault, RecordedRequest
from webex_token_cli.testing import SignedIn, Webex


@pytest.mark.webex(rotate=True)
def test_typed(webex: Webex) -> None:
    signed_in: SignedIn = webex.sign_in("work", scopes=["spark:all"], expires_in="10m")
    token: str = webex.token(expires_in=600)
    fault: Fault = webex.fault("refresh=503*2", required=False)
    requests: list[RecordedRequest] = webex.requests
    journal: list[Entry] = webex.journal
    environment: dict[str, str] = webex.environment
    webex.advance("13d")
    webex.revoke(webex.grants[0])
    with Webex(webex.home) as another:
        another.sign_in()
"""
    typed.write_text(f"{right}    webex.advanced('13d')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "test_typed.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    wrong = right.count("\n") + 1
    assert done.stdout == (
        f'test_typed.py:{wrong}: error: "Webex" has no attribute "advanced"; maybe "advance"?  [attr-defined]\n'
        "Found 1 error in 1 file (checked 1 source file)\n"
    )
