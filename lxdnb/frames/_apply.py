"""One verb for all things of a frame's rows: what is so already is left alone, and one that fails stops no other.

The rows say which things, and never what state they are in: that is asked anew, before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from lxdnb import api, checks
from lxdnb.client import Client
from lxdnb.exceptions import LXDError, NotFound
from lxdnb.frames._asked import at_once
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column, Record, closest
from lxdnb.frames._progress import teller
from lxdnb.frames._rows import Rows, Thing, rows_of, view_of
from lxdnb.frames._servers import Clients, a_frame
from lxdnb.frames._together import Turn, together
from lxdnb.frames._verbs import PRESENT, THINGS, Intent, Kind, Status, intent, verb_of

__all__ = ["apply"]

SECONDS = 30  # that a server gives a change of state

Found = Status | LXDError


def apply(
    frame: pd.DataFrame,
    verb: str,
    client: Clients | None = None,
    *,
    dry_run: bool = False,
    parallel: int = 8,
    view: str | None = None,
    progress: bool | Callable[[int, int], object] = True,
    **options: Any,
) -> pd.DataFrame:
    """Do something to each thing of a frame's rows, and return what became of each, one row each.

    | rows of | verbs and their options |
    |---|---|
    | instances | `start(timeout)`, `stop(timeout, force)`, `restart(timeout, force)`, `freeze` or `pause`, \
