"""How many refreshes a second the sandbox answers to many clients at once, with few grants and with very many."""

import json
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.bench.usage import memory_of, processor_seconds
from tests.support.measures import running
from webex_token_cli.sandbox import Rules, Sandbox


@dataclass(frozen=True)
class Throughput:
    """What ``clients`` at once were answered while the sandbox had ``grants``. Times are in seconds, memory in bytes.

    ``processor`` is the time of the sandbox for one refresh. ``slowest`` is the time within which 99 of 100 were
    answered.
    """

    grants: int
    clients: int
    requests: int
    seconds: float
    median: float
    slowest: float
    processor: float
    memory: int

    @property
    def per_second(self) -> float:
        """The refreshes that were answered in a second."""
        return self.requests / self.seconds


def serve(grants: int, clients: int) -> None:
    """Run a sandbox with so many grants until standard input ends, and print one refresh token for each client."""
    with Sandbox(Rules(renew_after=0)) as sandbox:
        # The first and the last grants, so that a search through all of them would be seen.
        made = [sandbox.token_response()["refresh_token"] for _ in range(max(grants, clients))]
        tokens = made[: clients // 2] + made[len(made) - (clients - clients // 2) :]
        client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        print(json.dumps({"url": sandbox.url, "client": client, "tokens": tokens}), flush=True)
        sys.stdin.read()


def throughput(grants: int, clients: int, seconds: float) -> Throughput:
    """Let so many clients refresh for ``seconds``, each on one connection and as fast as it is answered."""
    with running([sys.executable, "-m", __name__, str(grants), str(clients)]) as (process, served):
        work = processor_seconds(process)
        started = time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            times = [
                each
                for found in pool.map(lambda token: _refresh(served, token, started + seconds), served["tokens"])
                for each in found
            ]
        took = time.monotonic() - started
        work = processor_seconds(process) - work
        memory = memory_of(process).private
    times.sort()
    slowest = times[int(len(times) * 0.99)]
    return Throughput(grants, clients, len(times), took, statistics.median(times), slowest, work / len(times), memory)


def _refresh(served: dict[str, Any], token: str, until: float) -> list[float]:
    """Refresh until that moment: how long each refresh took."""
    client = served["client"]
    body = urlencode({"grant_type": "refresh_token", "refresh_token": token, **client}).encode()
    url = urlsplit(str(served["url"]))
    head = (
        f"POST /v1/access_token HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Accept: application/json\r\nUser-Agent: tests.bench\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    times = []
    with socket.create_connection((url.hostname, url.port)) as connection, connection.makefile("rb") as answers:
        while time.monotonic() < until:
            asked = time.monotonic()
            connection.sendall(head + body)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.partition(b": ")
                length = int(value) if name == b"Content-Length" else length
            assert len(answers.read(length)) == length
            times.append(time.monotonic() - asked)
    return times


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
