"""``watch --metrics`` as a process: what a monitoring system reads, and what it cannot disturb."""

import contextlib
import json
import operator
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.metrics import REVOKED, got, scraped, watching
from tests.support.ports import free_port
from tests.support.program import PROMPT, Program, wait_until
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import Answer, Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_times_of_a_profile_are_those_that_show_tells(signed_in: Program, port: int) -> None:
    shown = json.loads(signed_in.run("show", "--json").out)["profiles"]["default"]
    with watching(signed_in, port):
        metrics = scraped(port)
        health = [got(port, path) for path in ("/livez", "/readyz")]
    assert {name: metrics[f'webex_token_{name}_timestamp_seconds{{profile="default"}}'] for name in (
        "access_token_expiry", "refresh_token_expiry", "last_refresh",
    )} == {
        "access_token_expiry": shown["access_token_expires_at"],
        "refresh_token_expiry": shown["refresh_token_expires_at"],
        "last_refresh": shown["refreshed_at"],
    }  # fmt: skip
    now = time.time()
    for name in ('last_success_timestamp_seconds{profile="default"}', "watch_last_round_timestamp_seconds"):
        assert now - 60 < metrics[f"webex_token_{name}"] <= now
    assert metrics['webex_token_sign_in_needed{profile="default"}'] == 0
    assert 0 < metrics["webex_token_watch_last_round_duration_seconds"] < 60
    assert (metrics["webex_token_watch_interval_seconds"], metrics["webex_token_watch_max_age_seconds"]) == (3600, DAY)
    assert health == [(200, "ok\n"), (200, "ok\n")]


def test_refreshes_requests_and_failures_are_counted(signed_in: Program, sandbox: Sandbox, port: int) -> None:
    age(signed_in, 2 * DAY)
    sandbox.advance(2)
    sandbox.order(Answer("/v1/access_token", 503))
    sandbox.order(Answer("/v1/access_token", 429, {"Retry-After": "1"}))
    with signed_in.started("watch", "--metrics", f"127.0.0.1:{port}") as watch:
        watch.wait_for("renewed: ")
        metrics = scraped(port)
    requests = {name: value for name, value in metrics.items() if "webex_requests" in name}
    assert requests == {f'webex_token_webex_requests_total{{status="{status}"}}': 1 for status in (200, 429, 503)}
    failed = {name: value for name, value in metrics.items() if "failures_total{" in name and value}
    assert failed == {
        f'webex_token_failures_total{{kind="{kind}",profile="default"}}': 1 for kind in ("temporary", "rate_limit")
    }
    assert metrics['webex_token_last_refresh_timestamp_seconds{profile="default"}'] > time.time() - 60


def test_a_request_without_an_answer_is_counted(signed_in: Program, port: int) -> None:
    age(signed_in, 2 * DAY)
    unreachable = signed_in.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    with watching(unreachable, port):
        assert scraped(port)['webex_token_webex_requests_total{status="none"}'] >= 1


def test_a_profile_that_needs_a_sign_in_is_told_until_it_has_one(
    signed_in: Program, sandbox: Sandbox, port: int
) -> None:
    sign_in(signed_in, "other")
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 400, {}, REVOKED))
    with watching(signed_in, port, "--interval", "1"):
        metrics = scraped(port)
        needed = {name: value for name, value in metrics.items() if "sign_in_needed" in name}
        assert needed == {
            'webex_token_sign_in_needed{profile="default"}': 1,
            'webex_token_sign_in_needed{profile="other"}': 0,
        }
        assert metrics['webex_token_failures_total{kind="sign_in",profile="default"}'] == 1
        assert signed_in.run("login").status == 0
        wait_until(lambda: scraped(port)['webex_token_sign_in_needed{profile="default"}'] == 0)


def test_a_logout_removes_the_profile_from_the_metrics(signed_in: Program, port: int) -> None:
    sign_in(signed_in, "gone")
    with watching(signed_in, port, "--interval", "1"):
        assert 'webex_token_sign_in_needed{profile="gone"}' in scraped(port)
        assert signed_in.run("logout", "-p", "gone").status == 0
        wait_until(lambda: "gone" not in got(port, "/metrics")[1])


