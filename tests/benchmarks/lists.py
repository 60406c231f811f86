"""Lists of many containers, as frames and as objects, and one client that many threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lxdnb
from lxdnb import frames
from tests import daemons

from .crowd import THREADS, crowd
from .peers import Lxdnb, Program, Pylxd, pylxd
from .ruler import MIB, measured
from .table import Comparison, Row, counted, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "btrfs"),)
STOPPED = [f"stopped-{number:03}" for number in range(300)]
RUNNING = [f"running-{number:02}" for number in range(20)]
HUNDRED = STOPPED[:100]
PLAIN = ("name", "status", "image")  # columns that need no state
JSON = ("--format", "json")
CSV = ("--format", "csv", "--columns", "ns")
ROUNDS = 7
NOTES = """\
{} stopped and {} running containers on LXD with btrfs; {}.
pylxd, its client connected as lxdnb's is, reads what the frame has, into tuples: state() of running containers only.
lxc's output stays text. * from connecting on, by a client that was never used. Threads begin together, by a client
that was never used either, and get a hundred containers by name."""


def compare() -> Comparison:
    with daemons.daemon("lxd", pool="btrfs", pool_size="8GiB") as daemon:
        say(f"making {len(STOPPED)} stopped and {len(RUNNING)} running containers …")
        fill(daemon)
        with pylxd(daemon) as peer:
            ours, lxc = Lxdnb(daemon), Program(daemon)
            say("what each uses …")  # before all else: who has listed before has its memory and connections already
            used = usage(ours, lxc, peer)
            say("whether all see the same …")
            check(ours, lxc, peer)
            rows = [*times(ours, lxc, peer), *used]
            ours.client.close()
        say("removing the containers …")
    return Comparison(NOTES.format(len(STOPPED), len(RUNNING), peer.told()), rows)


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


def check(ours: Lxdnb, lxc: Program, peer: Pylxd) -> None:
    """See that each list that will be timed has the names and statuses of what was made."""
    made = {(name, "Stopped") for name in STOPPED} | {(name, "Running") for name in RUNNING}
    seen = {
        "frames.instances": ours.pairs(),
        "frames.instances without state": ours.pairs(PLAIN),
        "containers.all()": {(each.name, each.status) for each in ours.client.containers.all()},
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


def statuses(client: lxdnb.Client) -> list[tuple[str, str]]:
    return [(container.name, container.status) for container in client.containers.all()]


def times(ours: Lxdnb, lxc: Program, peer: Pylxd) -> list[Row]:
    taken = rounds(
        "lists",
        ROUNDS,
        {
            "frame": lambda: seconds(lambda: frames.instances(ours.client)),
            "json": lambda: seconds(lambda: lxc.run("list", *JSON)),
            "rows": lambda: peer.seconds("rows"),
            "rows at once": lambda: peer.seconds("rows_at_once"),
            "plain": lambda: seconds(lambda: frames.instances(ours.client, PLAIN)),
            "csv": lambda: seconds(lambda: lxc.run("list", *CSV)),
            "our statuses": lambda: seconds(lambda: statuses(ours.client)),
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
        timed("all(), .status", taken["our statuses"], "pylxd all(), .status", taken["statuses"]),
    ]


def usage(ours: Lxdnb, lxc: Program, peer: Pylxd) -> list[Row]:
    """What each uses: all() by a client that is connected, the rest by a fresh one, or a fresh `lxc`."""
    frame, rows, at_once = ours.fresh(frames.instances), peer.fresh("rows"), peer.fresh("rows_at_once")
    paths = ours.fresh(lambda client: [client.containers.get(name) for name in HUNDRED])
    peer_paths = peer.fresh("paths", *HUNDRED)
    threads = ours.fresh(lambda client: crowd(client.containers.get, HUNDRED))
    peer_threads = peer.fresh("crowd", *HUNDRED)
    with measured() as every:
        statuses(ours.client)
    peer_every = peer.used("statuses")
    lxc_list = lxc.requests("list", *JSON)
    slow, fast = "pylxd all(), state()", "pylxd all(recursion=1), state()"
    many = f"{THREADS} threads: "
    return [
        counted("all(), .status: requests", every["requests"], "pylxd all(), .status", peer_every["requests"], "1"),
        counted("frame*: requests", frame["requests"], "lxc list --format json", lxc_list),
        counted("frame*: requests", frame["requests"], slow, rows["requests"]),
        counted("frame*: requests", frame["requests"], fast, at_once["requests"]),
        counted("frame*: connections", frame["connections"], slow, rows["connections"]),
        counted("frame*: connections", frame["connections"], fast, at_once["connections"]),
        counted("frame*: memory", frame["memory"] / MIB, slow, rows["memory"] / MIB, unit=" MiB"),
        counted("100 paths*: connections", paths["connections"], "pylxd", peer_paths["connections"], "1"),
        counted(f"{many}connections", threads["connections"], "pylxd", peer_threads["connections"], f"≤ {THREADS}"),
        counted(f"{many}warnings", threads["warnings"], "pylxd", peer_threads["warnings"], "0"),
    ]
