"""The two things that flow: a command in an instance, drained to its end, and the server's events, resumed when lost.

Both are threads and blocking reads over `transport.Channel`. Nothing here knows what is done with the data: bytes go
to the handlers that were given, events to whoever iterates.
"""

from lxdnb.streams._events import Events, EventType
from lxdnb.streams._exec import Exec, Stdin
from lxdnb.streams._failures import file_failed
from lxdnb.streams._foreign import websocket_client
from lxdnb.streams._packets import FileEntry, encoded
from lxdnb.streams._pipeline import Task
from lxdnb.streams._request import exec_request
from lxdnb.streams._sftp import CHUNK, Fresh, Sftp
from lxdnb.streams._stdin import pieces

__all__ = [
    "CHUNK",
    "EventType",
    "Events",
    "Exec",
    "FileEntry",
    "Fresh",
    "Sftp",
    "Stdin",
    "Task",
    "encoded",
    "exec_request",
    "file_failed",
    "pieces",
    "websocket_client",
]
