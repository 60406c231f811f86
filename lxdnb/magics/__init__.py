"""`%lxd` and `%%lxd`: a line is parsed, one function is called, and its value handed on.

An error of the magic's own is one line in the cell, which fails; an error in a `{{expression}}` of the person's keeps
its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)

from lxdnb.client import Client
from lxdnb.display import visible
from lxdnb.exceptions import ClientConnectionFailed, LXDError
from lxdnb.finding import choose, chosen, connect
from lxdnb.magics import commands
from lxdnb.magics._tables import show_frames
from lxdnb.magics.grammar import GrammarError, Help, parse

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["LXDMagics", "MagicError", "register", "use"]


class MagicError(Exception):
    """What a `%lxd` line failed with, for a person to read. `__cause__` is the error behind it."""

    def _render_traceback_(self) -> list[str]:
        return [f"%lxd: {visible(self, keep=chr(10))}"]


@magics_class
class LXDMagics(Magics):
    """The `%lxd` line magic and the `%%lxd` cell magic of a shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The server of `%lxd`: what `use` or `connect("auto")` chose last, else the one of `lxdnb.connect()`."""
        if (client := chosen()) is not None:
            return client
        if self._client is None:
            self._client = connect()
        return self._client

    # Unexpanded, so that $HOME and {print $1} reach the container as they were typed.
    @no_var_expand
    @needs_local_scope
    @output_can_be_silenced
    @line_cell_magic
    def lxd(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Do with LXD or Incus what `lxc` and `incus` do, from a cell. `%lxd` alone lists the verbs."""

        shell: Any = self.shell

        def evaluate(expression: str) -> object:
            # One scope: in two, what an expression defines inside, as a comprehension does, sees no local.
            return eval(expression, {**shell.user_ns, **(local_ns or {})})

        try:
            request = parse(line, evaluate, cell=cell is not None)
        except Help as text:
            print(text)
            return None
        except GrammarError as error:
            raise MagicError(str(error)) from error
        try:
            if cell is None:
                value = commands.VERBS[request.verb](self.client, request.options)
            elif request.verb == "exec":
                value = commands.run_exec(self.client, request.options, script=cell)
            else:
                raise GrammarError(f"%%lxd {request.verb} takes no cell: only %%lxd exec runs one; write %lxd")
        except ClientConnectionFailed as error:
            raise MagicError(str(error)) from error
        except (LXDError, ValueError) as error:
            raise MagicError(" ".join(str(error).split())) from error
        if request.target is None:
            return value
        shell.user_ns[request.target] = value
        return None


def use(client: Client) -> None:
    """Have `%lxd` and `%%lxd` talk to this client's server, in its project: a remote's or a sandbox's, say.

    >>> from lxdnb import magics
    >>> magics.use(lxdnb.connect("sandbox:"))
    """
    choose(client)


def register(shell: InteractiveShell) -> None:
    """Add `%lxd` and `%%lxd` to a shell, and the table in which it shows frames that are lxdnb's."""
    shell.register_magics(LXDMagics)
    show_frames(shell)
