"""The use of instances over time: servers asked at even intervals, each in a thread of its own, in bounded memory.

Whatever fails costs its reading: it is told, leaves a gap, and the next reading is tried in its time.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import pandas as pd

from lxdnb import checks
from lxdnb.client import Client
from lxdnb.exceptions import LXDError
from lxdnb.frames._asked import Asked
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column, Record, chosen
from lxdnb.frames._documented import tabled
from lxdnb.frames._fetch import plan_for, records_of
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._kept import Kept
from lxdnb.frames._metrics import uses
from lxdnb.frames._plan import Plan
from lxdnb.frames._rates import KEPT, Key, Reading, Use, gap, is_repeated, next_tick, rows, use_in
from lxdnb.frames._servers import THE_SERVER, Clients, named
from lxdnb.frames._view import declared, is_active

__all__ = ["SAMPLE", "Sampling", "sample"]

GOODBYE = 0.3  # seconds that stop() gives a thread whose request is under way; it ends by itself when that does
TOLD = 20  # words that are kept of each server
SOURCES = ("metrics", "state")

log = logging.getLogger("lxdnb")

SAMPLE = declared(
    Column("time", "datetime", "when the server was asked", unit="UTC"),
    Column("project"),
    Column("name"),
    Column("cpu", "Float64", "used since its start", unit="seconds", measured=True),
    Column("cpu_rate", "Float64", "cores in use", unit="cores", measured=True),
    Column("memory", "Int64", "in use", unit="bytes", measured=True),
    Column("processes", "Int64", measured=True),
    Column("received", "Int64", "by all interfaces but loopback, since its start", unit="bytes", measured=True),
    Column("received_rate", "Float64", unit="bytes/s", measured=True),
    Column("sent", "Int64", "by all interfaces but loopback, since its start", unit="bytes", measured=True),
    Column("sent_rate", "Float64", unit="bytes/s", measured=True),
)


class _Server:
    """A server that is asked, what it failed at, and since when."""

    def __init__(self, name: str, ask: Callable[[dict[str, str]], Mapping[Key, Use]], keeps: bool) -> None:
        self.name, self._ask, self._keeps = name, ask, keeps
        self.failed: dict[str, str] = {}
        self.words: tuple[str, ...] = ()
        self.skipped = 0
        self._before: Reading | None = None  # that the next one follows
        self._last: Reading | None = None  # whatever has come between
        self._lost: tuple[float, str] | None = None

    def read(self, kept: Kept, ended: threading.Event) -> None:
        """Ask once, and keep what comes; whatever comes after the end is nobody's."""
        at, asked = _now()
        failed: dict[str, str] = {}
        try:
            found = self._ask(failed)
        except Exception as error:
            if not ended.is_set():
                kept.put(self.name, at, list(gap(self._before)))
                self._fails(at, error)
            return
        if ended.is_set():
            return
        now = Reading(at, asked, time.monotonic(), found)
        self.failed = failed
        if self._lost is not None:
            since, reason = self._lost
            word = f"it told nothing from {_clock(since)} to {_clock(at)}: {reason}"
            self.words = (*self.words, word)[-TOLD:]  # anew, for frame() may be reading it
            self._lost = None
        if self._keeps and is_repeated(self._last, now):
            return
        kept.put(self.name, at, list(rows(self._before, now)))
        self._before = self._last = now

    def _fails(self, at: float, error: Exception) -> None:
        self._before = None
        reason = str(error) if isinstance(error, LXDError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, LXDError) and (self._lost is None or self._lost[1] != reason):
            log.warning("a reading failed", exc_info=error)
        self._lost = (self._lost[0] if self._lost else at, reason)
        self.failed = {"": reason}

    def told(self) -> tuple[dict[str, str], list[str]]:
        """Return what fails now, by what it is, and words for people."""
        which = self.name or THE_SERVER
        failed = {f"{which}: {thing}" if thing else which: reason for thing, reason in self.failed.items()}
        words = list(self.words)
        if self.skipped:
            were = "reading was" if self.skipped == 1 else "readings were"
            words.append(f"{self.skipped:,} {were} left out, for what came before took too long")
        return failed, [f"{which}: {word}" for word in words]


