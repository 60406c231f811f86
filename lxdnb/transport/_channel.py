"""A websocket as its messages: what comes, what goes, and the end, however it came."""

from __future__ import annotations

import socket
import threading
from typing import Any

import websocket


class Channel:
    """A websocket, as messages: bytes, text, and the end.

    One thread may receive while others send.
    """

    def __init__(self, stream: websocket.WebSocket) -> None:
        self._stream = stream
        self._closed = threading.Event()
        self.said_goodbye = False
        """Whether the other side has closed the websocket in due form, which tells an end from a cut."""

    def receive(self) -> bytes | str | None:
        """Return the next message: bytes, text (an empty one too), or None once the connection has ended.

        Binary messages come frame by frame, since they are pieces of a stream; a text is whole.
        """
        text = bytearray()
        in_text = False
        try:
            while True:
                # recv_frame, not recv: recv answers pings itself, and dies of the answer although data is still
                # there to be read, when the server has closed already.
                frame: Any = self._stream.recv_frame()
                opcode, data = frame.opcode, frame.data
                if opcode == websocket.ABNF.OPCODE_PING:
                    self._quietly(self._stream.pong, data)
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.said_goodbye = True
                    self._quietly(self._stream.send_close)
                    return None
                elif opcode == websocket.ABNF.OPCODE_TEXT or (opcode == websocket.ABNF.OPCODE_CONT and in_text):
                    in_text = True
                    text += data
                    if frame.fin:
                        return text.decode("utf-8", "replace")
                elif opcode in (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_CONT):
                    return bytes(data)
        except (websocket.WebSocketException, OSError, ValueError):
            # ValueError: closed by another thread, so that there is no file descriptor to wait on.
            return None

    def send(self, data: bytes) -> None:
        """Send one binary message. Raises ConnectionError when the other side is gone."""
        self._send(data, websocket.ABNF.OPCODE_BINARY)

    def send_text(self, text: str) -> None:
        """Send one text message. Raises ConnectionError when the other side is gone."""
        self._send(text.encode(), websocket.ABNF.OPCODE_TEXT)

    def close(self) -> None:
        """Say goodbye and close, from any thread: a receive() under way returns None."""
        if self._closed.is_set():
            return
        self._closed.set()
        # Who sends holds this lock, and waits for a server that may read no more: no goodbye is worth that wait.
        lock: Any = self._stream.lock
        if lock.acquire(blocking=False):
            lock.release()
            self._quietly(self._stream.send_close)
        connection = self._stream.sock
        if connection is not None:
            self._quietly(connection.shutdown, socket.SHUT_RDWR)
        self._quietly(self._stream.shutdown)

    def _send(self, data: bytes, opcode: int) -> None:
        try:
            self._stream.send(data, opcode)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionError(f"the websocket is closed: {error}") from error

    @staticmethod
    def _quietly(call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except (websocket.WebSocketException, OSError):
            pass
