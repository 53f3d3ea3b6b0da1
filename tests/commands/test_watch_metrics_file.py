"""``watch --metrics-file`` as a process: the file for node_exporter's textfile collector."""

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.metrics import REVOKED, got, values, watching
from tests.support.ports import free_port
from tests.support.program import Program, wait_until
from tests.support.stored import DAY, age
from webex_token_cli.sandbox import Answer, Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_file_has_what_the_server_gives(signed_in: Program, port: int, tmp_path: Path) -> None:
    path = tmp_path / "webex-token.prom"
    with watching(signed_in, port, "--metrics-file", str(path)):
        wait_until(path.exists)
        assert path.read_text() == got(port, "/metrics")[1]
    assert path.stat().st_mode & 0o777 == 0o644


def test_once_writes_the_file(signed_in: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "webex-token.prom"
    program = signed_in.having(WEBEX_TOKEN_METRICS_FILE=str(path), WEBEX_TOKEN_METRICS="no address")
    assert program.run("watch", "--once").status == 0
    metrics = values(path.read_text())
    assert (metrics["webex_token_watch_rounds_total"], path.stat().st_mode & 0o777) == (1, 0o644)
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 400, {}, REVOKED))
    assert program.run("watch", "--once").status == 3
    assert values(path.read_text())['webex_token_sign_in_needed{profile="default"}'] == 1


def test_a_reader_never_sees_half_a_file(signed_in: Program, tmp_path: Path) -> None:
    path = tmp_path / "webex-token.prom"
    seen: list[str] = []
    with signed_in.started("watch", "--metrics-file", str(path)) as watch:
        wait_until(path.exists, lambda: watch.err, process=watch.process)
        ended = threading.Event()

        def read() -> None:
            while not ended.is_set():
                text = path.read_text()
                if not seen or seen[-1] != text:
                    seen.append(text)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(100):
            watch.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        ended.set()
        reader.join()
    assert len(seen) > 10
    assert {text.count("\n") for text in seen} == {seen[0].count("\n")}
    assert {text[-7:] for text in seen} == {'"} 1.0\n'}


def test_a_file_that_cannot_be_written_stops_no_renewal(signed_in: Program, tmp_path: Path) -> None:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    with signed_in.started("watch", "--interval", "1", "--metrics-file", str(folder / "x.prom")) as watch:
        wait_until((folder / "x.prom").exists, process=watch.process)
        (folder / "x.prom").unlink()
        (folder / "x.prom").mkdir()
        watch.wait_for("Warning: The metrics file cannot be written (Is a directory). The renewals go on.\n")
        seen = watch.out.count("fresh: ")
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for("fresh: ", times=seen + 1)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0


def test_once_with_a_file_that_cannot_be_written_fails_with_1(signed_in: Program) -> None:
    done = signed_in.run("watch", "--once", "--metrics-file", "/proc/webex-token.prom")
    assert (done.status, done.out.count("fresh: ")) == (1, 1)
    assert done.err == (
        "Error: The metrics could not be written to /proc/webex-token.prom (No such file or directory).\n"
        "The tokens are stored all the same; correct the permissions of the folder, or make room on its disk.\n"
    )
