"""Redirections: files put in the place of others, for as long as a command runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Open, Pipe, PipeEnd, Steps
from lxdnb.sandbox.nodes import FileError
from lxdnb.sandbox.shell.expansion import text_of
from lxdnb.sandbox.shell.syntax import Redirect

if TYPE_CHECKING:
    from lxdnb.sandbox.shell.interpreter import Shell

__all__ = ["Redirected"]


class Redirected:
    """What was redirected, and what was there before."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._before: list[tuple[int, Open | None]] = []

    def apply(self, redirects: tuple[Redirect, ...]) -> Steps[None]:
        """Redirect. Raises FileError, once it has said why."""
        for redirect in redirects:
            text = yield from text_of(self._shell, redirect.word)
            try:
                self._one(redirect, text)
            except FileError as error:
                self.undo()
                makes = redirect.operator in (">", ">>", ">|", "<>")
                what = "create" if makes else "open"
                why = error.text
                if error.word == "ENOENT":
                    why = "nonexistent directory" if makes else "no such file"
                elif error.word == "EBADF":
                    yield from self._shell.complain(f"{text}: bad file descriptor")
                    raise
                yield from self._shell.complain(f"can't {what} {text}: {why}")
                raise

    def _one(self, redirect: Redirect, text: str) -> None:
        process, number = self._shell.process, redirect.number
        file: Open | None
        if redirect.operator == "<<":
            data = text.encode(errors="surrogateescape")
            pipe = Pipe(max(65_536, len(data)))
            file = PipeEnd(pipe, "r")
            pipe.put(data)
        elif redirect.operator in (">&", "<&"):
            if text == "-":
                file = None
            elif text.isdecimal() and int(text) in process.files:
                file = process.files[int(text)].hold()
            else:
                raise FileError("EBADF")
        elif redirect.operator == "<":
            file = process.open(text)
        else:
            append = redirect.operator == ">>"
            file = process.open(text, write=True, append=append, truncate=redirect.operator in (">", ">|"))
        before = process.files.pop(number, None)
        self._before.append((number, before))
        if file is not None:
            process.files[number] = file

    def keep(self) -> None:
        """Have it stay so."""
        before, self._before = self._before, []
        for _, file in before:
            if file is not None:
                file.let_go()

    def undo(self) -> None:
        before, self._before = self._before, []
        process = self._shell.process
        for number, file in reversed(before):
            process.drop(number)
            if file is not None and process.status is None:
                process.files[number] = file
            elif file is not None:
                file.let_go()
