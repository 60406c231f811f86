"""The use of 50 containers that run, among 1,000: by metrics beside curl, and what it costs to sample them."""

from __future__ import annotations

import time

import lxdnb
from lxdnb import frames
from tests import daemons

from .inventory import COUNT, RUNNING, curl, fill
from .peers import Lxdnb
from .table import Comparison, Row, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "btrfs"),)
ROUNDS = 5
KEPT = 8.5  # seconds after which a server measures anew
EVERY = 10
SAMPLED = 3 * EVERY + 1
USE = ["project", "name", "cpu", "memory", "processes"]
NOTES = """\
{} containers on LXD with btrfs, {} of them running. The server measures anew each time: 8.5 s lie between two looks.
Sampling is every {} s for {} s; its share is what this process takes of a core, with all its threads."""


def compare() -> Comparison:
    with daemons.daemon("lxd", pool="btrfs", pool_size="16GiB") as daemon:
        say(f"making {COUNT} containers …")
        fill(daemon)
        ours = Lxdnb(daemon)
        say("whether states say the same …")
        check(ours.client)
        client = ours.client
        taken = rounds(
            "use",
            ROUNDS,
            {
                "of all": lambda: fresh(lambda: seconds(lambda: by_metrics(client, None))),
                "of those": lambda: fresh(lambda: seconds(lambda: by_metrics(client, "status eq Running"))),
                "rows": lambda: fresh(lambda: seconds(lambda: frames.metrics(client))),
                "curl": lambda: fresh(lambda: curl(daemon, "/1.0/metrics")),
            },
        )
        rows = [
            timed("use of all, by metrics", taken["of all"], "curl /1.0/metrics", taken["curl"], "≤ 1.2"),
            timed("use where status eq Running", taken["of those"], "curl /1.0/metrics", taken["curl"]),
            timed("metrics, one row each", taken["rows"], "curl /1.0/metrics", taken["curl"]),
        ]
        for source in ("metrics", "state"):
            say(f"sampling by {source} …")
            rows.append(sampling(client, source))
        client.close()
        say("removing the containers …")
    return Comparison(NOTES.format(COUNT, RUNNING, EVERY, SAMPLED), rows)


def by_metrics(client: lxdnb.Client, where: str | None) -> None:
    if frames.instances(client, USE, where=where, source="metrics")["memory"].count() != RUNNING:
        raise Wrong("The frame has not the use of all that run.")


def fresh(look) -> float:
    time.sleep(KEPT)
    return look()


def check(client: lxdnb.Client) -> None:
    """See that metrics and states tell the same of containers that do nothing."""
    found = [
        frames.instances(client, ["name", "memory", "processes"], where="status eq Running", source=source)
        for source in ("metrics", "state")
    ]
    if len(found[0]) != RUNNING or not found[0].equals(found[1]):
        raise Wrong("By metrics the use is another than by states.")


def sampling(client: lxdnb.Client, source: str) -> Row:
    with frames.sample(client, every=EVERY, source=source) as s:
        begun, before = time.monotonic(), time.process_time()
        time.sleep(SAMPLED)
        spent, took = time.process_time() - before, time.monotonic() - begun
    if s.frame()["cpu"].count() < RUNNING * (SAMPLED // EVERY):
        raise Wrong("Readings are missing.")
    return Row(f"sampling by {source}: share of a core", f"{100 * spent / took:.2f} %", "", "", "", "< 5 %")
