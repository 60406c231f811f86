"""The websockets of one command and the threads that serve them, from the opening to the last byte.

However it goes, it comes to an end: once anything has failed the process is killed, and what still does not end then
is given up after a few seconds.
"""

from __future__ import annotations

import enum
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lxdnb import api
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIException, NotFound

if TYPE_CHECKING:
    from lxdnb.transport import Channel

__all__ = ["GRACE", "Session"]

SIGKILL = 9  # Windows has no name for it
GRACE = 3.0  # seconds that a killed command has to end
LINGER = 5.0  # seconds after which a command that goes on without its input is one that has lost it
SILENCE = 10.0  # seconds without output after the process has ended, after which no more will come
END_OF_FILE = b"\x04"  # Ctrl-D


class _Rank(enum.IntEnum):
    """How much an error tells, where there are several: what was lost, what the server says, what the caller did."""

    NONE, LOST, SERVER, CALLER = range(4)


class Session:
    """A command's websockets, served by threads until all of it has ended.

    `outputs` maps a file descriptor to what takes the pieces of bytes that come from it. With `terminal` 0 is one of
    them; `ended` is called at the end.
    """

    def __init__(
        self,
        root: api.APINode,
        instance: str,
        operation_id: str,
        outputs: Mapping[str, Callable[[bytes], object]],
        ended: Callable[[], object],
        terminal: bool,
    ) -> None:
        self._root, self._instance, self._operation_id = root, instance, operation_id
        self._outputs, self._ended, self._terminal = outputs, ended, terminal
        self._call = root.open_call()
        self._channels: dict[str, Channel] = {}
        self._lock = threading.Lock()
        self._finished = False
        self._rank = _Rank.NONE
        self._watchdog: threading.Timer | None = None
        self._received = dict.fromkeys(outputs, 0)
        self._takers: set[threading.Thread] = set()
        self._busy: set[str] = set()  # outputs of which a piece is being handled
        # The input does not count among those that must end: nobody can interrupt a read of somebody's iterator.
        self._open_ends = len(outputs) + 1
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.exit_code: int | None = None

    def start(self, secrets: Mapping[str, str], given: Iterator[bytes] | None) -> None:
        """Open the websockets, with which the command starts; `given` is all its input, None what is sent later."""
        try:
            websocket = self._root.operations[self._operation_id].websocket
            # Control first: Incus refuses it once a short command has ended.
            for fd in ("control", "0") if self._terminal else ("control", "0", "1", "2"):
                self._channels[fd] = websocket.open_websocket({"secret": secrets[fd]})
            self._thread(self._await_end)
            for fd, take in self._outputs.items():
                self._thread(self._drain, fd, take)
            if given is not None:
                self._thread(self._feed, given)
        except BaseException:
            self.give_up()  # the server kills a command whose control channel is gone
            raise

    def send(self, piece: bytes) -> None:
        """Send input, which is not empty. Raises ConnectionError when nothing takes it any more."""
        self._channels["0"].send(piece)

    def end_input(self, last: Iterable[bytes] = ()) -> None:
        """Say that no more input comes after the `last`; in a terminal type Ctrl-D."""
        try:
            for piece in last:
                self._channels["0"].send(piece)
            if self._terminal:
                self._channels["0"].send(END_OF_FILE)
            else:
                self._channels["0"].send_text("")
        except ConnectionError:
            pass  # it has ended

    def control(self, message: Mapping[str, Any]) -> None:
        """Send a message by the control channel. Nothing happens if the command has ended."""
        try:
            self._channels["control"].send_text(json.dumps(message))
        except ConnectionError:
            pass  # it has ended

    def kill(self) -> None:
        """Send the process a SIGKILL. Nothing happens if it has ended."""
        self.control({"command": "signal", "signal": SIGKILL})

    def is_handling(self) -> bool:
        """Return whether this thread hands on output: it cannot wait for an end that comes only after it."""
        return threading.current_thread() in self._takers

    def give_up(self) -> None:
        """Let go of it as it is, whatever it does."""
        with self._lock:
            if self._finished:
                return
            self._finished = True
            self.exit_code = None
            self.error = self.error or ClientConnectionFailed(
                f"the command in {self._instance} did not end when killed"
            )
        self._call.hang_up()
        self._finish(goodbye=False)

    def _thread(self, job: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=job, args=arguments, name=self._name, daemon=True).start()

    @property
    def _name(self) -> str:
        return f"lxdnb exec {self._instance}"

    def _drain(self, fd: str, take: Callable[[bytes], object]) -> None:
        self._takers.add(threading.current_thread())
        channel, ended = self._channels[fd], False
        while (message := channel.receive()) is not None:
            if isinstance(message, str):
                # The server's mark of the end is an empty text; it then closes the connection itself.
                ended = True
                break
            self._received[fd] += 1
            if self._rank != _Rank.CALLER and not self._finished:
                self._busy.add(fd)
                try:
                    take(message)
                except BaseException as error:  # the caller's: raised again in wait(), while the rest is drained
                    self._fail(error, _Rank.CALLER)
                self._busy.discard(fd)
        if self._terminal:
            channel.close()  # a terminal's session ends when its user has left
        if not (ended or channel.said_goodbye):
            self._fail(ClientConnectionFailed(f"the output of {self._instance} was cut off"), _Rank.LOST)
        self._one_has_ended()

    def _feed(self, given: Iterator[bytes]) -> None:
        try:
            for piece in given:
                try:
                    self._channels["0"].send(piece)
                except ConnectionError:
                    # The process has ended without reading it all, as `head` does: the server's side of this
                    # websocket closes no sooner. If it goes on, it was told of an end that is none.
                    if not self.done.wait(LINGER):
                        self._fail(ClientConnectionFailed(f"the input of {self._instance} was cut off"), _Rank.LOST)
                    return
            self.end_input()
        except BaseException as error:  # of whoever gave it
            self._fail(error, _Rank.CALLER)

    def _await_end(self) -> None:
        # Asked for early and kept waiting: the server forgets an operation 5 s after its end, however slow we read.
        try:
            record = api.wait_for_operation(self._root, self._operation_id, call=self._call)
            self.exit_code = int(record["metadata"]["return"])
        except BaseException as error:
            told = isinstance(error, LXDAPIException) and not isinstance(error, NotFound)
            self._fail(error, _Rank.SERVER if told else _Rank.LOST)
        self._call.close()
        self._one_has_ended()
        # The server has written all output by now. Where none comes although somebody reads, none will.
        before: dict[str, int] = {}
        while not self.done.wait(SILENCE):
            if self._received == before and not self._busy:
                self._fail(ClientConnectionFailed(f"the output of {self._instance} did not end"), _Rank.LOST)
            before = dict(self._received)

    def _fail(self, error: BaseException, rank: _Rank) -> None:
        """Note an error, of which the one that tells most is raised in the end, and see to it that there is an end.

        On Incus a command whose output nobody takes would run for ever.
        """
        with self._lock:
            if self._finished:
                return
            if rank > self._rank:
                self.error, self._rank = error, rank
            if self._watchdog is not None:
                return
            self._watchdog = threading.Timer(GRACE, self.give_up)
            self._watchdog.name, self._watchdog.daemon = self._name, True
            self._watchdog.start()
        self.kill()

    def _one_has_ended(self) -> None:
        with self._lock:
            self._open_ends -= 1
            if self._open_ends or self._finished:
                return
            self._finished = True
        self._finish(goodbye=True)

    def _finish(self, goodbye: bool) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        for channel in self._channels.values():
            channel.close(goodbye)
        self.done.set()
        self._ended()
