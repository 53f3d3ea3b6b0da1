"""How often Python looks for garbage."""

import gc
import subprocess
import sys

from webex_token_cli.system.garbage import collect_as_usual, collect_rarely


def test_garbage_is_looked_for_rarely_until_a_command_runs_for_long() -> None:
    before = gc.get_threshold()
    try:
        collect_rarely()
        assert gc.get_threshold()[0] == 50_000
        collect_as_usual()
        assert gc.get_threshold() == before
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_neither_a_start_nor_an_end_looks_for_garbage() -> None:
    counted = (
        "import gc, sys; sys.argv[1:] = ['--version']; from webex_token_cli.__main__ import start\n"
        "before = gc.get_stats()[0]['collections']\n"
        "try: start()\n"
        "finally: print(gc.get_stats()[0]['collections'] - before, len(gc.get_objects()) < 1_000)"
    )
    done = subprocess.run([sys.executable, "-c", counted], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 True"
