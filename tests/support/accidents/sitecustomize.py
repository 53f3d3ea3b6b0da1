"""Kills the program under test between Webex's answer and its saving, where the environment asks for that."""

import os
import signal

if os.environ.get("WEBEX_TOKEN_TEST_ACCIDENT") == "killed before saving":
    from webex_token_cli.store.local import store

    store.LocalStore.save = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
