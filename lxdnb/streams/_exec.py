"""A command that runs in an instance: its output as it comes, its input as one writes it, and its end."""

from __future__ import annotations

import signal
import subprocess
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from lxdnb import api, checks
from lxdnb.exceptions import OperationTimeout
from lxdnb.streams._lines import Lines
from lxdnb.streams._request import exec_request
from lxdnb.streams._session import GRACE, Session
from lxdnb.streams._stdin import Encoder, pieces

__all__ = ["Exec", "Stdin"]

Stdin = str | bytes | bytearray | memoryview | IO[str] | IO[bytes] | Iterable[str] | Iterable[bytes]
"""What can be a command's input."""


class Exec:
    """A command running in an instance.

    Created, it runs. Its output is taken line by line, as it comes:

    >>> with client.instances.get("c1").start_command(["sh", "-c", "echo one; echo two"]) as running:
    ...     for line in running:
    ...         print(line, end="")
    one
    two
    >>> running.exit_code
    0

    The loop ends with the command, and leaving the block ends a command that still runs. One whose lines nobody takes
    has to wait, once there is a megabyte of them. Or give `on_stdout` and `on_stderr`: they are called with each piece
    of output, bytes of any length, each from a thread of its own and in order. What a command says on standard error
    is dropped where there is no `on_stderr`.

    `stdin` is its whole input: str, bytes, a file, or an iterable of str or bytes, read by a thread of its own; None
    is an empty one. With `subprocess.PIPE` it is written step by step:

    >>> import subprocess
    >>> with client.instances.get("c1").start_command(["cat"], stdin=subprocess.PIPE) as running:
    ...     running.write("hello\\n")
    ...     running.close_stdin()
    ...     list(running)
    ['hello\\n']

    With `interactive` it runs in a terminal of `width` columns and `height` lines: what is written is typed there, and
    what is shown there is its only output. LXD 5.0 at times loses that of a command that ends at once. What is str
    here is bytes there in `encoding`.

    Raises LXDAPIException when the server refuses, as for a stopped instance; TypeError, ValueError or LookupError
    for what cannot be an argument, before anything is sent.
    """

    def __init__(
        self,
        root: api.APINode,
        instance: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: Stdin | int | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
        encoding: str = "utf-8",
        interactive: bool = False,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        request = exec_request(
            command, environment, user, group, cwd, interactive=interactive, width=width, height=height
        )
        for handler in (on_stdout, on_stderr):
            if handler is not None and not callable(handler):
                raise TypeError(f"a handler is a function that takes output, not {handler!r}")
        if interactive and on_stderr is not None:
            raise ValueError("a terminal has one output: leave out on_stderr")
        self._lines = Lines(encoding)
        # What is typed into a terminal comes as a rule from a person: None is nothing yet, not nothing at all.
        self._writable = _is_pipe(stdin) or (interactive and stdin is None)
        given = None if self._writable or stdin is None else pieces(stdin, encoding)

        self.instance = instance
        self.command: list[str] = request["command"]
        self._encoder = Encoder(encoding)
        self._interactive = interactive
        self._iterable = on_stdout is None
        self._input_closed = False
        outputs = {"0" if interactive else "1": on_stdout or self._lines.put}
        if not interactive:
            outputs["2"] = on_stderr or _dropped
        answer = root.instances[instance].exec.post(json=request).json()
        self.operation_id = api.operation_id(answer["operation"])
        self._session = Session(root, instance, self.operation_id, outputs, self._lines.end, interactive)
        self._session.start(answer["metadata"]["metadata"]["fds"], given)
        if given is None and not self._writable:
            self._session.end_input()
        # The threads know the lines and not this: lines that nobody can take any more hold up nothing.
        weakref.finalize(self, self._lines.discard).atexit = False

    def __repr__(self) -> str:
        ended = "failed" if self.exit_code is None else f"exit code {self.exit_code}"
        state = ended if self.done else "running"
        return f"<Exec {self.command[0]!r} in {self.instance!r}: {state}>"

    def __enter__(self) -> Exec:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        """Yield each line of output with the newline at its end, the last perhaps without; very long ones in parts.

        It ends when the command has ended, and raises then what `wait` would. A loop that was left can be taken up
        again. Interrupted (Ctrl-C) while it waits for a line, it sends the command a SIGINT.
        """
        if not self._iterable:
            raise ValueError("its output goes to on_stdout: leave that out to take lines")
        return self._each_line()

    def _each_line(self) -> Iterator[str]:
        try:
            yield from self._lines
        except KeyboardInterrupt:
            self.signal(signal.SIGINT)
            raise
        except ValueError:  # lines were let go, perhaps since all was given up
            if self._session.error is None:
                raise
        if self._session.error is not None:
            raise self._session.error

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the command runs, and when it never got to run or its end was not seen."""
        return self._session.exit_code if self._session.done.is_set() else None

    @property
    def done(self) -> bool:
        """Whether the command and its output have ended."""
        return self._session.done.is_set()

    def wait(self, timeout: float | None = None, *, interrupt: int | None = signal.SIGINT) -> int:
        """Wait for the end and return the exit code.

        Interrupted (Ctrl-C, a notebook's Stop), it sends the command the signal `interrupt`, if it is not None.
        Lines that nobody takes hold up nothing meanwhile: what is too much to keep is let go.

        Raises OperationFailed when the command could not be run, OperationTimeout after `timeout` seconds (the
        command goes on), ClientConnectionFailed when the server was lost meanwhile, and what a handler or the input
        raised; the command was then killed. RuntimeError in a handler of its own output, which has no end before that
        returns.
        """
        if interrupt is not None:
            checks.whole_number("interrupt", interrupt, 1)
        try:
            ended = self.join(timeout)
        except KeyboardInterrupt:
            if interrupt is not None:
                self.signal(interrupt)
            raise
        if not ended:
            raise OperationTimeout(self.operation_id, timeout or 0, {"description": f"the command {self.command[0]!r}"})
        if self._session.error is not None:
            raise self._session.error
        assert self._session.exit_code is not None
        return self._session.exit_code

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds, and return whether it has come.

        Raises RuntimeError as `wait` does.
        """
        if timeout is not None:
            timeout = min(checks.seconds("timeout", timeout), threading.TIMEOUT_MAX)
        if self._session.is_handling():
            raise RuntimeError("a handler cannot wait for the end of the command whose output it takes")
        self._lines.waits(1)
        try:
            return self._session.done.wait(timeout)
        finally:
            self._lines.waits(-1)

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Write to the command's input; wait where it does not read. Interrupted meanwhile, the input ends there.

        Raises BrokenPipeError when it has ended, ValueError when its input is closed or was given as a whole.
        """
        if not self._writable:
            raise ValueError("its input was given: start it with stdin=subprocess.PIPE to write")
        if self._input_closed:
            raise ValueError("its input is closed")
        try:
            for piece in self._encoder.pieces(data):
                self._session.send(piece)
        except ConnectionError:
            raise BrokenPipeError(f"{self.command[0]!r} in {self.instance} reads no more") from None

    def close_stdin(self) -> None:
        """End the command's input. In a terminal, type Ctrl-D, which does so at the beginning of a line."""
        if not self._writable:
            raise ValueError("its input was given, and ends by itself")
        if not self._input_closed:
            self._input_closed = not self._interactive
            self._session.end_input(() if self._interactive else self._encoder.end())

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send the process a signal. Nothing happens if it has ended."""
        self._session.control({"command": "signal", "signal": checks.whole_number("a signal", number, 1)})

    def kill(self) -> None:
        """Send the process a SIGKILL. Nothing happens if it has ended."""
        self._session.kill()

    def resize(self, width: int, height: int) -> None:
        """Give its terminal another size, in columns and lines. Raises ValueError where it has none."""
        sizes = {name: checks.whole_number(name, size, 1) for name, size in (("width", width), ("height", height))}
        if not self._interactive:
            raise ValueError("it has no terminal: start it with interactive=True")
        self._session.control({"command": "window-resize", "args": {name: str(size) for name, size in sizes.items()}})

    def close(self) -> None:
        """Kill the command if it runs, and wait for its end; after a few seconds without, let go of it.

        In a handler of its output it does not wait.
        """
        self._lines.discard()
        if not self._session.done.is_set():
            self.kill()
            if not self._session.is_handling() and not self.join(GRACE):
                self._session.give_up()


def _is_pipe(stdin: Any) -> bool:
    return isinstance(stdin, int) and not isinstance(stdin, bool) and stdin == subprocess.PIPE


def _dropped(_: bytes) -> None:
    pass
