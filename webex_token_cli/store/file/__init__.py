"""Records in unencrypted files."""
