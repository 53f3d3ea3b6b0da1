"""Starts the program: ``webex-token``, and ``python -m webex_token_cli``."""

import gc
from typing import NoReturn

# More objects than `get` and `show` make in all. By default Python looks for garbage each time 700 are made. Nearly all
# that a start makes is modules, which are no garbage, and looking for it takes 5 % of the time of `get`.
_OBJECTS_BEFORE_COLLECTION = 50_000


def start() -> NoReturn:
    """Run the program with the arguments of the command line, and exit with its status."""
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    from webex_token_cli.main import main

    main()


if __name__ == "__main__":
    start()
