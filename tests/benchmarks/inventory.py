"""Frames of 1,000 instances, of which 50 run, beside `lxc list` and curl; and of 100,000 simulated ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

import lxdnb
from lxdnb import frames
from lxdnb.frames._build import build
from tests import daemons

from .peers import Lxdnb, Program, risen
from .ruler import MIB
from .sandbox import MANY, process
from .table import Comparison, Row, alone, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "btrfs"),)
COUNT, RUNNING = 1000, 50
RECORDS = 10_000
ROUNDS = 5
PLAIN = [name for name, column in frames.INSTANCE_COLUMNS.items() if column.shown and not column.needs]
LISTED = [name for name, column in frames.INSTANCE_COLUMNS.items() if set(column.needs) <= {"state", "recursion=2"}]
FOURTEEN = [*(name for name, column in frames.INSTANCE_COLUMNS.items() if column.shown), "project"]
NOTES = """\
{} containers on LXD with btrfs, {} of them running. A frame without addresses has {}.
All columns are those that LXD's lists have. The frame of records is of {:,} with their states."""


def compare() -> Comparison:
    with daemons.daemon("lxd", pool="btrfs", pool_size="16GiB") as daemon:
        say(f"making {COUNT} containers …")
        fill(daemon)
        ours, lxc = Lxdnb(daemon), Program(daemon)
        say("whether all see the same …")
        check(ours, lxc)
        rows = [*times(ours, lxc), built()]
        ours.client.close()
        say("removing the containers …")
    say(f"{MANY:,} simulated ones …")
    return Comparison(NOTES.format(COUNT, RUNNING, ", ".join(PLAIN), RECORDS), [*rows, *crowd()])


def fill(daemon: daemons.Daemon) -> None:
    client = lxdnb.Client(str(daemon.socket))

    def make(number: int) -> None:
        source = {"type": "image", "alias": daemons.ALIAS}
        container = client.containers.create({"name": f"c{number:04}", "source": source}, wait=True)
        if number < RUNNING:
            container.start(wait=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(COUNT)))
    client.close()


def curl(daemon: daemons.Daemon, path: str) -> float:
    command = ["curl", "-sS", "--fail", "--unix-socket", str(daemon.socket), f"http://lxd{path}"]
    return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def check(ours: Lxdnb, lxc: Program) -> None:
    told = json.loads(lxc.run("list", "--format", "json"))
    frame = frames.instances(ours.client, LISTED)
    made = {(each["name"], each["status"]) for each in told}
    if len(made) != COUNT or made != ours.pairs() or made != ours.pairs(PLAIN) or made != ours.pairs(LISTED):
        raise Wrong("Not all see the same instances.")
    running = {each["name"]: each["state"]["pid"] for each in told if each["status"] == "Running"}
    if frame.set_index("name")["pid"].dropna().to_dict() != running:
        raise Wrong("The frame has other processes than lxc.")


def times(ours: Lxdnb, lxc: Program) -> Iterator[Row]:
    client, daemon = ours.client, ours.daemon
    taken = rounds(
        "frames",
        ROUNDS,
        {
            "lxc": lambda: seconds(lambda: lxc.run("list", "--format", "json")),
            "default": lambda: seconds(lambda: frames.instances(client)),
            "plain": lambda: seconds(lambda: frames.instances(client, PLAIN)),
            "all": lambda: seconds(lambda: frames.instances(client, LISTED)),
            "all by curl": lambda: curl(daemon, "/1.0/instances?recursion=2"),
        },
    )
    names = rounds(
        "names",
        ROUNDS * 5,
        {
            "names": lambda: seconds(lambda: frames.instances(client, ["name"])),
            "names by curl": lambda: curl(daemon, "/1.0/instances"),
        },
    )
    by_lxc = "lxc list --format json"
    yield timed("default frame", taken["default"], by_lxc, taken["lxc"], "≤ 0.4")
    yield timed("frame without addresses", taken["plain"], by_lxc, taken["lxc"], "≤ 0.08")
    yield timed(f"frame of {len(LISTED)} columns", taken["all"], "curl …?recursion=2", taken["all by curl"], "≤ 1.1")
    yield timed("frame of names", names["names"], "curl /1.0/instances", names["names by curl"], "≤ 2")


def built() -> Row:
    """Make frames of records, which are those of so many simulated instances."""
    with process("--instances", str(RECORDS)) as (path, *_):
        client = lxdnb.Client(str(path))
        records = client.api.instances.get(params={"recursion": 2}).json()["metadata"]
        client.close()
    columns = [frames.INSTANCE_COLUMNS[name] for name in FOURTEEN]
    taken = rounds(
        "records",
        ROUNDS,
        {
            "ours": lambda: seconds(lambda: build("instances", columns, records)),
            "pandas": lambda: seconds(lambda: pd.json_normalize(records)),
        },
    )
    what = f"frame of {len(columns)} columns of {len(records):,} records"
    return timed(what, taken["ours"], "pandas.json_normalize", taken["pandas"], "≤ 0.2")


def crowd() -> Iterable[Row]:
    for what, columns in (("without addresses", PLAIN), ("default", None)):
        with process("--instances", str(MANY)) as (path, *_):
            client = lxdnb.Client(str(path))
            took = seconds(lambda client=client, columns=columns: _many(client, columns))
            client.close()
            yield Row(f"{MANY:,} simulated, {what}", f"{took:.1f} s", "", "", "", "≤ 20 s")
            yield alone(f"{MANY:,} simulated, {what}: memory", risen(path, _many, columns) / MIB, "≤ 1,536 MiB", " MiB")


def _many(client: lxdnb.Client, columns: list[str] | None) -> None:
    if len(frames.instances(client, columns)) != MANY:
        raise Wrong("The frame has not all instances.")
