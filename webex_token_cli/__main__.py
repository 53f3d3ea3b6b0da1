"""Starts the program: ``webex-token``, and ``python -m webex_token_cli``."""

import sys

from webex_token_cli.system.garbage import collect_no_more, collect_rarely

# Type checkers take it for true. Ctrl-C during an import up here would end in a traceback, and typing is a long one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def start() -> "NoReturn":
    """Run the program with the arguments of the command line, and exit with its status."""
    collect_rarely()
    try:
        from webex_token_cli.main import main

        main()
    except KeyboardInterrupt:  # during the imports, or after `main` has handled those that it can
        _exit_interrupted()
    finally:
        collect_no_more()


def _exit_interrupted() -> "NoReturn":
    import contextlib

    from webex_token_cli.errors import INTERRUPTED

    with contextlib.suppress(OSError, AttributeError):  # standard error may be closed
        sys.stderr.write("Interrupted.\n")
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    start()
