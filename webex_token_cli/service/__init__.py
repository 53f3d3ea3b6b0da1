"""``watch`` as a service of the user's own: what systemd or launchd is given to run, and how they are asked to."""
