"""The program that the Task Scheduler starts:

pythonw -m webex_token_cli.cli.supervised LOGFILE NAME=VALUE… -- COMMAND…
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from webex_token_cli.service.supervisor import run_logged, supervise, unescaped


def main(arguments: Sequence[str]) -> int:
    """Supervise the command in ``arguments``, with the variables before it. Returns its last exit status."""
    words = [unescaped(word) for word in arguments]
    end = words.index("--")
    variables = dict(word.split("=", 1) for word in words[1:end])
    command, environment, log_file = words[end + 1 :], {**os.environ, **variables}, Path(words[0])
    return supervise(lambda: run_logged(command, environment, log_file))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
