"""What a run of the program imports."""

# What costs tens of milliseconds each, and only some commands need it.
HEAVY = {"requests", "urllib3", "keyring", "filelock", "platformdirs", "asyncio", "http.server", "ssl", "cryptography"}

# What costs milliseconds each, so that the commands in shells' prompts and scripts' loops go without it.
MILLISECONDS = {"concurrent.futures", "hashlib", "logging", "secrets", "string", "tempfile", "traceback"}
