"""Records in the operating system's keyring."""
