"""Running commands in an instance, and what their output becomes: text or bytes, kept whole or handed on."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lxdnb.models._model import Model
from lxdnb.streams import Exec

__all__ = ["ExecResult", "Output", "RunsCommands"]


class ExecResult(NamedTuple):
    """What a command gave: its exit code, and its output as str, or as bytes if it was asked for so."""

    exit_code: int
    stdout: Any
    stderr: Any


class Output:
    """Collects output, or decodes it piece by piece for a handler, in constant memory then."""

    def __init__(self, handler: Callable[[Any], object] | None, encoding: str, decode: bool) -> None:
        self._handler = handler
        self._pieces: list[bytes] = []
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
        whole = b"".join(self._pieces)
        return self._decoder.decode(whole, True) if self._decoder else whole


class RunsCommands(Model):
    """The part of an instance that runs commands."""

    def execute(
        self,
        commands: Sequence[str],
        environment: Mapping[str, str] | None = None,
        encoding: str | None = None,
        decode: bool = True,
        stdin_payload: str | bytes | Iterable[bytes] | None = None,
        stdin_encoding: str = "utf-8",
        stdout_handler: Callable[[Any], object] | None = None,
        stderr_handler: Callable[[Any], object] | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        """Run a command, wait for its end and return its exit code and output.

        `commands` is one command as a list of words; no shell is involved. Output is decoded as `encoding` (UTF-8),
        or bytes with `decode=False`. A handler is called with each piece of output as it comes; that output is then
        not kept, and its part of the result is empty. Interrupted, it sends the command a SIGINT.

        >>> client.instances.get("c1").execute(["sh", "-c", "echo $WHO; exit 3"], environment={"WHO": "me"})
        ExecResult(exit_code=3, stdout='me\\n', stderr='')

        Raises LXDAPIException when the instance is not running, OperationFailed when there is no such command.
        """
        payload = stdin_payload.encode(stdin_encoding) if isinstance(stdin_payload, str) else stdin_payload
        stdout = Output(stdout_handler, encoding or "utf-8", decode)
        stderr = Output(stderr_handler, encoding or "utf-8", decode)
        running = self.start_command(
            commands,
            environment=environment,
            stdin=payload,
            on_stdout=stdout.take,
            on_stderr=stderr.take,
            user=user,
            group=group,
            cwd=cwd,
        )
        try:
            exit_code = running.wait()
        except KeyboardInterrupt:
            running.signal(2)
            raise
        return ExecResult(exit_code, stdout.end(), stderr.end())

    def start_command(self, command: Sequence[str], **options: Any) -> Exec:
        """Run a command and return at once with the running `Exec`, which takes the same `options`."""
        return Exec(self.client.api, self._name, command, **options)
