"""What a run of the program imports."""

# What costs milliseconds each, up to a hundred, and only some commands need it.
HEAVY = {
    "asyncio",
    "concurrent.futures",
    "cryptography",
    "filelock",
    "hashlib",
    "http.server",
    "keyring",
    "logging",
    "platformdirs",
    "requests",
    "ssl",
    "tempfile",
    "urllib3",
}