`unfreeze` or `resume`, `delete(force)`, `snapshot(name, stateful)` |
    | images, networks, profiles, snapshots, volumes, volume_snapshots | `delete` |

    `timeout`, 30 seconds, is what the server gives a change of state; `stop` and `restart` are at once, or with
    `force=False` ask its init; `delete` takes what runs only with `force=True`. A snapshot has the name that the server
    gives it, unless `name` is given.

    With `dry_run` nothing is changed: `would` is what would be done, and `error` why a server would refuse, as with
    a profile in use. What is so already is left alone, and the row says `nothing` and why. A server takes `start` of a
    frozen one for no start: it is unfrozen.

    | column | dtype | |
    |---|---|---|
    | server, project, name … | string | which thing, by its keys; `server` where several were asked |
    | before | string | its status, `present` for what has none; NA for what was not there |
    | would, or did | string | what would be done, or was: as `stop, delete`; NA where that is nothing but an error |
    | after | string | its status then; NA for what is gone. Not in a dry run |
    | error | string | why it could not be done; NA where it was |

    The rows say which things; what state they are in is asked for anew. They are found by the clients that the frame
    was asked of, or by `client`, as for a frame from a file, in the project that it was asked of; one that does not say
    what its rows are, as what `pandas.concat` and `merge` give, wants `view`, as `view="instances"`. `parallel` are
    under way at a time on each server.

    No failure stops the others, and none is raised: each stands in its row. An interrupt (Ctrl-C, a notebook's Stop)
    begins no more, and returns what there is: what a server was doing it goes on with, and the row says so. While it
    still looks at what there is, an interrupt raises KeyboardInterrupt, and nothing was done.

    Raises, before anything is sent, ValueError for another verb and for a frame that does not tell its things,
    TypeError for another option and for what is no DataFrame.

    >>> plan = frames.apply(frames.instances(lx, where="name eq c1"), "stop", dry_run=True)
    >>> plan[["name", "before", "would"]]
      name   before would
    0   c1  Running  stop
    >>> frames.apply(plan, "stop")[["name", "before", "did", "after"]]
      name   before   did    after
    0   c1  Running  stop  Stopped
    """
    a_frame("what it is applied to", frame)
    kind_name = _kind(frame, view)
    kind = THINGS[kind_name]
    verb, given = verb_of(kind_name, verb, options)
    checks.flag("dry_run", dry_run)  # of all that could be taken for a yes, this one must not be
    checks.whole_number("parallel", parallel, 1)
    line = teller(progress, verb)
    rows = rows_of(frame, kind.keys, kind_name, client, maybe=("location",) if "pool" in kind.keys else ())
    places = _Places(rows, kind)
    # To foresee is for dry runs alone: else what is refused is the server's to say.
    before = places.look(rows.things, foresee=dry_run)
    force = bool(given.get("force"))
    intents = [
        Intent(refused=str(found)) if isinstance(found, LXDError) else intent(verb, found, force=force)
        for found in before
    ]
    records: list[Record] = [
        {"server": thing.server, **thing.keys, "before": _word(found), "error": meant.refused}
        for thing, found, meant in zip(rows.things, before, intents, strict=True)
    ]
    keys = [Column(key, unit="fingerprint" if key == "fingerprint" else "") for key in kind.keys]
    columns = [*keys, Column("before", unit="status")]
    words: list[str] = []
    if dry_run:
        words.append("dry run: nothing was done")
        for record, meant in zip(records, intents, strict=True):
            record["would"] = None if meant.refused else str(meant)
        columns += [Column("would", what="what would be done")]
    else:
        with line as told:
            words += _done(rows, places, intents, records, given, parallel, told)
        columns += [Column("did", what="what was done"), Column("after", unit="status")]
    columns += [Column("error", what="why it could not be done")]
    return build(f"apply {kind_name}", columns, records, clients=rows.clients, words=words)


def _kind(frame: pd.DataFrame, view: str | None) -> str:
    """Return what the rows of a frame are, by the name of their view."""
    said = view_of(frame) if view is None else checks.text("view", view)
    if said is None:
        raise ValueError("this frame does not say what its rows are: give its view too, as in view='instances'")
    if said not in THINGS:
        raise ValueError(f"there are no verbs for rows of {said}: {closest(said, THINGS)}")
    return said


def _word(found: Found) -> str | None:
    return None if isinstance(found, LXDError) else found.word


def _done(
    rows: Rows,
    places: _Places,
    intents: Sequence[Intent],
    records: list[Record],
    options: Mapping[str, Any],
    parallel: int,
    told: Callable[[int, int], object],
) -> list[str]:
    """Do what is meant, and put into the records what came of it; return words on that."""
    meant = [place for place, each in enumerate(intents) if each.steps]
    tasks = [
        _Deed(rows.things[place], places.node(rows.things[place]), intents[place].steps, options) for place in meant
    ]
    turns, interrupted = together(tasks, parallel, told=told)
    for record, each in zip(records, intents, strict=True):
        record["did"] = str(each) if each.nothing else None
    for place, task, turn in zip(meant, tasks, turns, strict=True):
        records[place] |= {"did": ", ".join(task.done) or None, "error": _error(task, turn)}
    for record, found in zip(records, places.look(rows.things), strict=True):
        record["after"] = _word(found)
        if isinstance(found, LXDError) and record["error"] is None:
            record["error"] = f"what became of it is not known: {found}"
    if not interrupted:
        return []
    ended = sum(turn.record is not None and not task.stopped for task, turn in zip(tasks, turns, strict=True))
    return [f"interrupted when {ended:,} of {len(tasks):,} had ended"]


def _error(task: _Deed, turn: Turn) -> str | None:
    if turn.begun is None:
        return "interrupted before it began"
    if task.stopped:
        return "interrupted: the server goes on with what it was doing"
    return None if turn.record is None else turn.record["error"]


class _Places:
    """Where the things are on their servers, and what is found there."""

    def __init__(self, rows: Rows, kind: Kind) -> None:
        self._kind = kind
        self._clients: dict[tuple[str, str, str], Client] = {}
        for thing in rows.things:
            place = self._place(thing)
            if place not in self._clients:
                client = rows.clients[thing.server].use_project(thing.keys["project"])
                far = place[2] if client.server_clustered and place[2] not in ("", "none") else ""
                self._clients[place] = client.use_target(far) if far else client

    def node(self, thing: Thing) -> tuple[api.APINode, api.APINode]:
        """Return where the API of its project begins, and where the thing is in it."""
        root = self._clients[self._place(thing)].api
        node = root
        for word in self._kind.path:
            node = node[thing.keys[word[1:-1]] if word.startswith("{") else word]
        return root, node

    def look(self, things: Sequence[Thing], *, foresee: bool = False) -> list[Found]:
        """Return what is found of each: of instances by one request for those of a project, of others by one each.

        With `foresee` it is told why a server would not delete it, too.
        """
        if self._kind is not THINGS["instances"]:
            return at_once(lambda thing: self._look_at(thing, foresee), things)
        places = list(dict.fromkeys(map(self._place, things)))
        found = dict(zip(places, at_once(self._instances, places), strict=True))
        return [_status(found[self._place(thing)], thing) for thing in things]

    def _place(self, thing: Thing) -> tuple[str, str, str]:
        return thing.server, thing.keys["project"], thing.more.get("location", "")

    def _look_at(self, thing: Thing, foresee: bool) -> Found:
        try:
            record = api.metadata(self.node(thing)[1].get())
        except NotFound:
            return Status(None)
        except LXDError as error:
            return error
        return Status(PRESENT, held=self._kind.held(record) if foresee and isinstance(record, dict) else None)

    def _instances(self, place: tuple[str, str, str]) -> dict[str, Record] | LXDError:
        try:
            records = api.metadata(self._clients[place].api.instances.get(params={"recursion": 1}))
        except LXDError as error:
            return error
        return {record["name"]: record for record in records or ()}


def _status(found: dict[str, Record] | LXDError, thing: Thing) -> Found:
    if isinstance(found, LXDError):
        return found
    record = found.get(thing.keys["name"])
    return Status(None) if record is None else Status(record.get("status"), bool(record.get("ephemeral")))


class _Deed:
    """What is done to one thing, step after step: a task that begins no more steps once it is stopped."""

    def __init__(
        self,
        thing: Thing,
        place: tuple[api.APINode, api.APINode],
        steps: Sequence[str],
        options: Mapping[str, Any],
    ) -> None:
        self.server = thing.server
        self._root, self._node = place
        self._steps, self._options = steps, options
        self._call = self._root.open_call()
        self.done: list[str] = []
        self.stopped = False
        """Whether it was stopped before it had ended."""

    def work(self) -> Record:
        """Do all steps, or those up to one that fails."""
        try:
            for step in self._steps:
                if self.stopped:
                    break
                self._do(step)
                self.done.append(step)
        except LXDError as error:
            return {"error": str(error)}
        finally:
            self._call.close()
        return {"error": None}

    def stop(self) -> None:
        """Begin no more steps, and wait no more for the one under way."""
        if len(self.done) < len(self._steps):
            self.stopped = True
            self._call.hang_up()

    def _do(self, step: str) -> None:
        if step == "delete":
            answer = self._node.delete()
        elif step == "snapshot":
            answer = self._node.snapshots.post(json={"name": "", "stateful": False, **self._options})
        else:
            # At once unless said, as the methods of instances have it; the `force` of a delete means that too.
            request = {"timeout": SECONDS, "force": True, **self._options, "action": step}
            answer = self._node.state.put(json=request)
        body = answer.json()
        if body.get("type") == "async":
            api.wait_for_operation(self._root, api.operation_id(body["operation"]), call=self._call)
