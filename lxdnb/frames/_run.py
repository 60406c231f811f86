"""One command in many instances, one row each: whatever becomes of one of them stands in its row.

Output is kept to a bound and read to its end, so that no instance fills the memory of who asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lxdnb import api, checks
from lxdnb.exceptions import LXDError, OperationFailed
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column, Record
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._filter import And, parse
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._progress import teller
from lxdnb.frames._rows import Rows, Thing, rows_of, view_of
from lxdnb.frames._servers import Clients, marked, named
from lxdnb.frames._together import Turn, together
from lxdnb.streams import Exec, Stdin, exec_request, pieces

__all__ = ["run"]

KEPT = 1_000_000  # bytes of each output of each instance
PATIENCE = 6.0  # seconds beyond its own that a command has to begin and, killed, to end
RUNNING = "status eq Running or status eq Ready"  # as newer servers call one that has said itself that it is

RAN = (
    Column("project"),
    Column("name"),
    Column("exit_code", "Int64"),
    Column("stdout"),
    Column("stderr"),
    Column("seconds", "Float64", unit="seconds"),
    Column("error", what="why it did not run to its end; NA where it did"),
)


def run(
    on: Clients | pd.DataFrame,
    command: str | Sequence[str],
    *,
    where: str | None = None,
    all_projects: bool = False,
    client: Clients | None = None,
    parallel: int = 16,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: Stdin | None = None,
    user: int | None = None,
    group: int | None = None,
    cwd: str | None = None,
    kept: int = KEPT,
    progress: bool | Callable[[int, int], object] = True,
) -> pd.DataFrame:
    """Run a command in many instances, and return what each said, one row each.

    `on` is a client, or several as for `instances`: the command runs in the running instances, of those in the running
    ones that `where` names. Or it is a frame of instances: it runs in those of its rows, as they stand now, by the
    clients that the frame was asked of, or by `client`.

    `command` is a list of words, and no shell is involved; or a str, which is given to `sh -c` there, with its pipes,
    globs and `$HOME`. The others are as for `Instance.execute`; `stdin` is read once, and is the input of each.
    `parallel` are run at a time on each server.

    | column | dtype | |
    |---|---|---|
    | server, project, name | string | which instance; `server` where several were asked |
    | exit_code | Int64 | NA where it did not run to its end |
    | stdout, stderr | string | as UTF-8, the first `kept` bytes of each; `attrs` names those that said more |
    | seconds | Float64 | from the request to the end; NA where it was not begun |
    | error | string | why it did not run to its end, NA where it did, with whatever exit code |

    No failure stops the others, and none is raised: an instance that has stopped or is gone, no such command, a
    server that is lost, a command that takes longer than `timeout` seconds and is killed: each stands in its row.
    `progress` shows a line in a terminal or notebook; or is a function that is told how many have ended, and of how
    many.

    An interrupt (Ctrl-C, a notebook's Stop) kills what runs, begins no more, and returns what there is: the others'
    error is `interrupted`, and `attrs` says so too. Killed is the command itself; what it has started in turn may run
    on, as with `lxc exec`.

    Raises TypeError and ValueError for what cannot be an argument or a condition, and for a frame whose rows are no
    instances, before anything is sent; ClientConnectionFailed where a sole server is lost before anything is run.

    >>> ran = frames.run(lx, "grep -c processor /proc/cpuinfo; exit 3")
    >>> ran[["name", "exit_code", "error"]]
      name  exit_code error
    0   c1          3  <NA>
    >>> frames.run(ran[ran["exit_code"] != 0], ["hostname"])["stdout"].tolist()
    ['c1\\n']
    """
    words = ["sh", "-c", checks.text("a command", command)] if isinstance(command, str) else command
    words = exec_request(words, environment, user, group, cwd)["command"]
    checks.whole_number("parallel", parallel, 1)
    checks.whole_number("kept", kept, 0)
    if timeout is not None:
        checks.seconds("timeout", timeout)
    line = teller(progress, "ended")
    given = None if stdin is None else b"".join(pieces(stdin, "utf-8"))

    rows, servers, failed, said = _chosen(on, where, all_projects, client)
    roots = _roots(rows)
    how = _How(words, environment, given, user, group, cwd, timeout, kept)
    tasks = [_Command(thing.server, thing, roots[thing.server, thing.keys["project"]], how) for thing in rows.things]
    patience = None if timeout is None else timeout + PATIENCE
    with line as told:
        turns, interrupted = together(tasks, parallel, patience=patience, told=told)
    records = [_record(task, turn, timeout) for task, turn in zip(tasks, turns, strict=True)]
    said += [word for task in tasks for word in task.cut()]
    if interrupted:
        done = sum(turn.record is not None and not task.stopped for task, turn in zip(tasks, turns, strict=True))
        said.append(f"interrupted when {done:,} of {len(tasks):,} had ended")
    return build("run", RAN, records, clients=servers, failed=failed, words=said)


def _chosen(
    on: Clients | pd.DataFrame, where: str | None, all_projects: bool, client: Clients | None
) -> tuple[Rows, Mapping[str, Any], dict[str, str], list[str]]:
    """Return the instances to run it in, the clients asked, what could not be told, and words on that."""
    if isinstance(on, pd.DataFrame):
        if where is not None or all_projects:
            raise ValueError("where and all_projects choose from a server's instances: of a frame, give the rows")
        view = view_of(on)
        if view not in (None, "instances"):
            raise ValueError(f"a command runs in instances, and the rows of this frame are {view}")
        rows = rows_of(on, INSTANCES.keys, "instances", client)
        return rows, rows.clients, {}, []
    if client is not None:
        raise ValueError("client is for a frame, which may not know its own: clients are given first")
    clients = named(on)
    running = parse(RUNNING)
    condition = str(running if where is None else And((running, parse(where))))
    asked = clients.get("", clients)
    frame = frame_of(INSTANCES, asked, ["project", "name"], condition, all_projects=all_projects)
    mark: dict[str, Any] = marked(frame)
    return rows_of(frame, INSTANCES.keys, "instances"), clients, mark["failed"], mark["words"]


def _roots(rows: Rows) -> dict[tuple[str, str], api.APINode]:
    """Return where the paths of each project begin, by server and project."""
    places = {(thing.server, thing.keys["project"]) for thing in rows.things}
    return {(server, project): rows.clients[server].use_project(project).api for server, project in places}


@dataclass(frozen=True)
class _How:
    """How the command is to be run in each instance."""

    words: Sequence[str]
    environment: Mapping[str, str] | None
    stdin: bytes | None
    user: int | None
    group: int | None
    cwd: str | None
    timeout: float | None
    kept: int


class _Output:
    """The first bytes of an output, and how many there were."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self.size = 0

    def take(self, piece: bytes) -> None:
        if (room := self._most - self.size) > 0:
            self._pieces.append(piece[:room])
        self.size += len(piece)

    def text(self) -> str:
        return b"".join(self._pieces).decode("utf-8", "replace")


class _Command:
    """The command in one instance: a task that can be stopped by another thread."""

    def __init__(self, server: str, thing: Thing, root: api.APINode, how: _How) -> None:
        self.server, self.thing = server, thing
        self._root, self._how = root, how
        self._outputs = {"stdout": _Output(how.kept), "stderr": _Output(how.kept)}
        self._turn = threading.Lock()
        self._running: Exec | None = None
        self.stopped = False
        """Whether it was stopped before it had ended."""

    def work(self) -> Record:
        """Run it to its end."""
        began = time.monotonic()
        try:
            exit_code, error = self._run(began)
        except LXDError as failure:
            exit_code, error = _return_of(failure), str(failure)
        if self.stopped:
            exit_code, error = None, "interrupted"
        seconds = time.monotonic() - began
        return {"exit_code": exit_code, "seconds": seconds, "error": error, **self.said()}

    def stop(self) -> None:
        """Kill it, or have it killed as soon as it has begun."""
        with self._turn:
            running = self._running
            if running is not None and running.done:
                return
            self.stopped = True
        if running is not None:
            running.close()

    def said(self) -> Record:
        """Return what it has said so far."""
        return {name: output.text() for name, output in self._outputs.items()}

    def cut(self) -> Iterable[str]:
        """Yield a word on each output that is longer than what is kept of it."""
        for name, output in self._outputs.items():
            if output.size > self._how.kept:
                yield f"{self.thing}: the first {self._how.kept:,} bytes of {output.size:,} of {name} are kept"

    def _run(self, began: float) -> tuple[int | None, str | None]:
        how = self._how
        running = Exec(
            self._root,
            self.thing.keys["name"],
            how.words,
            environment=how.environment,
            stdin=how.stdin,
            on_stdout=self._outputs["stdout"].take,
            on_stderr=self._outputs["stderr"].take,
            user=how.user,
            group=how.group,
            cwd=how.cwd,
        )
        with self._turn:
            self._running = running
        if self.stopped:
            running.close()
        left = None if how.timeout is None else max(0.0, began + how.timeout - time.monotonic())
        if running.join(left):
            return running.wait(), None
        running.close()
        return None, f"{_late(how.timeout)} and was killed"


def _record(command: _Command, turn: Turn, timeout: float | None) -> Record:
    """Return the row of one instance."""
    row: Record = {"server": command.server, **command.thing.keys}
    if turn.record is not None:
        return row | turn.record
    if turn.begun is None:
        return row | {"error": "interrupted before it began"}
    error = f"{_late(timeout)}, and its server did not answer" if turn.given_up else "interrupted"
    return row | {"seconds": (turn.given_up or time.monotonic()) - turn.begun, "error": error, **command.said()}


def _late(seconds: float | None) -> str:
    return f"did not end within {seconds:g} s"


def _return_of(failure: LXDError) -> int | None:
    """Return the exit code that a shell would have given where there was no such command, or it could not be run."""
    if not isinstance(failure, OperationFailed):
        return None
    code = (failure.operation.get("metadata") or {}).get("return")
    return code if code in (126, 127) else None
