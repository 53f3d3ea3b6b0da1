"""The key-value engine against a real OpenBao, with everything that can go wrong there."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cutting_proxy import Fate, cutting_proxy
from tests.support.openbao import Server, dev_server
from tests.support.ports import free_port
from tests.support.program import wait_until
from tests.support.wires import serving, untrusted
from webex_token_cli.errors import StoreUnavailable, StoreUnreachable, WebexTokenError
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.key_value import KeyValueEngine, VersionConflict
from webex_token_cli.store.vault.requester import OutcomeUnknown

pytestmark = pytest.mark.long

KEY = "ada.lovelace+1@example.com"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that this test alone may seal or stop."""
    with dev_server(tmp_path / "openbao") as server:
        yield server


def opened(server: Server, mount: str = "secret", prefix: str = "webex-token", **variables: str) -> KeyValueEngine:
    path = {"WEBEX_TOKEN_VAULT_PATH": f"{mount}/{prefix}".removesuffix("/")}
    return open_engine({**server.environment, **path, **variables}, lambda _: None)


@pytest.fixture
def engine(openbao: Server) -> KeyValueEngine:
    return opened(openbao, openbao.mount())


def refused(call: Callable[[], object], status: int) -> WebexTokenError:
    """The error that ``call`` raises: its exit status is ``status``, and it says what to do."""
    with pytest.raises(StoreUnavailable) as raised:
        call()
    error = raised.value
    assert error.exit_status == status
    assert isinstance(error, StoreUnreachable) == (status == 4)
    assert error.message.endswith(".")
    assert error.hint.endswith(".")
    return error


# -- what it does ----------------------------------------------------------------------------------------


def test_a_key_without_a_version_has_number_0_and_the_servers_time(engine: KeyValueEngine) -> None:
    found = engine.read(KEY)
    assert found[:3] == (0, None, 0.0)
    assert found.read_at == pytest.approx(time.time(), abs=5)


def test_a_written_version_is_read_back_with_its_time(engine: KeyValueEngine) -> None:
    values = {"record": {"tokens": ["ä", 1, None]}}
    before = time.time()
    assert engine.write(KEY, values, 0) == 1
    found = engine.read(KEY)
    assert (found.number, found.values) == (1, values)
    assert before - 0.001 <= found.created_at <= time.time()


@pytest.mark.parametrize("key", [KEY, "_", "a.b", "a..b", "A-1", "@x", "+x"])
def test_every_name_of_a_profile_is_a_key(engine: KeyValueEngine, key: str) -> None:
    engine.write(key, {"name": key}, 0)
    assert engine.read(key).values == {"name": key}
    assert engine.names() == [key]


def test_a_write_after_another_version_than_the_current_one_is_a_conflict(engine: KeyValueEngine) -> None:
    engine.write(KEY, {"turn": 1}, 0)
    for after in (0, 2):
        with pytest.raises(VersionConflict):
            engine.write(KEY, {"turn": 2}, after)
    assert engine.read(KEY).values == {"turn": 1}
    assert engine.write(KEY, {"turn": 2}, 1) == 2


def test_of_two_writes_after_the_same_version_one_wins(openbao: Server, engine: KeyValueEngine) -> None:
    other = opened(openbao, engine.mount)
    engine.write(KEY, {"by": "one"}, 0)
    with pytest.raises(VersionConflict):
        other.write(KEY, {"by": "other"}, 0)


def test_a_deleted_version_has_a_number_and_no_values(openbao: Server, engine: KeyValueEngine) -> None:
    engine.write(KEY, {"turn": 1}, 0)
    openbao.admin.secrets.kv.v2.delete_latest_version_of_secret(f"webex-token/{KEY}", mount_point=engine.mount)
    assert engine.read(KEY)[:2] == (1, None)
    assert engine.write(KEY, {"turn": 2}, 1) == 2


def test_prepared_keys_require_check_and_set_and_have_two_versions(openbao: Server, engine: KeyValueEngine) -> None:
    engine.prepare(KEY)
    for number in range(4):
        engine.write(KEY, {"turn": number}, number)
    engine.prepare(KEY)
    found = openbao.admin.secrets.kv.v2.read_secret_metadata(f"webex-token/{KEY}", mount_point=engine.mount)["data"]
    assert (found["cas_required"], found["max_versions"], sorted(found["versions"])) == (True, 2, ["3", "4"])


