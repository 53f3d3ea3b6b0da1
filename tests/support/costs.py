"""Counts what a command costs: round trips to the Secret Service, entries, HTTP requests and TCP connections."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from tests.support.folders import SUPPORT
from tests.support.program import Finished, Program
from webex_token_cli.sandbox import Sandbox

# The methods of the Secret Service that read, write or delete the secret of an item.
_READS = ("Item.GetSecret", "Service.GetSecrets")
_WRITES = ("Item.SetSecret", "Collection.CreateItem")
_DELETES = ("Item.Delete",)


@dataclass(frozen=True)
class Cost:
    """What one run of a command costs.

    Calls to the Secret Service that are sent before a reply is waited for are one round trip. The other counts are
    of entries that are read, written and deleted there, and of HTTP requests and TCP connections to the sandbox.
    """

    round_trips: int = 0
    reads: int = 0
    writes: int = 0
    deletes: int = 0
    requests: int = 0
    connections: int = 0


def run_and_count(
    program: Program, sandbox: Sandbox, folder: Path, *arguments: str, stdin: str | None = None
) -> tuple[Finished, Cost]:
    """Run a command to its end, and count what it cost. ``folder`` is for the record of its calls over D-Bus."""
    record = folder / "dbus-calls"
    record.write_text("")
    recorded = program.having(PYTHONPATH=str(SUPPORT / "dbus_calls"), DBUS_CALLS=str(record))
    requests, connections = len(sandbox.requests), len(sandbox.client_ports)
    done = recorded.run(*arguments, stdin=stdin)
    by_agent = [(each.headers["User-Agent"], each.client_port) for each in sandbox.requests[requests:]]
    of_browser = {port for agent, port in by_agent if not agent.startswith("webex-token")}
    lines = record.read_text().splitlines()
    return done, Cost(
        round_trips=sum(is_call for is_call, _ in itertools.groupby(lines, bool)),
        reads=sum(line in _READS for line in lines),
        writes=sum(line in _WRITES for line in lines),
        deletes=sum(line in _DELETES for line in lines),
        requests=sum(port not in of_browser for _, port in by_agent),
        connections=sum(port not in of_browser for port in sandbox.client_ports[connections:]),
    )
