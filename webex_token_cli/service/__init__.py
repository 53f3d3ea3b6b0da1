"""The service: a systemd user unit or a launchd agent that runs ``watch``."""