def test_destroyed_versions_are_gone_and_the_current_one_stays(openbao: Server, engine: KeyValueEngine) -> None:
    for number in range(3):
        engine.write(KEY, {"turn": number}, number)
    engine.destroy_before(KEY, 3)
    found = openbao.admin.secrets.kv.v2.read_secret_metadata(f"webex-token/{KEY}", mount_point=engine.mount)["data"]
    assert {number: each["destroyed"] for number, each in found["versions"].items()} == {
        "1": True, "2": True, "3": False,
    }  # fmt: skip
    assert engine.read(KEY).values == {"turn": 2}
    engine.destroy_before(KEY, 1)  # there is none before
    engine.destroy_before("nobody", 5)  # nor any at all


def test_names_leave_out_folders_and_are_empty_without_keys(openbao: Server, engine: KeyValueEngine) -> None:
    assert engine.names() == []
    engine.write("a", {}, 0)
    engine.write("b", {}, 0)
    opened(openbao, engine.mount, "webex-token/folder").write("c", {}, 0)
    assert engine.names() == ["a", "b"]
    assert "webex-token" not in opened(openbao, engine.mount, "").names()


# -- what can be wrong with the server and the path ------------------------------------------------------


def calls(engine: KeyValueEngine) -> list[Callable[[], object]]:
    """Every call that a store makes."""
    return [
        lambda: engine.read(KEY),
        lambda: engine.write(KEY, {"token": "secret-token-of-ada"}, 0),
        engine.names,
        lambda: engine.prepare(KEY),
        lambda: engine.destroy_before(KEY, 2),
    ]


def test_a_sealed_server_is_unreachable_for_now(own_server: Server) -> None:
    engine = opened(own_server)
    engine.write(KEY, {}, 0)
    own_server.admin.sys.seal()
    for call in [*calls(engine), *calls(opened(own_server))]:
        error = refused(call, 4)
        assert error.message == f"{engine.place} is sealed."
        assert not isinstance(error, OutcomeUnknown)


def test_a_path_without_an_engine_is_a_mistake_in_the_settings(openbao: Server) -> None:
    for call in calls(opened(openbao, "nothing"))[:4]:
        assert "no secrets engine is mounted there" in refused(call, 5).message


@pytest.mark.parametrize("mount", ["kv-1", "cubbyhole"])
def test_an_engine_without_versions_is_refused_before_anything_is_stored(openbao: Server, mount: str) -> None:
    mount = openbao.mount(version=1) if mount == "kv-1" else mount
    for call in calls(opened(openbao, mount))[:4]:
        assert "not a key-value engine of version 2" in refused(call, 5).message
    stored = openbao.admin.adapter.request("list", f"/v1/{mount}", raise_exception=False)
    assert stored.status_code == 404


def test_a_revoked_token_says_how_to_log_in_again(openbao: Server, engine: KeyValueEngine) -> None:
    token = openbao.token_with(f'path "{engine.mount}/*" {{ capabilities = ["create", "update", "read", "list"] }}')
    revoked = opened(openbao, engine.mount, VAULT_TOKEN=token)
    revoked.write(KEY, {}, 0)
    openbao.admin.auth.token.revoke(token)
    for call in calls(revoked):
        error = refused(call, 5)
        assert "does not accept the Vault token" in error.message
        assert "VAULT_TOKEN" in error.hint
        assert token not in error.message + error.hint


def test_an_expired_token_says_how_to_log_in_again(openbao: Server, engine: KeyValueEngine) -> None:
    token = openbao.token_with(f'path "{engine.mount}/*" {{ capabilities = ["read"] }}', ttl="1s")
    expired = opened(openbao, engine.mount, VAULT_TOKEN=token)
    expired.read(KEY)
    wait_until(lambda: not _is_accepted(expired))
    assert "does not accept the Vault token" in refused(lambda: expired.read(KEY), 5).message


def _is_accepted(engine: KeyValueEngine) -> bool:
    try:
        engine.read(KEY)
    except StoreUnavailable:
        return False
    return True


@pytest.mark.parametrize("no_default_policy", [False, True])
def test_a_policy_that_forbids_a_call_is_named_with_what_it_lacks(
    openbao: Server, engine: KeyValueEngine, no_default_policy: bool
) -> None:
    policy = f'path "{engine.mount}/data/elsewhere/*" {{ capabilities = ["read"] }}'
    token = openbao.token_with(policy, no_default_policy=no_default_policy)
    forbidden = opened(openbao, engine.mount, VAULT_TOKEN=token)
    read, write, names, *_ = calls(forbidden)
    for call, capability in (
        (read, f"read on {engine.mount}/data/webex-token/{KEY}"),
        (write, f"create and update on {engine.mount}/data/webex-token/{KEY}"),
        (names, f"list on {engine.mount}/metadata/webex-token"),
    ):
        error = refused(call, 5)
        assert "permission denied" in error.message
        assert capability in error.hint


