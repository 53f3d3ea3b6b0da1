"""Records the calls of the program under test to the Secret Service, and when it waits for their replies.

Python imports this module at start-up if its folder is on ``PYTHONPATH``. The variable ``DBUS_CALLS`` names the file
that a line is appended to for each method that is called, and for each message that is received. The recording is in
the program, because a recorder on the bus cannot tell whether two requests were sent together: the first reply may be
there before the second request.
"""

import os
from typing import Any

from jeepney import HeaderFields, MessageType  # type: ignore[import-untyped]
from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]

_FILE = os.environ.get("DBUS_CALLS", os.devnull)
_send, _receive = DBusConnection.send, DBusConnection.receive


def _record(line: str) -> None:
    descriptor = os.open(_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def _recording_send(self: Any, message: Any, serial: int | None = None) -> None:
    fields = message.header.fields
    called = message.header.message_type is MessageType.method_call
    if called and fields.get(HeaderFields.destination) == "org.freedesktop.secrets":
        _record(f"{fields[HeaderFields.interface].rpartition('.')[2]}.{fields[HeaderFields.member]}")
    _send(self, message, serial)


def _recording_receive(self: Any, *, timeout: float | None = None) -> Any:
    message = _receive(self, timeout=timeout)
    _record("")
    return message


DBusConnection.send = DBusConnection.send_message = _recording_send
DBusConnection.receive = _recording_receive
