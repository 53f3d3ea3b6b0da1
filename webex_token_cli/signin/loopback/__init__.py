"""The listener that catches the redirect on this machine."""
