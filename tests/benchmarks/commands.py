"""Commands: how soon a small one is over, and how fast and in what memory much output comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tests import daemons

from .peers import Lxdnb, Program, Pylxd, pylxd
from .ruler import MIB, measured
from .table import Comparison, Row, alone, counted, timed
from .turns import Wrong, rounds, say, seconds

NEEDS = (("lxd", "btrfs"),)
ONE = "c1"
MUCH = 500  # MB
FILE = "/root/much"
TRUE_ROUNDS, MUCH_ROUNDS = 40, 3
NOTES = """\
One running container on LXD with btrfs; {}. lxc starts anew each time, pylxd's client is connected
as lxdnb's is. The output is random bytes, hashed here as they come: by a handler, and from the pipe of `lxc exec`.
* from connecting on, by a client that was never used."""


def compare() -> Comparison:
    with daemons.daemon("lxd", pool="btrfs", pool_size="4GiB") as daemon:
        lxc = Program(daemon)
        lxc.run("launch", daemons.ALIAS, ONE)
        with pylxd(daemon) as peer:
            ours = Lxdnb(daemon)
            say("what each uses, and whether commands say what they should …")
            used = usage(ours, lxc, peer)
            check(ours)
            rows = [*times(ours, lxc, peer), *output(ours, lxc), *used]
            ours.client.close()
    return Comparison(NOTES.format(peer.told()), rows)


def check(ours: Lxdnb) -> None:
    ran = [ours.client.containers.get(ONE).execute(["sh", "-c", f"exit {code}"]).exit_code for code in (0, 3)]
    if ran != [0, 3]:
        raise Wrong(f"Commands that exit with 0 and 3 were said to have exited with {ran}.")


def times(ours: Lxdnb, lxc: Program, peer: Pylxd) -> list[Row]:
    container = ours.client.containers.get(ONE)
    taken = rounds(
        "commands",
        TRUE_ROUNDS,
        {
            "lxdnb": lambda: seconds(lambda: container.execute(["true"])),
            "lxc": lambda: seconds(lambda: lxc.run("exec", ONE, "--", "true")),
            "pylxd": lambda: peer.seconds("true", ONE),
        },
    )
    what = 'execute(["true"])'
    return [
        timed(what, taken["lxdnb"], "lxc exec", taken["lxc"], "≤ 0.8"),
        timed(what, taken["lxdnb"], "pylxd execute()", taken["pylxd"], "≤ 0.2"),
    ]


def output(ours: Lxdnb, lxc: Program) -> list[Row]:
    lxc.run("exec", ONE, "--", "sh", "-c", f"head -c {MUCH}000000 /dev/urandom > {FILE}")
    right = lxc.run("exec", ONE, "--", "sha256sum", FILE).split()[0]  # the container's own word
    container = ours.client.containers.get(ONE)

    def taken_by(run: Callable[[Callable[[bytes], object]], object]) -> None:
        digest = hashlib.sha256()
        run(digest.update)
        if digest.hexdigest() != right:
            raise Wrong("Much output came otherwise than it was sent.")

    def by_lxdnb() -> None:
        taken_by(lambda take: container.execute(["cat", FILE], stdout_handler=take, decode=False))

    def by_lxc() -> None:
        taken_by(lambda take: lxc.stream(take, "exec", ONE, "--", "cat", FILE))

    with measured() as used:
        by_lxdnb()
    by_lxc()
    sides = {"lxdnb": lambda: seconds(by_lxdnb), "lxc": lambda: seconds(by_lxc)}
    taken = rounds("much output", MUCH_ROUNDS, sides, warm=True)
    return [
        timed(f"output of {MUCH} MB, hashed", taken["lxdnb"], "lxc exec", taken["lxc"], "< 1"),
        alone("… memory", used["memory"] / MIB, "< 32 MiB", " MiB"),
    ]


def usage(ours: Lxdnb, lxc: Program, peer: Pylxd) -> list[Row]:
    """What a command uses from the connecting of a fresh client on, or of a fresh `lxc`."""
    true = ours.fresh(lambda client: client.containers.get(ONE).execute(["true"]))
    peer_true, lxc_true = peer.fresh("true", ONE), lxc.requests("exec", ONE, "--", "true")
    execute = "pylxd execute()"
    return [
        counted("execute*: requests", true["requests"], "lxc exec", lxc_true),
        counted("execute*: requests", true["requests"], execute, peer_true["requests"]),
        counted("execute*: connections", true["connections"], execute, peer_true["connections"]),
    ]
