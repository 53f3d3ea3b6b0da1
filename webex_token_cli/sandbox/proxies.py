"""How programs reach the sandbox where their environment names a proxy, to which 127.0.0.1 is another machine."""

from collections.abc import Mapping

# Some programs read only the one, and some only the other.
_NAMES = ("NO_PROXY", "no_proxy")


def reached_directly(environment: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """``NO_PROXY`` and ``no_proxy`` as they are in ``environment``, with ``hosts`` added."""
    either = environment.get("no_proxy") or environment.get("NO_PROXY", "")
    return {name: _with_hosts(environment.get(name) or either, hosts) for name in _NAMES}


def _with_hosts(value: str, hosts: tuple[str, ...]) -> str:
    named = [name.strip() for name in value.split(",") if name.strip()]
    if "*" in named:  # nothing is sent to a proxy, and with a name beside it the asterisk would have no meaning
        return value
    return ",".join([*named, *(host for host in hosts if host not in named)])
