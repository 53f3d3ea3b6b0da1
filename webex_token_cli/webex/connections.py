"""Connections that another thread can abort.

A timeout of requests applies to each read, so a server that sends a byte now and then is never timed out. The thread
that reads cannot be interrupted either; it ends only if its connection does.
"""

import contextlib
import socket
import threading
from contextvars import ContextVar
from typing import Any, Protocol

from requests.adapters import HTTPAdapter

# Every thread has a value of its own, because a new thread starts with an empty context.
_current: "ContextVar[Exchange | None]" = ContextVar("exchange", default=None)


class _Descriptor(Protocol):
    def fileno(self) -> int: ...


class Exchange:
    """A request and its answer: a context manager for the thread that waits, which another thread can abort.

    It has a duplicate of the connection's descriptor, which stays the same connection while TLS wraps the first one,
    and while http.client detaches a response from a connection that is not reused.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = False

    @property
    def aborted(self) -> bool:
        """Whether the connection was shut down: an answer without a length then ends wherever it had got to."""
        return self._aborted

    def __enter__(self) -> "Exchange":
        _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.set(None)
        with self._lock:
            self._release()

    def abort(self) -> None:
        """Shut the connection down, now or once there is one. Reading it then gives what had arrived, and its end."""
        with self._lock:
            self._aborted = True
            self._shut_down()

    def use(self, connection: _Descriptor) -> None:
        """Remember the connection of this exchange. Raises OSError if there is no descriptor for a duplicate."""
        with self._lock:
            self._release()
            self._socket = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            if self._aborted:
                self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the server was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class AbortableAdapter(HTTPAdapter):
    """An adapter of requests whose connections tell the exchange of their thread that they are in use."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _make_abortable(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """The pools of connections through ``proxy``."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            _make_abortable(manager)
        return manager

    def close(self) -> None:
        """Close the idle connections. urllib3 forgets its pools, and closes their connections when nothing has them."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - this container cannot be iterated
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()


def _make_abortable(manager: Any) -> None:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _abortable(pool) for scheme, pool in classes.items()}


def _abortable(pool: Any) -> Any:
    """The class ``pool`` of urllib3, with connections that tell their exchange."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            sock: socket.socket = super()._new_conn()
            _tell_exchange(sock)
            return sock

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

        def _get_conn(self, timeout: float | None = None) -> Any:
            connection = super()._get_conn(timeout)
            if connection.sock is not None:  # an earlier request opened it
                _tell_exchange(connection.sock)
            return connection

    return Pool


def _tell_exchange(connection: _Descriptor) -> None:
    exchange = _current.get()
    if exchange is not None:
        exchange.use(connection)
