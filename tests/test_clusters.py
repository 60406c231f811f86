"""The private clusters: that they are real, and that nothing of them is left, however their owner ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clusters import NAMES, cluster
from tests.daemons import ALIAS, FLAVOURS, missing
from tests.test_daemons import ROOT, gone, remains

OWNER = """
import json, time
from tests.clusters import cluster
with cluster({flavour!r}) as made:
    made.first.cli("launch", "busybox", "c1", "--quiet", "--target", "n2")
    pid = made["n2"].query("/1.0/instances/c1/state")["pid"]
    print(json.dumps([[str(each.directory), each.pid] for each in made.members.values()] + [[None, pid]]), flush=True)
    time.sleep(300)
"""


@pytest.fixture(params=FLAVOURS)
def kind(request: pytest.FixtureRequest) -> str:
    if reason := missing(request.param):
        pytest.skip(reason)
    return request.param


def test_two_side_by_side_and_nothing_left_even_when_an_owner_is_killed(kind: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(flavour=kind)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    with cluster(kind) as made, owner.stdout:
        made.first.cli("launch", ALIAS, "c1", "--quiet", "--target", "n3")
        for member in made.members.values():
            assert [url.rpartition("/")[2] for url in member.query("/1.0/cluster/members")] == [*NAMES]
            assert member.query("/1.0/instances/c1")["location"] == "n3"
        kept = [(each.directory, each.pid) for each in made.members.values()]
        *others, (_, box) = json.loads(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert [gone(Path(directory), [pid, box], 60) for directory, pid in others] == [[]] * 3
        assert made["n2"].query("/1.0/instances/c1")["status"] == "Running"
    assert [remains(directory, [pid]) for directory, pid in kept] == [[]] * 3
