"""The service: a systemd user unit, a launchd agent or a task of the Task Scheduler that runs ``watch``."""
