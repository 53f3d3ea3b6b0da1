"""A fault that changes an answer with tokens comes with one, and a request before that is answered as usual."""

import json

import pytest

from tests.support.sandbox_client import ask, basic, refresh
from webex_token_cli.sandbox import Rules, Sandbox


@pytest.fixture
def rules() -> Rules:
    """A device is accepted at its second poll."""
    return Rules(auto_approve=True)


def polled(sandbox: Sandbox) -> tuple[int, int]:
    """The statuses that a device gets while it waits, and once it is accepted."""
    form = {"client_id": sandbox.client_id, "grant_type": "urn:ietf:params:oauth:grant-type:device_code"}
    code = json.loads(ask(sandbox, "/device/authorize", {**form, "scope": "spark:all"})[2])["device_code"]
    header = basic(sandbox.client_id, sandbox.client_secret)

    def poll() -> int:
        sandbox.advance("2s")
        return ask(sandbox, "/device/token", {**form, "device_code": code}, Authorization=header)[0]

    return poll(), poll()


@pytest.mark.parametrize("kind", ["string-lifetimes", "no-refresh-token"])
def test_a_refusal_or_a_device_that_waits_does_not_use_the_fault_up(sandbox: Sandbox, kind: str) -> None:
    faults = [sandbox.fault(f"{place}={kind}") for place in ("device", "refresh")]
    token = sandbox.token_response()["refresh_token"]
    assert (polled(sandbox), refresh(sandbox, "unknown")[0], refresh(sandbox, token)[0]) == ((428, 200), 400, 200)
    assert sandbox.outcomes() == ["invalid_grant", f"fault: {kind}"]
    assert sandbox.outcomes("/v1/device/token") == ["pending", f"fault: {kind}"]
    assert [fault.came for fault in faults] == [1, 1]


def test_the_same_token_is_not_answered_once_it_has_expired(sandbox: Sandbox) -> None:
    fault = sandbox.fault("refresh=same-token")
    token = sandbox.token_response()["refresh_token"]
    sandbox.advance("15d")
    came = []
    for _ in range(2):
        assert refresh(sandbox, token)[0] == 200
        came.append(fault.came)
        sandbox.advance("2d")
    assert (sandbox.outcomes(), came) == (["renewed", "unchanged"], [0, 1])
