"""Running commands in an instance, and what their output becomes: text or bytes, kept whole or handed on."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from lxdnb import checks
from lxdnb.exceptions import CommandTimeout, OperationTimeout
from lxdnb.models._model import Model
from lxdnb.streams import Exec, Stdin, exec_request

__all__ = ["ExecResult", "Output", "RunsCommands"]


class ExecResult(NamedTuple):
    """What a command gave: its exit code, and its output as str, or as bytes if it was asked for so."""

    exit_code: int
    stdout: Any
    stderr: Any


class Output:
    """Collects output, or decodes it piece by piece for a handler, in constant memory then."""

    def __init__(self, handler: Callable[[Any], object] | None, encoding: str, decode: bool) -> None:
        if handler is not None and not callable(handler):
            raise TypeError(f"a handler is a function that takes output, not {handler!r}")
        self._handler = handler
        self._pieces: list[bytes] = []
        if decode:
            b"x".decode(encoding, "replace")  # there are codecs that make no text
        # Incremental: a character may be split between two pieces.
        self._decoder = codecs.getincrementaldecoder(encoding)("replace") if decode else None

    def take(self, piece: bytes, final: bool = False) -> None:
        if self._handler is None:
            self._pieces.append(piece)
            return
        text = self._decoder.decode(piece, final) if self._decoder else piece
        if text:
            self._handler(text)

    def end(self) -> str | bytes:
        if self._handler is not None:
            self.take(b"", final=True)
        return self.kept()

    def kept(self) -> str | bytes:
        """Return what was collected; nothing where a handler takes it."""
        whole = b"".join(self._pieces)
        if self._decoder is None:
            return whole
        return "" if self._handler is not None else self._decoder.decode(whole, True)


class RunsCommands(Model):
    """The part of an instance that runs commands."""

    def execute(
        self,
        commands: Sequence[str],
        environment: Mapping[str, str] | None = None,
        encoding: str | None = None,
        decode: bool = True,
        stdin_payload: Stdin | None = None,
        stdin_encoding: str = "utf-8",
        stdout_handler: Callable[[Any], object] | None = None,
        stderr_handler: Callable[[Any], object] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
        *,
        timeout: float | None = None,
    ) -> ExecResult:
        """Run a command, wait for its end and return its exit code and output.

        `commands` is one command as a list of words; no shell is involved. Its input is `stdin_payload`: str, bytes, a
        file, or an iterable of str or bytes; None is an empty one. Output is decoded as `encoding` (UTF-8),
        or bytes with `decode=False`. A handler is called with each piece of output as it comes; that output is then
        not kept, and its part of the result is empty. Interrupted (Ctrl-C), it sends the command a SIGINT.
        Where there is no folder `cwd`, servers run the command in `/` and say nothing of it.

        >>> client.instances.get("c1").execute(["sh", "-c", "echo $WHO; exit 3"], environment={"WHO": "me"})
        ExecResult(exit_code=3, stdout='me\\n', stderr='')
        >>> try:
        ...     client.instances.get("c1").execute(["sh", "-c", "echo so far; exec sleep 60"], timeout=3)
        ... except lxdnb.CommandTimeout as error:
        ...     error.stdout
        'so far\\n'

        Raises LXDAPIException when the instance is not running, OperationFailed when there is no such command,
        CommandTimeout when it does not end within `timeout` seconds, ClientConnectionFailed when the server is lost,
        and what a handler or the input raises; the command is then killed. TypeError, ValueError or LookupError
        for what cannot be an argument, before anything is sent.
        """
        started = time.monotonic()
        if timeout is not None:
            checks.seconds("timeout", timeout)
        stdout = Output(stdout_handler, encoding or "utf-8", decode)
        stderr = Output(stderr_handler, encoding or "utf-8", decode)
        running = self.start_command(
            commands,
            environment=environment,
            stdin=_given(stdin_payload),
            on_stdout=stdout.take,
            on_stderr=stderr.take,
            user=user,
            group=group,
            cwd=cwd,
            encoding=stdin_encoding,
        )
        try:
            exit_code = running.wait(None if timeout is None else max(0.0, started + timeout - time.monotonic()))
        except OperationTimeout as late:
            if timeout is None or late.operation_id != running.operation_id:
                raise  # a handler's own
            running.close()
            raise CommandTimeout(self._name, running.command, timeout, stdout.kept(), stderr.kept()) from None
        return ExecResult(exit_code, stdout.end(), stderr.end())

    def start_command(
        self,
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
    ) -> Exec:
        """Run a command and return at once with the running `Exec`, to talk with: see there.

        >>> with client.instances.get("c1").start_command(["sh"], interactive=True, width=80, height=24) as shell:
        ...     shell.write("stty size\\n")
        ...     "24 80\\r\\n" in shell
        True
        """
        return Exec(
            self.client.api,
            self._name,
            command,
            environment=environment,
            stdin=stdin,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            user=user,
            group=group,
            cwd=cwd,
            encoding=encoding,
            interactive=interactive,
            width=width,
            height=height,
        )

    def raw_interactive_execute(
        self,
        commands: Sequence[str],
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
    ) -> dict[str, str]:
        """Run a command in a terminal, for somebody else to connect to, and return where: `ws` and `control`.

        These are the paths of two websockets, with the secrets that open them, and last five seconds: then the server
        gives up unless both are connected. `start_command(…, interactive=True)` does all of it.

        >>> sorted(client.instances.get("c1").raw_interactive_execute(["sh"]))
        ['control', 'ws']
        """
        request = exec_request(commands, environment, user, group, cwd, interactive=True)
        answer = self.api.exec.post(json=request).json()
        secrets: dict[str, str] = answer["metadata"]["metadata"]["fds"]
        websocket = answer["operation"].partition("?")[0] + "/websocket"
        return {
            name: f"{websocket}?{urlencode({'secret': secrets[fd]})}"
            for name, fd in (("ws", "0"), ("control", "control"))
        }


def _given(payload: Any) -> Any:
    # A number is no input here, not even that of subprocess.PIPE: nobody could write.
    if isinstance(payload, int):
        raise TypeError(f"an input is str, bytes, a file, or an iterable of str or bytes, not {payload!r}")
    return payload
