"""A websocket as its messages: what comes, what goes, and the end, however it came."""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import Any

import websocket

log = logging.getLogger("lxdnb")


class Channel:
    """A websocket, as messages: bytes, text, and the end.

    One thread may receive while others send. `name` is what the log calls it.
    """

    def __init__(self, stream: websocket.WebSocket, name: str = "") -> None:
        self._stream = stream
        self._name = name
        # Reentrant: what is collected as garbage while a thread is in here may close this very channel.
        self._guard = threading.RLock()
        self._busy = 0  # threads that read or write just now
        self._closed = False
        self.said_goodbye = False
        """Whether the other side has closed the websocket in due form, which tells an end from a cut."""
        self.heard_at = time.time()
        """When the other side last gave a sign of life, be it a ping; seconds as of time.time()."""

    def receive(self) -> bytes | str | None:
        """Return the next message: bytes, text (an empty one too), or None once the connection has ended.

        Binary messages come frame by frame, since they are pieces of a stream; a text is whole.
        """
        if not self._enter():
            return None
        text = bytearray()
        in_text = False
        try:
            while True:
                # recv_frame, not recv: recv answers pings itself, and dies of the answer although data is still
                # there to be read, when the server has closed already.
                frame: Any = self._stream.recv_frame()
                if self._closed:
                    return None  # shut down under way, TLS hands on what it has not deciphered
                self.heard_at = time.time()
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
        finally:
            self._leave()

    def send(self, data: bytes) -> None:
        """Send one binary message. Raises ConnectionError when the other side is gone.

        One that is interrupted ends the websocket: what came after a part of it would be taken for its rest.
        """
        self._send(data, websocket.ABNF.OPCODE_BINARY)

    def send_text(self, text: str) -> None:
        """Send one text message. Raises ConnectionError when the other side is gone."""
        self._send(text.encode(), websocket.ABNF.OPCODE_TEXT)

    def close(self, goodbye: bool = True) -> None:
        """Close, from any thread: a receive() under way returns None.

        Say goodbye first, unless the other side may not even listen to that.
        """
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._busy += 1
        if goodbye:
            self._say_goodbye()
        connection = self._stream.sock
        if connection is not None:
            self._quietly(connection.shutdown, socket.SHUT_RDWR)
        self._leave()
        log.debug("websocket %s: closed", self._name)

    def say_goodbye(self) -> None:
        """Tell the other side that nothing more will be sent. What it still sends is received, until it closes."""
        if self._enter():
            try:
                self._say_goodbye()
            finally:
                self._leave()

    def _say_goodbye(self) -> None:
        # Who sends holds this lock, and waits for a server that may read no more: no goodbye is worth that wait.
        lock: Any = self._stream.lock
        if lock.acquire(blocking=False):
            lock.release()
            self._quietly(self._stream.send_close)

    def _enter(self) -> bool:
        with self._guard:
            if self._closed:
                return False
            self._busy += 1
            return True

    def _leave(self) -> None:
        # The last one out closes the descriptor: TLS reads by its number alone, so that a thread which still reads
        # would take what belongs to the next connection that is given this number.
        with self._guard:
            self._busy -= 1
            last = self._closed and not self._busy
        if last:
            self._quietly(self._stream.shutdown)

    def _send(self, data: bytes, opcode: int) -> None:
        if not self._enter():
            raise ConnectionError("the websocket is closed")
        try:
            self._stream.send(data, opcode)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionError(f"the websocket is closed: {error}") from error
        except BaseException:
            self.close(goodbye=False)
            raise
        finally:
            self._leave()

    @staticmethod
    def _quietly(call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except (websocket.WebSocketException, OSError):
            pass