def test_it_is_not_ready_while_a_profile_was_never_checked(signed_in: Program, sandbox: Sandbox, port: int) -> None:
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 503, delay=3.0))
    with signed_in.started("watch", "--metrics", f"127.0.0.1:{port}") as watch:
        wait_until(lambda: sandbox.in_flight > 0, lambda: watch.err)
        assert got(port, "/readyz") == (503, "Not every profile has been checked yet.\n")
        assert got(port, "/livez") == (200, "ok\n")
        # Webex is at fault, and not the watch.
        wait_until(lambda: got(port, "/readyz") == (200, "ok\n"))


def test_it_is_not_ready_while_the_store_cannot_be_used(signed_in: Program, port: int) -> None:
    file = record_file(signed_in)
    file.chmod(0o644)
    with watching(signed_in, port, "--interval", "1"):
        assert got(port, "/readyz") == (503, "The credential store cannot be used.\n")
        assert got(port, "/livez") == (200, "ok\n")
        assert scraped(port)["webex_token_store_available"] == 0
        file.chmod(0o600)
        wait_until(lambda: got(port, "/readyz") == (200, "ok\n"))
        assert scraped(port)["webex_token_store_available"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_client_that_hangs_does_not_delay_the_end(signed_in: Program, port: int, number: signal.Signals) -> None:
    with watching(signed_in, port) as watch, contextlib.ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        asked = time.monotonic()
        watch.process.send_signal(number)
        done = watch.finish()
        assert time.monotonic() - asked < PROMPT / 2
    assert done.status == (0 if number == signal.SIGTERM else 130)
    assert done.err.count("\n") == 1


def test_hostile_clients_do_not_delay_a_renewal(signed_in: Program, sandbox: Sandbox, port: int) -> None:
    ended = threading.Event()

    def flood() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                client.recv(100)

    with watching(signed_in, port, "--max-age", "1") as watch:
        threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
        for each in threads:
            each.start()
        sandbox.advance(2)
        time.sleep(1.1)
        asked = time.monotonic()
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for("renewed: ")
        assert time.monotonic() - asked < PROMPT
        ended.set()
        for each in threads:
            each.join()
        assert got(port, "/livez") == (200, "ok\n")


# Settings.


def test_the_variables_do_what_the_options_do_and_the_option_comes_first(
    signed_in: Program, port: int, tmp_path: Path
) -> None:
    program = signed_in.having(
        WEBEX_TOKEN_METRICS="127.0.0.1:1", WEBEX_TOKEN_METRICS_FILE=str(tmp_path / "variable.prom")
    )
    with watching(program, port):
        wait_until((tmp_path / "variable.prom").exists)
    with signed_in.having(WEBEX_TOKEN_METRICS=f"[::1]:{port}").started("watch") as watch:
        watch.wait_for("fresh: ")
        with urllib.request.urlopen(f"http://[::1]:{port}/livez", timeout=30) as answer:
            assert answer.read() == b"ok\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--metrics", "9464"],
            "Error: '9464' is not an address to listen on.\n"
            "Write HOST:PORT, such as 127.0.0.1:8000, localhost:8000 or [::1]:8000.\n",
        ),
        (
            ["--metrics", "::1:9464"],
            "Error: '::1:9464' is not an address to listen on.\n"
            "Write HOST:PORT, such as 127.0.0.1:8000, localhost:8000 or [::1]:8000.\n",
        ),
        (
            ["--once", "--metrics", "127.0.0.1:9464"],
            "Error: --metrics needs a watch that goes on, and --once ends after one round.\n"
            "Write the metrics to a file with --metrics-file, or leave out --once.\n",
        ),
        (
            ["--metrics-file", "/no/such/folder/x.prom"],
            "Error: The metrics cannot be written to /no/such/folder/x.prom, because there is no folder "
            "/no/such/folder.\n"
            "Make the folder, or give --metrics-file a path in the folder that node_exporter reads.\n",
        ),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_happens(
    signed_in: Program, arguments: list[str], error: str
) -> None:
    done = signed_in.run("watch", *arguments)
    assert (done.status, done.out, done.err) == (2, "", error)


