"""A command in an instance, and the end of its output as it comes.

The threads that read the output only append it; it is made readable when the screen is due.
"""

from __future__ import annotations

import shlex
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from lxdnb.display import escaped, visible
from lxdnb.widgets._panel import FONT, GREEN, MUTED, RED, Screen, View, head_html
from lxdnb.widgets._tail import Tail

if TYPE_CHECKING:
    from lxdnb.models.instance import Instance
    from lxdnb.streams import Exec, Stdin

__all__ = ["ExecPanel"]


class ExecPanel:
    """A command that runs in an instance, shown with the last `lines` of its output (at most 128 KiB of it).

    It runs from the moment it is made, shown or not, and takes what `Instance.start_command` takes but handlers.
    Lines of standard error are red. Colours and cursor movements of the output are left out, of a line that was
    rewritten (a progress bar) the last state is shown, other control characters are made visible.

    >>> panel = ExecPanel(client.instances.get("c1"), ["sh", "-c", "echo hello; exit 3"])
    >>> panel.wait()
    3
    >>> panel.text
    'hello'

    As the last expression of a cell it is displayed, and goes on being updated while other cells run. Its Stop button
    sends SIGTERM, and SIGKILL at the second click. While a cell runs, a click waits for the cell's end, as all clicks
    on widgets do: interrupt a cell that waits, then stop the command. The command does not end with the panel: it runs
    on until its own end, or the kernel's.

    Raises LXDAPIException when the server refuses, as for an instance that is not running.
    """

    def __init__(
        self,
        instance: Instance,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: Stdin | int | None = None,
        user: int | None = None,
        group: int | None = None,
        cwd: str | None = None,
        lines: int = 1000,
    ) -> None:
        self._lock = threading.Lock()
        self._tail = Tail(lines)
        self._seconds: float | None = None
        self._state, self._colour = time.strftime("running since %H:%M:%S"), MUTED
        self._screen = Screen(self._render, self._tools)
        self._clicks = 0
        self._started = time.monotonic()
        self.exec: Exec = instance.start_command(
            command,
            environment=environment,
            stdin=stdin,
            on_stdout=self._taker(False),
            on_stderr=self._taker(True),
            user=user,
            group=group,
            cwd=cwd,
        )
        """The running command."""
        threading.Thread(target=self._await_end, name=f"lxdnb panel {self.exec.instance}", daemon=True).start()

    def __repr__(self) -> str:
        return f"<ExecPanel {shlex.join(self.exec.command)!r} in {self.exec.instance!r}: {self._state}>"

    def __str__(self) -> str:
        return self._render().text

    def _ipython_display_(self) -> None:
        self._screen.display()

    @property
    def text(self) -> str:
        """The lines that are shown."""
        with self._lock:
            lines = self._tail.lines(self._seconds is not None)
        return "\n".join(visible(line.text, keep="\t") for line in lines)

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the command runs, and when it never got to run."""
        return self.exec.exit_code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code. Interrupting the wait leaves the command running.

        Raises OperationFailed when the command could not be run, OperationTimeout after `timeout` seconds (the
        command goes on), ClientConnectionFailed when the server was lost meanwhile.
        """
        try:
            return self.exec.wait(timeout, interrupt=None)
        finally:
            if self.exec.done:
                self._finish()  # not left to the thread, so that this cell already shows the end

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send the command a signal. Nothing happens if it has ended."""
        self.exec.signal(number)

    def _taker(self, is_error: bool) -> Callable[[bytes], None]:
        def take(piece: bytes) -> None:
            with self._lock:
                self._tail.feed(piece, is_error)
                self._screen.touch()  # at once: who sees the piece at the end of a cell finds it saved with it

        return take

    def _await_end(self) -> None:
        self.exec.join()
        self._finish()

    def _finish(self) -> None:
        with self._lock:
            if self._seconds is None:
                self._seconds = time.monotonic() - self._started
                try:
                    code = self.exec.wait()
                    self._state = f"exit code {code} after {self._seconds:.1f} s"
                    self._colour = RED if code else GREEN
                except Exception as error:  # whatever it is, it is what the command came to
                    self._state, self._colour = str(error), RED
        self._screen.end()  # also where another thread is about to: the cell that waited may end before it does

    def _render(self) -> View:
        with self._lock:
            lines, dropped = self._tail.lines(self._seconds is not None), self._tail.dropped
            state, colour = self._state, self._colour
        command = " ".join(shlex.join(self.exec.command).split())  # a script of many lines, as one
        note = f"… {dropped:,} earlier lines are not shown" if dropped else ""
        shown = [escaped(line.text, keep="\t") for line in lines]
        body = "\n".join(
            f'<span style="color:{RED}">{html}</span>' if line.is_error else html
            for line, html in zip(lines, shown, strict=True)
        )
        pre = f'<pre style="margin:0;padding:0;white-space:pre-wrap;word-break:break-word;{FONT}">'
        faint = f'<span style="color:{MUTED}">{note}</span>\n' if note else ""
        text = [visible(f"{self.exec.instance}: {command}  [{state}]"), *([note] if note else [])]
        text += [visible(line.text, keep="\t") for line in lines]
        head = head_html(self.exec.instance, command, state, colour)
        return View(head, f"{pre}{faint}{body}</pre>", "\n".join(text))

    def _tools(self) -> list[Any]:
        button = ipywidgets.Button(
            description="Stop",
            tooltip="Send SIGTERM; click again for SIGKILL",
            layout={"width": "auto", "flex": "none", "margin": "0 0 0 8px"},
        )
        button.on_click(self._stop)
        return [button]

    def _stop(self, button: Any) -> None:
        self._clicks += 1
        if self._clicks == 1:
            self.signal(signal.SIGTERM)
        else:
            self.exec.kill()
        button.description = "Kill"
