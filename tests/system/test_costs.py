"""The exact cost of each command: what it asks of the Secret Service and of Webex, counted in the real program."""

import json
from pathlib import Path

import pytest

from tests.support.costs import Cost, run_and_count
from tests.support.program import Program
from tests.support.world import DAY
from webex_token_cli.sandbox import Sandbox

pytestmark = pytest.mark.long

# The commands run in this order, with one profile in the keyring, and a second one from its import on. `import` reads
# what `export` printed, as a record that is due: the watch after it refreshes, and the next one does not.
COSTS = [
    ("login", Cost(round_trips=49, reads=3, writes=3, deletes=1, requests=3, connections=1)),
    ("get", Cost(round_trips=2, reads=1)),
    ("get --min-valid 20d", Cost(round_trips=15, reads=6, writes=2, requests=1, connections=1)),
    ("show", Cost(round_trips=2, reads=1)),
    ("show --all", Cost(round_trips=2, reads=1)),
    ("exec -- true", Cost(round_trips=2, reads=1)),
    ("refresh", Cost(round_trips=13, reads=5, writes=2, requests=1, connections=1)),
    ("export", Cost(round_trips=2, reads=1)),
    ("import", Cost(round_trips=39, reads=6, writes=4, deletes=1)),
    ("watch --once", Cost(round_trips=13, reads=5, writes=2, requests=1, connections=1)),
    ("watch --once", Cost(round_trips=2, reads=1)),
    ("doctor", Cost(round_trips=34, reads=3, writes=2, deletes=1, requests=1, connections=1)),
    ("import -p second", Cost(round_trips=49, reads=3, writes=3, deletes=1)),
    ("show --all", Cost(round_trips=4, reads=2)),
    ("refresh --all", Cost(round_trips=26, reads=10, writes=4, requests=2, connections=1)),
    ("watch --once", Cost(round_trips=4, reads=2)),
    ("logout", Cost(round_trips=15, reads=1, writes=1, deletes=1)),
    ("logout --all", Cost(round_trips=15, reads=1, writes=1, deletes=1)),
]


def test_each_command_costs_what_the_table_says(
    program: Program, sandbox: Sandbox, own_desktop: dict[str, str], tmp_path: Path
) -> None:
    program = program.having(**own_desktop, WEBEX_TOKEN_STORE=None)
    exported, found = "", []
    for line, _ in COSTS:
        done, cost = run_and_count(program, sandbox, tmp_path, *line.split(), stdin=exported)
        assert done.status == 0, f"{line}: {done.err}"
        if line == "export":
            exported = due(done.out)
        found.append((line, cost))
    assert found == COSTS


def due(exported: str) -> str:
    """The exported profile as one that was last refreshed two days ago."""
    document = json.loads(exported)
    document["record"]["refreshed_at"] -= 2 * DAY
    return json.dumps(document)