class Sampling:
    """The use of instances over time, read for as long as a `with` block runs, or from `start` to `stop`.

    See `frames.sample`.
    """

    def __init__(
        self,
        clients: Mapping[str, Client],
        servers: Iterable[_Server],
        columns: Sequence[Column],
        every: float,
        keep: int,
        words: Sequence[str],
    ) -> None:
        self._clients, self._servers, self._columns = clients, list(servers), columns
        self._every, self._words = every, words
        self._kept = Kept(keep)
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._finalizer = weakref.finalize(self, self._ended.set)

    def __repr__(self) -> str:
        state = "stopped" if self._ended.is_set() else "running" if self._threads else "not started"
        return f"<Sampling every {self._every:g} s: {len(self._kept)} rows, {state}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to read now; `stop` ends it. Raises RuntimeError when it was started already."""
        if self._threads or self._ended.is_set():
            raise RuntimeError("this sampling was started already: frames.sample(…) makes another")
        started = time.monotonic()
        self._threads = [
            threading.Thread(
                # Of nothing that holds this object: one that nobody has any more ends.
                target=_read_on,
                args=(server, self._kept, self._ended, started, self._every),
                name=f"lxdnb sample {server.name}".rstrip(),
                daemon=True,
            )
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End it at once; what was read stays. A request that is under way is not waited for."""
        self._ended.set()
        until = time.monotonic() + GOODBYE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def frame(self) -> pd.DataFrame:
        """Return what was read until now, while it goes on or after its end, in order of time.

        `attrs` names what fails at the moment, and says when a server told nothing.
        """
        records, dropped = self._kept.records()
        failed: dict[str, str] = {}
        words = list(self._words)
        if dropped:
            first = "first row was" if dropped == 1 else f"first {dropped:,} rows were"
            words.append(f"the {first} dropped: keep= says how many are kept")
        for server in self._servers:
            fails, told = server.told()
            failed |= fails
            words += told
        return build("sample", self._columns, records, clients=self._clients, failed=failed, words=words)


@tabled(SAMPLE.values())
def sample(
    clients: Clients,
    every: float = 10,
    *,
    where: str | None = None,
    columns: Sequence[str] | None = None,
    all_projects: bool = False,
    source: str = "metrics",
    keep: int = 500_000,
) -> Sampling:
    """Return what reads the use of instances every so many seconds, from the beginning of a `with` block to its end.

    Its `frame()` gives, at any time, one row for each reading and each instance that runs:

    {columns}

    A rate is the mean since the reading before. It is NA in the first reading, after a gap, and where the instance was
    started anew or a counter fell; network rates are NA where an interface came or went. An instance that runs no more
    has one row of NA, which ends its line in a plot, and so have those of a server that is down: it is named in
    `attrs`, and read on when it is back. Readings that would come late are left out: the next is in its own time.

    `where` are conditions, as those of `frames.instances`, and looked at for each reading; `now` in them is when this
    is called. With `source="metrics"` a reading is one request, or one for each member of a cluster, and one more with
    `where`. Servers measure anew after 8 seconds: a reading that repeats the one before has no rows. What another
    program had measured up to 8 seconds before is told too, and a rate then off by as much. CPU is counted by the
    kernel's ticks, and a new start is known by a counter that fell, while states tell of it. `source="state"` asks for
    the state of each instance, which is exact at any time and costs one request each.

    The last `keep` rows are kept, of about 100 bytes each. Raises ValueError for a column or condition that there is
    none of, and LXDAPIExtensionNotAvailable where a sole server is too old to measure.

    >>> with frames.sample(lx, every=10) as s:
    ...     time.sleep(1)
    >>> s.frame()["name"].tolist()
    ['c1']
    """
    asked = named(clients)
    seconds = checks.seconds("every", every)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"every is a number of seconds above 0, not {every}")
    if source not in SOURCES:
        raise ValueError(f"source is 'metrics' or 'state', not {checks.shown(source)}")
    most = checks.whole_number("keep", keep, 1)
    checks.flag("all_projects", all_projects)
    picked = chosen("sample", SAMPLE, {}, columns)
    by_metrics = source == "metrics"
    if by_metrics and "" in asked:
        asked[""].assert_has_api_extension("metrics")
    servers: list[_Server] = []
    for name, client in asked.items():
        wanted = ["project", "name"] if by_metrics else ["project", "name", "status", "state"]
        plan = None if by_metrics and where is None else plan_for(client, INSTANCES, wanted, where, all_projects)
        servers.append(_Server(name, _asking(client, plan, all_projects, by_metrics), by_metrics))
    words: list[str] = []
    if by_metrics and seconds < KEPT:
        words.append(
            f"servers measure once in {KEPT:g} seconds: of readings every {seconds:g}, those that repeat one have no "
            'rows. source="state" reads at any time'
        )
    return Sampling(asked, servers, picked, seconds, most, words)


def _asking(
    client: Client, plan: Plan | None, all_projects: bool, by_metrics: bool
) -> Callable[[dict[str, str]], Mapping[Key, Use]]:
    """Return what reads the use of a server's instances, and puts what fails of it into a dict."""
    project = None if all_projects else client.project or "default"

    def listed(failed: dict[str, str]) -> list[Record]:
        assert plan is not None
        asked = Asked(client, all_projects=all_projects)
        found = records_of(asked, plan)
        failed |= asked.failed
        return found

    def measured(failed: dict[str, str]) -> Mapping[Key, Use]:
        told = uses(client, project, failed)
        if plan is None:
            return {key: use_in(use) for key, use in told.items()}
        wanted = [(record["project"], record["name"]) for record in listed(failed)]
        return {key: use_in(told[key]) for key in wanted if key in told}

    def states(failed: dict[str, str]) -> Mapping[Key, Use]:
        # What was stopped since it was listed has a state that says so, and 0 for all that it used.
        return {
            (record["project"], record["name"]): use_in(state)
            for record in listed(failed)
            if is_active(record) and isinstance(state := record.get("state"), dict) and is_active(state)
        }

    return measured if by_metrics else states


def _read_on(server: _Server, kept: Kept, ended: threading.Event, started: float, every: float) -> None:
    """Read at the beginning, and then in even intervals to the end."""
    due = started
    while not ended.is_set():
        server.read(kept, ended)
        now = time.monotonic()
        then = next_tick(started, every, now)
        server.skipped += round((then - due) / every) - 1
        due = then
        if ended.wait(due - now):
            return


def _now() -> tuple[float, float]:
    """Return the time by the machine's clock and by one that nobody sets, of one moment: not of two, between which
    another thread had its turn."""
    at, clock = time.time(), time.monotonic()
    for _ in range(5):
        before, at, clock = clock, time.time(), time.monotonic()
        if clock - before < 0.001:
            break
    return at, clock


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
