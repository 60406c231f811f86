"""A command in an instance: its websockets, opened in the order that servers want, and drained to their end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lxdnb import api
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIException, OperationTimeout
from lxdnb.transport import Channel

CHUNK = 64 * 1024  # bytes of standard input in one message


class Exec:
    """A command running in an instance.

    Created, it runs. `on_stdout` and `on_stderr` are called with each piece of output, bytes of any
    length, each from a thread of its own and in order. `stdin` is bytes, a file that is open for bytes, or an iterable
    of bytes, read by a thread of its own; None is an empty input. It ends when the process has ended
    and all its output has been handed on.

    >>> pieces = []
    >>> running = Exec(client.api, "c1", ["sh", "-c", "echo hello"], on_stdout=pieces.append)
    >>> running.wait()
    0
    >>> pieces
    [b'hello\\n']

    Raises LXDAPIException when the server refuses, as for a stopped instance.
    """

    def __init__(
        self,
        root: api.APINode,
        instance: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: bytes | Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
    ) -> None:
        self._root = root
        self.instance = instance
        self.command = _words(command)
        request: dict[str, Any] = {
            "command": self.command,
            "environment": {str(key): str(value) for key, value in (environment or {}).items()},
            "wait-for-websocket": True,
            "interactive": False,
        }
        optional = {"user": user, "group": group, "cwd": cwd}
        request |= {key: value for key, value in optional.items() if value is not None}
        answer = root.instances[instance].exec.post(json=request).json()
        self.operation_id = api.operation_id(answer["operation"])
        secrets: dict[str, str] = answer["metadata"]["metadata"]["fds"]

        self._done = threading.Event()
        self._error: BaseException | None = None
        self._exit_code: int | None = None
        self._channels: dict[str, Channel] = {}
        try:
            # Control first: Incus refuses it once a short command has ended.
            for fd in ("control", "0", "1", "2"):
                node = root.operations[self.operation_id].websocket
                self._channels[fd] = node.open_websocket({"secret": secrets[fd]})
        except BaseException:
            self._close()
            raise

        jobs: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (self._await_end, ()),
            (self._drain, (self._channels["1"], on_stdout)),
            (self._drain, (self._channels["2"], on_stderr)),
        ]
        # The input does not count among those that must end: nobody can interrupt a read of somebody's iterator.
        self._open_ends = len(jobs)
        if stdin is None:
            self._feed(b"")
        else:
            jobs.append((self._feed, (stdin,)))
        self._lock = threading.Lock()
        for job, arguments in jobs:
            threading.Thread(target=job, args=arguments, name=f"lxdnb exec {instance}", daemon=True).start()

    def __repr__(self) -> str:
        state = "running" if self.exit_code is None else f"exit code {self.exit_code}"
        return f"<Exec {self.command[0]!r} in {self.instance!r}: {state}>"

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the command runs, and when it never got to run."""
        return self._exit_code if self._done.is_set() else None

    @property
    def done(self) -> bool:
        """Whether the command and its output have ended."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises OperationFailed when the command could not be run, OperationTimeout after `timeout` seconds (the
        command goes on), ClientConnectionFailed when the server was lost meanwhile, and what a handler raised.
        """
        if not self.join(timeout):
            raise OperationTimeout(self.operation_id, timeout or 0, {"description": f"the command {self.command[0]!r}"})
        if self._error is not None:
            raise self._error
        assert self._exit_code is not None
        return self._exit_code

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds, and return whether it has come."""
        return self._done.wait(timeout)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send the process a signal. Nothing happens if it has ended."""
        try:
            self._channels["control"].send_text(json.dumps({"command": "signal", "signal": int(number)}))
        except ConnectionError:
            pass

    def _drain(self, channel: Channel, handler: Callable[[bytes], object] | None) -> None:
        ended = False
        while (message := channel.receive()) is not None:
            if isinstance(message, str):
                # The server's mark of the end is an empty text; it then closes the connection itself.
                ended = True
                break
            if handler is not None and self._error is None:
                try:
                    handler(message)
                except BaseException as error:  # the caller's: raised again in wait(), while the rest is drained
                    self._error = error
        ended = ended or channel.said_goodbye
        self._one_has_ended(None if ended else ClientConnectionFailed(f"the output of {self.instance} was cut off"))

    def _feed(self, stdin: Any) -> None:
        channel = self._channels["0"]
        try:
            for piece in _pieces(stdin):
                for start in range(0, len(piece), CHUNK):
                    channel.send(piece[start : start + CHUNK])
            channel.send_text("")
        except ConnectionError:
            pass  # the process has ended without reading it all, as `head` does
        except BaseException as error:
            self._error = self._error or error
            self.signal(signal.SIGKILL)

    def _await_end(self) -> None:
        # Asked for early and kept waiting: the server forgets an operation 5 s after its end, however slow we read.
        error: BaseException | None = None
        try:
            record = api.wait_for_operation(self._root, self.operation_id)
            self._exit_code = int(record["metadata"]["return"])
        except BaseException as failure:
            error = failure
            if isinstance(failure, ClientConnectionFailed):
                self._close()  # else the readers would wait for a server that is gone
        self._one_has_ended(error)

    def _one_has_ended(self, error: BaseException | None) -> None:
        with self._lock:
            # What the operation says tells more than that a stream was cut.
            if error is not None and (self._error is None or isinstance(error, LXDAPIException)):
                self._error = error
            self._open_ends -= 1
            if self._open_ends:
                return
        self._close()
        self._done.set()

    def _close(self) -> None:
        for channel in self._channels.values():
            channel.close()


def _words(command: Sequence[str]) -> list[str]:
    # A str is a sequence of words too, of one letter each: a slip that no type tells.
    given: Any = command
    words: list[Any] = [] if given is None or isinstance(given, str) else list(given)
    if not words or not all(isinstance(word, str) for word in words):
        raise TypeError(f'a command is a list of words, as in ["ls", "-l"], not {command!r}')
    return words


def _pieces(stdin: Any) -> Iterable[bytes]:
    if isinstance(stdin, bytes | bytearray | memoryview):
        return [bytes(stdin)]
    if hasattr(stdin, "read"):
        return iter(lambda: stdin.read(CHUNK), b"")
    return stdin
