"""What is checked on this machine, one file a check."""