def test_a_port_that_is_taken_is_an_error(signed_in: Program, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = signed_in.run("watch", "--metrics", f"127.0.0.1:{port}")
    assert (done.status, done.out, done.err) == (
        2,
        "",
        f"Error: Port {port}, at which the metrics were to be served, is taken by another program.\n"
        "End that program (another watch, perhaps), or give --metrics another port.\n",
    )


@pytest.mark.parametrize("option", ["--metrics=127.0.0.1:9464", "--metrics-file=x.prom"])
def test_without_the_extra_the_error_says_how_to_get_it(signed_in: Program, tmp_path: Path, option: str) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError\n")
    done = signed_in.having(PYTHONPATH=str(tmp_path)).run("watch", option)
    assert (done.status, done.out, done.err) == (
        2,
        "",
        "Error: Metrics need the package prometheus_client, which is not installed.\n"
        "Install it with `pip install 'webex-token-cli[metrics]'`.\n",
    )


def test_a_watch_without_metrics_does_not_import_them(signed_in: Program) -> None:
    program = signed_in.having(PYTHONPROFILEIMPORTTIME="1")
    done = program.run("watch", "--once")
    assert done.status == 0
    assert "webex_token_cli.metrics.numbers" in done.err
    for name in ("prometheus_client", "asyncio", "webex_token_cli.metrics.server"):
        assert f" {name}\n" not in done.err


# Secrets.


def test_no_secret_and_no_name_of_a_person_is_served_or_written(
    signed_in: Program, sandbox: Sandbox, port: int, tmp_path: Path
) -> None:
    before = json.loads(record_file(signed_in).read_text())
    path = tmp_path / "webex-token.prom"
    age(signed_in, 2 * DAY)
    sandbox.advance(2)
    echo = json.dumps({"message": f"{before['refresh_token']} {before['client_secret']}"})
    sandbox.order(Answer("/v1/access_token", 500, {}, echo))
    texts = []
    with watching(signed_in, port, "--metrics-file", str(path)) as watch:
        texts += [got(port, each)[1] for each in ("/metrics", "/livez", "/readyz", "/")]
        watch.wait_for("renewed: ")
        texts += [got(port, each)[1] for each in ("/metrics", "/livez", "/readyz", "/?access_token=x")]
        watch.process.send_signal(signal.SIGTERM)
        texts += [watch.finish().err, watch.out, path.read_text()]
    after = json.loads(record_file(signed_in).read_text())
    assert after["access_token"] != before["access_token"]
    person = before["person"]
    private = {
        *(record[key] for record in (before, after) for key in ("access_token", "refresh_token", "client_secret")),
        *(person[key] for key in ("id", "display_name", "org_id")),
        *person["display_name"].split(),
        *person["emails"],
        before["client_id"],
    }
    assert len(private) >= 9
    assert [each for each in private for text in texts if each in text] == []


def test_the_end_of_the_watch_frees_the_port(signed_in: Program, port: int) -> None:
    with watching(signed_in, port) as watch:
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
    with watching(signed_in, port):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="the descriptors of a process are in /proc on Linux")
def test_clients_leave_no_descriptors_and_no_threads(signed_in: Program, port: int) -> None:
    with watching(signed_in, port) as watch:
        process = Path(f"/proc/{watch.process.pid}")

        def used() -> tuple[int, int]:
            return len(os.listdir(process / "fd")), len(os.listdir(process / "task"))  # noqa: PTH208

        before = used()
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET /met")
        got(port, "/metrics")
        # An idle thread of the watch itself may have ended meanwhile.
        wait_until(lambda: all(map(operator.le, used(), before)), lambda: f"{before} {used()}")
