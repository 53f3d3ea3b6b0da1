"""Starts the program: ``webex-token``, and ``python -m webex_token_cli``."""

from typing import NoReturn

from webex_token_cli.system.garbage import collect_no_more, collect_rarely


def start() -> NoReturn:
    """Run the program with the arguments of the command line, and exit with its status."""
    collect_rarely()
    from webex_token_cli.main import main

    try:
        main()
    finally:
        collect_no_more()


if __name__ == "__main__":
    start()
