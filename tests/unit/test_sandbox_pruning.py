"""What has expired on a simulated host is gone with its next round, and nothing else."""

from __future__ import annotations

import json

import pytest

from lxdnb.sandbox import handlers  # noqa: F401
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.events import Listener
from lxdnb.sandbox.pruning import begin_rounds
from lxdnb.sandbox.replies import Async, Request
from lxdnb.sandbox.routes import take
from tests.shells import Simulated

DAY = 86_400.0


@pytest.fixture
def simulated() -> Simulated:
    made = Simulated()
    begin_rounds(made.host)
    return made


def wait(simulated: Simulated, seconds: float) -> None:
    """Let time pass, by steps that are shorter than a round."""
    until = simulated.now + seconds
    while simulated.now < until:
        simulated.now = min(until, simulated.now + 20.0)
        while simulated.host.agenda.due == 0:
            simulated.host.agenda.run()


def make(simulated: Simulated, what: str, name: str, expires: float | None) -> None:
    body = {"name": name, "expires_at": timestamp(expires) if expires else None}
    path = f"/1.0/instances/c1/{what}"
    assert isinstance(take(simulated.host, Request("POST", path, body=json.dumps(body).encode())), Async)
    wait(simulated, 1)


def there(simulated: Simulated, what: str) -> list[str]:
    return [*(getattr(simulated.instance, what) or {})]


@pytest.mark.parametrize(("what", "action", "round_"), [("snapshots", "snapshot", 60), ("backups", "backup", 3600)])
def test_what_expires_is_gone_a_round_later_at_most(simulated, what, action, round_):
    heard: list[dict[str, object]] = []
    heed = Listener(frozenset({"lifecycle"}), "default", lambda text: heard.append(json.loads(text)["metadata"]))
    simulated.host.events.subscribe(heed)
    begun = simulated.now
    for name, expires in (("soon", begun + 100), ("later", begun + DAY), ("never", None)):
        make(simulated, what, name, expires)
    wait(simulated, 80)
    assert there(simulated, what) == ["soon", "later", "never"]
    wait(simulated, 20 + round_)
    assert there(simulated, what) == ["later", "never"]
    gone = {"action": f"instance-{action}-deleted", "source": f"/1.0/instances/c1/{what}/soon"}
    assert heard[-1] == gone
    wait(simulated, DAY + round_)
    assert there(simulated, what) == ["never"]