def test_a_policy_may_forbid_metadata_and_is_warned_of_old_versions_once(
    openbao: Server, engine: KeyValueEngine
) -> None:
    token = openbao.token_with(f'path "{engine.mount}/data/*" {{ capabilities = ["create", "update", "read"] }}')
    said: list[str] = []
    variables = {"VAULT_TOKEN": token, "WEBEX_TOKEN_VAULT_PATH": f"{engine.mount}/webex-token"}
    limited = open_engine({**openbao.environment, **variables}, said.append)
    limited.prepare(KEY)
    limited.write(KEY, {}, 0)
    limited.write(KEY, {}, 1)
    for _ in range(2):
        limited.destroy_before(KEY, 2)
    assert len(said) == 1
    assert f"update on {engine.mount}/destroy/webex-token/{KEY}" in said[0]
    assert limited.read(KEY).number == 2


# -- what can be wrong on the way ------------------------------------------------------------------------


def test_a_server_that_does_not_run_is_unreachable_for_now(openbao: Server) -> None:
    for call in calls(opened(openbao, VAULT_ADDR=f"http://127.0.0.1:{free_port()}")):
        error = refused(call, 4)
        assert "could not be reached" in error.message
        assert not isinstance(error, OutcomeUnknown)


def test_a_name_without_an_address_is_unreachable_for_now(openbao: Server) -> None:
    assert (
        "could not be reached" in refused(lambda: opened(openbao, VAULT_ADDR="https://x.invalid").read(KEY), 4).message
    )


def test_an_untrusted_certificate_is_refused_before_the_token_is_sent(openbao: Server) -> None:
    with untrusted() as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"))
        for call in calls(engine):
            error = refused(call, 4)
            assert "No trusted TLS connection" in error.message
            assert not isinstance(error, OutcomeUnknown)


def test_a_stopped_server_is_given_up_in_time_and_leaves_a_write_unknown(own_server: Server) -> None:
    engine = opened(own_server, VAULT_CLIENT_TIMEOUT="1")
    engine.write(KEY, {"turn": 1}, 0)
    with own_server.paused():
        begun = time.monotonic()
        assert "did not answer in time" in refused(lambda: engine.read(KEY), 4).message
        with pytest.raises(OutcomeUnknown):
            engine.write(KEY, {"turn": 2}, 1)
        assert time.monotonic() - begun < 5
    # The write waited in the server's socket. Whether it happens depends on when the server sees that nobody waits.
    assert engine.read(KEY).values in ({"turn": 1}, {"turn": 2})


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.ANSWER_LOST])
def test_a_connection_that_is_cut_during_a_write_leaves_it_unknown(
    openbao: Server, engine: KeyValueEngine, fate: Fate
) -> None:
    def of(method: str, path: str) -> Fate:
        return fate if method == "POST" and "/data/" in path else Fate.PASSED_ON

    with cutting_proxy(openbao.address, of) as address:
        cut = opened(openbao, engine.mount, VAULT_ADDR=address)
        with pytest.raises(OutcomeUnknown) as raised:
            cut.write(KEY, {"token": "secret-token-of-ada"}, 0)
        assert raised.value.exit_status == 4
        assert "is unknown" in raised.value.message
        assert cut.read(KEY).number == (1 if fate is Fate.ANSWER_LOST else 0)


def test_a_connection_that_is_cut_during_another_call_is_unreachable_for_now(
    openbao: Server, engine: KeyValueEngine
) -> None:
    with cutting_proxy(openbao.address, lambda *_: Fate.LOST) as address:
        for call in calls(opened(openbao, engine.mount, VAULT_ADDR=address)):
            assert not isinstance(refused(call, 4), OutcomeUnknown)


def _answering(status: str, headers: str = "", body: str = "{}") -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"{headers}\r\n{body}".encode()
            )

    return handle


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        ("429 Too Many Requests", "Retry-After: 7\r\n", '{"errors": []}', "Try again in 7 seconds."),
        ("429 Too Many Requests", "", '{"errors": []}', "Try again later."),
        (
            "500 Internal",
            "",
            '{"errors": ["local node not active but active cluster node not found"]}',
            "active cluster",
        ),
        ("502 Bad Gateway", "", "<html>", "HTTP 502"),
        ("200 OK", "", "<html>sign in</html>", "did not come from"),
        ("404 Not Found", "", "<html>nothing here</html>", "did not come from"),
        ("403 Forbidden", "", "<html>go away</html>", "did not come from"),
    ],
)
def test_answers_of_proxies_and_of_nodes_without_a_leader_are_for_now(
    openbao: Server, status: str, headers: str, body: str, said: str
) -> None:
    with serving(_answering(status, headers, body)) as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"))
        for call in calls(engine):
            error = refused(call, 4)
            assert said in error.message + error.hint


