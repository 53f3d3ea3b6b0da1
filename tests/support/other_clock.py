"""Runs a Python script on a machine whose clock is ahead: ``python -m tests.support.other_clock SECONDS SCRIPT …``.

Only the wall clock differs, and only for Python: libfaketime lets no Python program sleep without its monotonic clock.
"""

import runpy
import sys
import time

if __name__ == "__main__":
    seconds, real = float(sys.argv[1]), time.time
    time.time = lambda: real() + seconds
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
