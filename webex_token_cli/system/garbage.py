"""How often Python looks for garbage: rarely while the program starts, as usual in a long run, and not at the end."""

import gc

# More objects than `get` and `show` make in all. Nearly all of them are modules, which are no garbage, and to look at
# them each time 700 more were made takes 5 % of the time of `get`.
_RARELY = 50_000
_USUALLY = gc.get_threshold()


def collect_rarely() -> None:
    """Look for garbage when very many objects were made."""
    gc.set_threshold(_RARELY)


def collect_as_usual() -> None:
    """Look for garbage as often as Python does by itself, but not among the objects that exist now."""
    gc.freeze()
    gc.set_threshold(*_USUALLY)


def collect_no_more() -> None:
    """Let Python end without looking for garbage among the objects that exist now.

    It would do so several times, which takes 7 % of the time of `get`, and the operating system takes all memory back.
    """
    gc.freeze()
