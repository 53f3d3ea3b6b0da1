"""The credential store in Vault or OpenBao: the key-value engine, its claims and its records."""
