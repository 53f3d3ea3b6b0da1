"""What was measured, in words and tables. Pure, but for the load of the machine."""

import os
from collections.abc import Mapping

from tests.bench.rest import Rest
from tests.bench.rounds import Renewals
from tests.bench.sandbox import Throughput

_MEBIBYTE = 2**20


def load_in_words() -> str:
    """How busy the machine is now: other work makes every figure worse."""
    return f"{os.cpu_count()} processors, with {os.getloadavg()[0]:.1f} processes at work in the last minute."


def memory_in_words(rest: Rest) -> str:
    """The memory of a watch at rest beside that of the imports, and their ratio."""
    columns = (rest.watch, rest.imports, rest.floor)
    lines = [
        _memory_line("private", *(each.private for each in columns)),
        _memory_line("in proportion (PSS)", *(each.proportional for each in columns)),
        _memory_line("resident (RSS)", *(each.resident for each in columns)),
    ]
    return (
        "Memory of a watch at rest in GNOME Keyring; of a process that only imports click, requests and the keyring\n"
        "library with what it needs for the Secret Service; and the floor: the same imports, filelock and threads.\n\n"
        f"{'':20} {'watch':>11} {'imports':>11} {'floor':>11}  watch / imports\n" + "\n".join(lines)
    )


def _memory_line(name: str, watch: int, imports: int, floor: int) -> str:
    columns = " ".join(f"{each / _MEBIBYTE:7.1f} MiB" for each in (watch, imports, floor))
    return f"{name:20} {columns}  {watch / imports:15.2f}"


def idle_rounds_in_words(seconds: Mapping[int, float]) -> str:
    """The processor time of a round by the number of profiles, and how much each further profile adds."""
    lines = [f"{number:6} profiles {cost * 1000:9.3f} ms" for number, cost in seconds.items()]
    title = "Processor time of a round of a watch in which no profile is due (file store, the only one for thousands):"
    growth = ""
    if len(seconds) > 1:
        growth = f"\n\nEach further profile adds {growth_per_profile(seconds) * 1_000_000:.2f} µs."
    return f"{title}\n\n" + "\n".join(lines) + growth


def growth_per_profile(seconds: Mapping[int, float]) -> float:
    """How much longer a round takes for each further profile, between the fewest and the most of them, in seconds."""
    fewest, most = min(seconds), max(seconds)
    return (seconds[most] - seconds[fewest]) / (most - fewest)


def renewals_in_words(one_by_one: Renewals, watch: Renewals, least: Renewals, at_once: int, latency: float) -> str:
    """How long a round took in which all profiles were due, and how long others would take for as many.

    ``one_by_one`` may have renewed other numbers of profiles. ``least`` is the time of a program that renews as many
    at once as ``watch`` and does only what cannot be left out.
    """
    number = watch.profiles
    alone = one_by_one.seconds_for(number)
    waits = latency * -(-number // at_once)
    return (
        f"{number} due, {latency * 1000:.0f} ms an answer: {watch.seconds:.1f} s with watch --once, {alone:.1f} s one "
        f"after the other ({'measured' if number == one_by_one.profiles else 'calculated'} from "
        f"{one_by_one.profiles} of refresh --all): {alone / watch.seconds:.1f} times faster\n"
        f"  processor time {watch.processor / number * 1000:.1f} ms a profile, "
        f"the most memory {watch.peak / _MEBIBYTE:.0f} MiB\n"
        f"  floor: the waits alone {waits:.1f} s; the same with only a lock, the request and a synchronized file "
        f"{least.seconds:.1f} s and {least.processor / number * 1000:.1f} ms a profile "
        f"({alone / least.seconds:.1f} times faster)\n"
        f"  the sandbox used {watch.server / watch.seconds:.0%} of one processor"
    )


def throughput_in_words(found: Throughput) -> str:
    """How fast the sandbox answered, and what that used."""
    return (
        f"{found.grants:6} grants: {found.clients} clients with a connection each were answered "
        f"{found.per_second:.0f} refreshes a second; the median took {found.median * 1000:.1f} ms, "
        f"99 of 100 at most {found.slowest * 1000:.1f} ms\n"
        f"  the sandbox used {found.processor * 1000:.2f} ms of processor time for each; after {found.requests} of "
        f"them it had {found.memory / _MEBIBYTE:.0f} MiB"
    )
