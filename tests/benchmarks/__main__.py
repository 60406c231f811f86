"""lxdnb against `lxc` and pylxd, side by side in one run: prints ratios and asserts none. `make bench`.

A figure says something only beside another that was taken in the same minute on the same machine, so the sides take
turns, there and back again, and medians are compared. First it is checked that all give the same answer.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import lxdnb
from lxdnb import frames
from tests import daemons

from .peers import PLAIN, PYTHON_WITH_PYLXD, Lxc, Lxdnb, Pylxd, Wrong, pylxd, seconds
from .table import Row, counted, text, timed

STOPPED = [f"stopped-{number:03}" for number in range(300)]
RUNNING = [f"running-{number:02}" for number in range(20)]
HUNDRED = STOPPED[:100]
ONE = RUNNING[0]
JSON = ("--format", "json")
CSV = ("--format", "csv", "--columns", "ns")
LIST_ROUNDS, EXEC_ROUNDS = 7, 40
NOTES = """
{} stopped and {} running containers on a private LXD with btrfs; pylxd {}, Python {}.
Times are medians (fastest–slowest) of sides that take turns. pylxd, its client connected as lxdnb's is, reads what the
frame has, into tuples: state() of running containers only. lxc starts anew each time, and its output stays text.
* from connecting on, by a client that was never used; memory is how far it rose meanwhile. A websocket counts as one
request and one connection. Ratios below 1 are in favour of lxdnb.
"""


def main() -> int:
    reason = daemons.missing("lxd", "btrfs")
    if reason is None and not PYTHON_WITH_PYLXD.exists():
        reason = "There is no .venv-bench, the Python that has pylxd: `make bench` makes it."
    if reason:
        print(reason, file=sys.stderr)
        return 1
    try:
        with daemons.daemon("lxd", pool="btrfs", pool_size="8GiB") as daemon:
            say(f"making {len(STOPPED)} stopped and {len(RUNNING)} running containers …")
            fill(daemon)
            with pylxd(daemon) as worker:
                rows = compare(Lxdnb(daemon), Lxc(daemon), worker)
            print(NOTES.format(len(STOPPED), len(RUNNING), worker.version, platform.python_version()))
            print(text(rows), flush=True)
            if worker.broken:
                print(
                    f"\npylxd's execute() broke {worker.broken} times (BrokenPipeError) and was asked again, untimed."
                )
            say("removing the containers …")
    except (Wrong, daemons.DaemonError, lxdnb.LXDError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def fill(daemon: daemons.Daemon) -> None:
    client = lxdnb.Client(str(daemon.socket))

    def make(name: str) -> None:
        source = {"type": "image", "alias": daemons.ALIAS}
        container = client.containers.create({"name": name, "source": source}, wait=True)
        if name in RUNNING:
            container.start(wait=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, [*STOPPED, *RUNNING]))
    client.close()


def compare(ours: Lxdnb, lxc: Lxc, peer: Pylxd) -> list[Row]:
    say("what each uses …")  # before all else: who has listed before has its memory and connections already
    used = usage(ours, lxc, peer)
    say("whether all see the same …")
    check(ours, lxc, peer)
    return [*lists(ours, lxc, peer), *commands(ours, lxc, peer), *used]


def check(ours: Lxdnb, lxc: Lxc, peer: Pylxd) -> None:
    """See that each list that will be timed has the names and statuses of what was made, and that commands work."""
    made = {(name, "Stopped") for name in STOPPED} | {(name, "Running") for name in RUNNING}
    seen = {
        "frames.instances": ours.pairs(),
        "frames.instances without state": ours.pairs(PLAIN),
        "lxc list --format json": lxc.pairs(*JSON),
        "lxc list --format csv": lxc.pairs(*CSV),
        **{f"pylxd, {do}": peer.pairs(do) for do in ("rows", "rows_at_once", "statuses")},
    }
    for who, pairs in seen.items():
        if pairs != made:
            wrong = sorted(pairs ^ made)
            raise Wrong(f"{who} gave {len(pairs)} rows, and {len(wrong)} that are missing or too many: {wrong[:4]} …")
    known = int(frames.instances(ours.client)["memory"].notna().sum())
    if known != len(RUNNING):
        raise Wrong(f"The frame has the memory of {known} containers, not of the {len(RUNNING)} running ones.")
    ran = [ours.client.containers.get(ONE).execute(["sh", "-c", f"exit {code}"]).exit_code for code in (0, 3)]
    if ran != [0, 3]:
        raise Wrong(f"Commands that exit with 0 and 3 were said to have exited with {ran}.")


def lists(ours: Lxdnb, lxc: Lxc, peer: Pylxd) -> list[Row]:
    taken = rounds(
        "lists",
        LIST_ROUNDS,
        {
            "frame": lambda: seconds(lambda: frames.instances(ours.client)),
            "json": lambda: seconds(lambda: lxc.daemon.cli("list", *JSON)),
            "rows": lambda: peer.seconds("rows"),
            "rows at once": lambda: peer.seconds("rows_at_once"),
            "plain": lambda: seconds(lambda: frames.instances(ours.client, PLAIN)),
            "csv": lambda: seconds(lambda: lxc.daemon.cli("list", *CSV)),
            "statuses": lambda: peer.seconds("statuses"),
        },
    )
    what, plain = "default frame", f"frame of {', '.join(PLAIN)}"
    return [
        timed(what, taken["frame"], "lxc list --format json", taken["json"], "≤ 0.5"),
        timed(what, taken["frame"], "pylxd all(), state()", taken["rows"]),
        timed(what, taken["frame"], "pylxd all(recursion=1), state()", taken["rows at once"]),
        timed(plain, taken["plain"], "lxc list --format csv -c ns", taken["csv"]),
        timed(plain, taken["plain"], "pylxd all(), .status", taken["statuses"]),
    ]


def commands(ours: Lxdnb, lxc: Lxc, peer: Pylxd) -> list[Row]:
    container = ours.client.containers.get(ONE)
    taken = rounds(
        "commands",
        EXEC_ROUNDS,
        {
            "lxdnb": lambda: seconds(lambda: container.execute(["true"])),
            "lxc": lambda: seconds(lambda: lxc.daemon.cli("exec", ONE, "--", "true")),
            "pylxd": lambda: peer.seconds("true", ONE),
        },
    )
    what = 'execute(["true"])'
    return [
        timed(what, taken["lxdnb"], "lxc exec", taken["lxc"], "< 1"),
        timed(what, taken["lxdnb"], "pylxd execute()", taken["pylxd"]),
    ]


def usage(ours: Lxdnb, lxc: Lxc, peer: Pylxd) -> list[Row]:
    """What each uses from its connecting on: a fresh client, or a fresh `lxc`."""
    frame, rows, at_once = ours.fresh(frames.instances), peer.fresh("rows"), peer.fresh("rows_at_once")
    true, peer_true = ours.fresh(lambda client: client.containers.get(ONE).execute(["true"])), peer.fresh("true", ONE)
    paths = ours.fresh(lambda client: [client.containers.get(name) for name in HUNDRED])
    peer_paths = peer.fresh("paths", *HUNDRED)
    lxc_list, lxc_exec = lxc.requests("list", *JSON), lxc.requests("exec", ONE, "--", "true")
    slow, fast, execute = "pylxd all(), state()", "pylxd all(recursion=1), state()", "pylxd execute()"
    mib = 2**20
    return [
        counted("frame*: requests", frame["requests"], "lxc list --format json", lxc_list),
        counted("frame*: requests", frame["requests"], slow, rows["requests"]),
        counted("frame*: requests", frame["requests"], fast, at_once["requests"]),
        counted("frame*: connections", frame["connections"], slow, rows["connections"]),
        counted("frame*: connections", frame["connections"], fast, at_once["connections"]),
        counted("frame*: memory", frame["memory"] / mib, slow, rows["memory"] / mib, unit=" MiB"),
        counted("execute*: requests", true["requests"], "lxc exec", lxc_exec),
        counted("execute*: requests", true["requests"], execute, peer_true["requests"]),
        counted("execute*: connections", true["connections"], execute, peer_true["connections"]),
        counted("100 paths*: connections", paths["connections"], "pylxd", peer_paths["connections"], "1"),
    ]


def rounds(what: str, count: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Let the sides take turns `count` times, and once before that does not count; return each one's seconds."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(count + 1):
        if sys.stderr.isatty():
            say(f"{what}, round {number} of {count} …", end="\r" if number < count else "\n")
        elif number == 0:
            say(f"{what}, {count} rounds …")
        # There and back, so that no side always runs in the wake of the same other.
        for name in sides if number % 2 else reversed(sides):
            taken[name].append(sides[name]())
    return {name: times[1:] for name, times in taken.items()}


def say(what: str, end: str = "\n") -> None:
    print(what, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
