"""The two things that flow: a command in an instance, drained to its end, and the server's events, resumed when lost.

Both are threads and blocking reads over `transport.Channel`. Nothing here knows what is done with the data: bytes go
to the handlers that were given, events to whoever iterates.
"""

from lxdnb.streams._events import Events, EventType
from lxdnb.streams._exec import Exec
from lxdnb.streams._foreign import websocket_client

__all__ = ["EventType", "Events", "Exec", "websocket_client"]
