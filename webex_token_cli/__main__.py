"""``python -m webex_token_cli`` is ``webex-token``."""

from webex_token_cli.main import main

if __name__ == "__main__":
    main()
