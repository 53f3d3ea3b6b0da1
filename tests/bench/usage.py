"""The memory and the processor time of a process, as Linux counts them."""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """The memory of a process, in bytes.

    ``private`` counts the pages that no other process has. ``proportional`` (PSS) adds its share of those that others
    have too. ``resident`` (RSS) counts all of them in full.
    """

    private: int
    proportional: int
    resident: int


def memory_of(process: int) -> Memory:
    """The memory of the process with the id ``process``."""
    return memory_in(Path(f"/proc/{process}/smaps_rollup").read_text())


def memory_in(rollup: str) -> Memory:
    """The memory in the text of a file ``smaps_rollup`` (proc(5)), whose numbers are in kibibytes."""
    sizes: dict[str, int] = {}
    for line in rollup.splitlines()[1:]:
        name, number, _ = line.split()
        sizes[name.rstrip(":")] = int(number) * 1024
    return Memory(sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Pss"], sizes["Rss"])


def processor_seconds(process: int) -> float:
    """The processor time of the process so far, of all its threads, those that have ended too.

    The clock of another process is named as clock_getcpuclockid(3) does it: by the complement of its id and the
    number 2, which stands for user and system time together, in nanoseconds.
    """
    return time.clock_gettime((~process << 3) | 2)
