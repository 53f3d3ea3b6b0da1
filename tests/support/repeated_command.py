"""A process that runs a command of the program in several rounds: ``python -m tests.support.repeated_command 10 get``.

It prints ``ready`` before each round and waits for a line on standard input, so that the commands of many processes
begin at one moment, as those of processes that have yet to start do not. A command that fails ends it with its status.
"""

import contextlib
import io
import json
import sys

from webex_token_cli.main import run


def main() -> None:
    rounds, *command = sys.argv[1:]
    for _ in range(int(rounds)):
        print("ready", flush=True)
        sys.stdin.readline()
        with contextlib.redirect_stdout(io.StringIO()):
            status = run(command)
        if status:
            sys.exit(status)
    print(json.dumps({"rounds": int(rounds)}))


if __name__ == "__main__":
    main()
