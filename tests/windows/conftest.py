"""Tests of what only Windows has. `.ci/windows` runs them on Python for Windows; elsewhere they are not collected."""

import os

collect_ignore_glob = [] if os.name == "nt" else ["test_*.py"]
