"""The fixture ``webex``: what a developer's test gets, in its own process and in those that it starts."""

from tests.support.suites import Suite


def test_a_test_and_a_subprocess_use_the_same_sign_in_and_time(suite: Suite) -> None:
    suite.holds(
        test_time="""
        import subprocess
        from webex_token_cli import access_token

        def got():
            return subprocess.run(["webex-token", "get"], capture_output=True, text=True, check=True).stdout.strip()

        def test_as_after_thirteen_days(webex):
            webex.sign_in(expires_in="14d")
            first = access_token()
            assert got() == first
            webex.advance("13d")
            assert access_token() == got() == first
            assert webex.outcomes() == []
            second = access_token(min_valid=2 * 86400)
            assert second == got() == webex.grants[0].access_token != first
            assert webex.outcomes() == ["renewed"]

        def test_as_after_fifteen_days_in_a_subprocess(webex):
            webex.sign_in()
            first = access_token()
            webex.advance("15d")
            second = got()
            assert second == access_token() != first
            assert webex.outcomes() == ["renewed"]
        """
    )
    suite.run(passed=2)


def test_a_fault_that_never_came_fails_a_test_that_would_pass_and_no_other(suite: Suite) -> None:
    suite.holds(
        test_faults="""
        import pytest

        def test_missed(webex):
            webex.fault("refresh=503*2")

        def test_optional(webex):
            webex.fault("refresh=503*2", required=False)

        def test_failed_already(webex):
            webex.fault("people=429")
            assert 1 == 2

        def test_skipped(webex):
            webex.fault("people=429")
            pytest.skip("not today")
        """
    )
    out = suite.run(passed=1, failed=2, skipped=1)
    assert out.count("A fault was ordered and never came:\n  refresh=503*2\n") == 1
    assert "people=429\nNo request" not in out
    assert "INTERNALERROR" not in out


def test_an_argument_that_the_marker_does_not_have_is_named_with_those_that_it_has(suite: Suite) -> None:
    suite.holds(
        test_marker="""
        import pytest

        @pytest.mark.webex(rotat=True)
        def test_mistyped(webex):
            pass

        @pytest.mark.webex(rotate=True, preset="contact-center", access_ttl="10m", people=["Grace <grace@example.com>"])
        def test_right(webex):
            assert (webex.rules.rotate, webex.rules.refresh_ttl, webex.rules.access_ttl) == (True, 5_086_615, 600)
            assert webex.sign_in().email == "grace@example.com"
        """
    )
    out = suite.run(passed=1, errors=1)
    assert "The marker webex has no argument 'rotat'. The names are preset, people, access_ttl, " in out
    assert "Traceback" not in out
