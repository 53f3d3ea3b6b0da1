"""Where credentials live: records over a keyring, the file keyring, the lock."""
