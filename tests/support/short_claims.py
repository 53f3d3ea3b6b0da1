"""The program with claims that are good for a short time: ``python -m tests.support.short_claims SECONDS ARGUMENTS …``.

A test that kills or stops a host waits until its claim is over. That takes two minutes with the program itself. All
that a refresh needs is imported at first, because that takes a part of a short claim on a busy machine.
"""

import functools
import sys

import webex_token_cli.webex.client
import webex_token_cli.webex.http  # noqa: F401
from webex_token_cli.main import main
from webex_token_cli.store.vault import store

if __name__ == "__main__":
    store.open_vault_store = functools.partial(store.open_vault_store, ttl=int(sys.argv[1]))
    main(sys.argv[2:])
