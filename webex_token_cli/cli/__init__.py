"""What the commands share at a terminal."""
