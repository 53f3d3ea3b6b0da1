"""A stand-in for Webex on loopback. It imports nothing of the rest, so that no mistake is shared."""