def answering_writes(openbao: Server, mount: str, status: str, headers: str = "", body: str = "{}") -> OutcomeUnknown:
    """What a write comes to whose answer is this one, after the real server has shown that the engine is right."""
    engine = opened(openbao, mount)
    engine.read(KEY)
    with serving(_answering(status, headers, body)) as url:
        engine.requester.connection.client().adapter.base_uri = url.removesuffix("/v1")
        with pytest.raises(OutcomeUnknown) as raised:
            engine.write(KEY, {"turn": 2}, 0)
    return raised.value


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("500 Internal", '{"errors": ["leadership lost while committing log"]}'),
        ("502 Bad Gateway", "<html>"),
        ("503 Unavailable", "<html>"),
        ("200 OK", "<html>"),
    ],
)
def test_a_failure_that_may_follow_a_write_leaves_it_unknown(
    openbao: Server, engine: KeyValueEngine, status: str, body: str
) -> None:
    error = answering_writes(openbao, engine.mount, status, "", body)
    assert error.exit_status == 4
    assert "whether it has stored the entry is unknown" in error.message


def test_a_page_of_a_proxy_is_not_taken_for_a_missing_key(openbao: Server, engine: KeyValueEngine) -> None:
    engine.read(KEY)
    with serving(_answering("404 Not Found", "Date: Thu, 26 Nov 2026 20:53:29 GMT\r\n", "<html>")) as url:
        engine.requester.connection.client().adapter.base_uri = url.removesuffix("/v1")
        for call in calls(engine):
            assert "did not come from" in refused(call, 4).message


def test_a_conflict_after_a_redirect_leaves_the_write_unknown(openbao: Server, engine: KeyValueEngine) -> None:
    """The node that redirects may have passed the same write on before."""
    engine.write(KEY, {"turn": 1}, 0)
    location = f"Location: {openbao.address}/v1/{engine.mount}/data/webex-token/{KEY}\r\n"
    answering_writes(openbao, engine.mount, "307 Temporary", location)


def test_an_answer_without_a_date_is_refused(openbao: Server) -> None:
    body = '{"data": {"data": {}, "metadata": {"version": 1, "created_time": "2026-11-26T20:53:29.345539223Z"}}}'
    with serving(_answering("200 OK", "", body)) as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"))
        assert "has no date" in refused(lambda: engine.read(KEY), 5).message


def test_a_server_that_answers_a_byte_at_a_time_is_given_up(openbao: Server) -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\nX: " + bytes(1000):
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    with serving(drip) as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"), VAULT_CLIENT_TIMEOUT="1")
        begun = time.monotonic()
        assert "did not answer in time" in refused(lambda: engine.read(KEY), 4).message
        assert time.monotonic() - begun < 5


def test_a_redirect_to_an_unsafe_address_does_not_get_the_token(openbao: Server) -> None:
    with serving(_answering("307 Temporary", "Location: http://vault.invalid/v1/x\r\n")) as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"))
        assert "not safe for tokens" in refused(lambda: engine.read(KEY), 5).message


def test_a_redirect_to_the_active_node_is_followed(openbao: Server, engine: KeyValueEngine) -> None:
    engine.write("x", {"turn": 1}, 0)
    path = f"/v1/{engine.mount}/data/webex-token/x"
    with serving(_answering("307 Temporary", f"Location: {openbao.address}{path}\r\n")) as url:
        assert opened(openbao, engine.mount, VAULT_ADDR=url.removesuffix("/v1")).read("x").number == 1


def test_messages_have_neither_the_token_nor_what_was_to_be_stored(openbao: Server) -> None:
    token, secret = "hvs.token-of-a-person", "access-token-of-ada"
    body = f'{{"errors": ["{token} may not store {secret}"]}}'
    with serving(_answering("400 Bad Request", "", body)) as url:
        engine = opened(openbao, VAULT_ADDR=url.removesuffix("/v1"), VAULT_TOKEN=token)
        engine._is_version_2 = True
        error = refused(lambda: engine.write(KEY, {"record": {"access_token": secret}}, 0), 5)
        assert "may not store" in error.message
        assert token not in error.message
        assert secret not in error.message
