"""Records on this machine: behind locks, in a keyring or in files."""
