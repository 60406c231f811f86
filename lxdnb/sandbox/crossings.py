"""Two servers between whom something goes over: the websockets that they have for it, and what they say in them.

Pure: messages are put in and taken out by whoever has the connections. What is said is the sandbox's own, in binary
messages that anybody may carry from one side to the other, and begins with a mark by which it knows one of its kind.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.replies import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["NAMES", "SILENCE", "Channel", "Crossing", "Talk"]

T = TypeVar("T")
Talk = Generator[float | Gate, None, T]
"""A part of the work of an operation, and what comes of it."""
NAMES = ("control", "fs")
SILENCE = 60.0  # seconds that the other side may take for its next word
_NO_SANDBOX = (
    "the other server is no sandbox, and only backups go over between a sandbox and a real server: export it here, "
    "and import the file there"
)
_MARK = b"lxdnb sandbox 1\n"
_PIECE = 262_144  # bytes in a message, at most
_LARGEST = 16 * 2**30  # bytes that go over at once
_MOST = 16  # messages that wait to be carried


class Channel:
    """One websocket, as the work sees it; `changed` opens whenever there is something new to see."""

    def __init__(self, changed: Gate) -> None:
        self.changed = changed
        self.connected = self.lost = self.closing = False
        self.failure: str | None = None
        """Why it could not be had."""
        self.incoming: deque[bytes] = deque()
        self.outgoing: deque[bytes] = deque()
        self.leaving, self.room = Gate(), Gate()
        """For whoever carries: there is something to send, or no more to come; there is room for another message."""
        self.next: Callable[[], None] | None = None
        """What is to be done once it is connected."""
        self._alarm = 0.0  # when `changed` opens by itself next

    # --- for whoever has the connection

    def connect(self) -> None:
        self.connected = True
        if self.next is not None and not self.closing:
            self.next()
        self.changed.open()

    def fail(self, words: str) -> None:
        self.failure = words
        self.changed.open()

    def put(self, message: bytes) -> None:
        """Take in what has come."""
        self.incoming.append(message)
        self.changed.open()

    @property
    def full(self) -> bool:
        return len(self.incoming) >= _MOST

    def take(self) -> bytes | None:
        """Return what is to be sent next; None where there is nothing just now."""
        message = self.outgoing.popleft() if self.outgoing else None
        self.changed.open()
        return message

    def lose(self) -> None:
        """The other side is gone."""
        self.lost = True
        for gate in (self.changed, self.leaving, self.room):
            gate.open()

    # --- for the work

    def close(self) -> None:
        """Say no more: once all has been sent, the connection ends."""
        self.closing = True
        self.leaving.open()
        self.room.open()

    def send(self, message: bytes) -> Talk[None]:
        while len(self.outgoing) >= _MOST and not self.lost:
            yield self.changed
        self.add(message)

    def add(self, message: bytes) -> None:
        """Send it after all else, however much that is."""
        self.outgoing.append(message)
        self.leaving.open()

    def receive(self, host: Host) -> Talk[bytes]:
        """Return the next message. Raises Refused where there will be none."""
        until = host.clock() + SILENCE
        while not self.incoming:
            if self.lost:
                raise Refused(500, "websocket: close 1006 (abnormal closure): unexpected EOF")
            if host.clock() >= until:
                raise Refused(500, f"the other server has said nothing for {SILENCE:g} s")
            if host.clock() >= self._alarm:
                self._alarm = until
                host.agenda.after(until - host.clock(), self.changed.open)
            yield self.changed
        message = self.incoming.popleft()
        self.room.open()
        return message


class Crossing:
    """The websockets of one side. `side` is `source` or `target`, `what` what goes over: `instance` or `volume`."""

    def __init__(self, host: Host, side: str, what: str) -> None:
        self._host, self.side, self._what = host, side, what
        self.secrets = {name: host.new_secret() for name in NAMES}
        changed = Gate()
        self.channels = {name: Channel(changed) for name in NAMES}
        self._changed = changed

    def dial(self, url: str, certificate: str, secrets: dict[str, str]) -> None:
        """Connect to the operation of another server that has this URL and these secrets: one after the other."""

        def connect(name: str) -> None:
            self._host.lines.connect(f"{url}/websocket?secret={secrets[name]}", certificate, self.channels[name])

        self.channels["control"].next = lambda: connect("fs")
        connect("control")

    def close(self) -> None:
        for channel in self.channels.values():
            channel.close()

    def connection(self, secret: str) -> Channel | None:
        """Return the channel that somebody with this secret is to have; None for a secret of none, or one in use."""
        for name, channel in self.channels.items():
            if self.secrets[name] == secret and not channel.connected:
                return channel
        return None

    @property
    def failure(self) -> str | None:
        """Why the other server cannot be reached, if it cannot."""
        return next((each.failure for each in self.channels.values() if each.failure), None)

    def whenever_settled(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have something called once the other server is reached or not to be; what is returned takes that back."""
        wanted = [call]

        def look() -> None:
            if not wanted:
                return
            if self.failure or all(each.connected for each in self.channels.values()):
                wanted.pop()()
            else:
                self._changed.wait(look)

        look()
        return wanted.clear

    # --- both are there

    def connected(self) -> Talk[None]:
        """Wait for both connections. Raises Refused with each server's own words where they do not come in time."""
        if self._host.flavour.incus:
            yield from self._connected(("control",), 30.0)
            yield from self._connected(("fs",), 10.0)
        else:
            yield from self._connected(NAMES, 10.0)

    def _connected(self, names: tuple[str, ...], seconds: float) -> Talk[None]:
        channels = [self.channels[name] for name in names]
        until = self._host.clock() + seconds
        self._host.agenda.after(seconds, self._changed.open)
        while not all(each.connected for each in channels):
            if failure := next((each.failure for each in channels if each.failure), None):
                raise self._missing(names[0], failure)
            if self._host.clock() >= until:
                raise self._missing(names[0], None)
            yield self._changed

    def _missing(self, name: str, failure: str | None) -> Refused:
        if not self._host.flavour.incus:
            kind = "migration connections" if self._what == "instance" else "connections"
            return Refused(500, failure or f"Timed out waiting for {kind}")
        why = failure or "context deadline exceeded"
        if self._what == "volume":
            return Refused(500, f'Failed waiting for migration "{name}" connection on {self.side}: {why}')
        if name == "control":
            return Refused(500, f"Failed waiting for migration control connection on {self.side}: {why}")
        where = f"Failed getting migration {self.side} filesystem connection"
        return Refused(500, f"Failed migration on {self.side}: {where}: {why}")

    # --- what is said

    def say(self, **told: Any) -> Talk[None]:
        yield from self.channels["control"].send(_MARK + json.dumps(told).encode())

    def hear(self) -> Talk[dict[str, Any]]:
        """Return what the other side says. Raises Refused for what no sandbox says, and with its word of failure."""
        message = yield from self.channels["control"].receive(self._host)
        try:
            told = json.loads(message.removeprefix(_MARK)) if message.startswith(_MARK) else None
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Refused(500, _NO_SANDBOX)
        if told.get("failed"):
            raise Refused(500, str(told["failed"]))
        return told

    def hand_over(self, parts: list[bytes], **told: Any) -> Talk[None]:
        """Send what goes over, in parts, and wait until the other side has all of it."""
        yield from self.say(sizes=[len(part) for part in parts], **told)
        yield from self.hear()
        for part in parts:
            for start in range(0, len(part), _PIECE):
                yield from self.channels["fs"].send(part[start : start + _PIECE])
        yield from self.hear()

    def apologise(self, words: str) -> None:
        """Tell the other side why nothing comes of it, if it still listens."""
        self.channels["control"].add(_MARK + json.dumps({"failed": words}).encode())

    def announced(self, kind: str) -> Talk[dict[str, Any]]:
        """Return what the other side tells of what it sends, which is to be of a kind."""
        told = yield from self.hear()
        if told.get("kind") != kind:
            raise Refused(500, f"the other server gives no {kind}")
        sizes = told.get("sizes")
        if not isinstance(sizes, list) or not all(isinstance(each, int) and each >= 0 for each in sizes):
            raise Refused(500, "the other server does not say how much it sends")
        if sum(sizes) > _LARGEST:
            raise Refused(500, f"the other server sends more than the {_LARGEST} bytes that a sandbox takes")
        yield from self.say(go=True)
        return told

    def taken(self, told: dict[str, Any], count: int) -> Talk[list[bytes]]:
        """Return the parts of what was announced, which are to be so many."""
        if len(told["sizes"]) != count:
            raise Refused(500, f"the other server sends {len(told['sizes'])} parts, and {count} belong to it")
        parts: list[bytes] = []
        rest = bytearray()
        for size in told["sizes"]:
            while len(rest) < size:
                rest += yield from self.channels["fs"].receive(self._host)
            parts.append(bytes(rest[:size]))
            del rest[:size]
        return parts
