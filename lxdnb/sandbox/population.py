"""Instances by the hundred thousand, each with a role, limits and habits of its own, settled by the host's chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.instances import IDMAP, Instance
from lxdnb.sandbox.profiles import Profile

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["populate"]

_ROLES = {"web": 30, "api": 20, "worker": 20, "db": 10, "cache": 8, "build": 8, "desktop": 4}
"""How many of a hundred have each role; desktops are virtual machines."""
_MEMORY = ("256MiB", "512MiB", "1GiB", "2GiB", "8GiB")
_RUNNING, _FROZEN = 0.6, 0.62  # shares of 1
_LONGEST = 90 * 86_400.0  # seconds that one runs already


def populate(host: Host, count: int) -> None:
    """Make so many instances in the project `default`, as if they had been there for long."""
    if not count:
        return
    chance, now, members = host.random, host.clock(), host.cluster.members
    image = next(iter(host.images("default").values()))
    profiles = host.profiles("default")
    for role in _ROLES:
        profiles[role] = Profile(role, f"Of each {role}", {"user.role": role, "limits.cpu": "2"})
    instances = host.instances("default")
    shared = {f"image.{key}": value for key, value in image.properties.items()} | {
        "volatile.base_image": image.fingerprint,
    }
    mapped = {"volatile.idmap.base": "0", "volatile.idmap.next": IDMAP}  # which virtual machines do not have
    configs = [{**shared, "limits.memory": memory} for memory in _MEMORY]
    of_containers = [config | mapped for config in configs]
    roles = chance.choices([*_ROLES], [*_ROLES.values()], k=count)
    width = len(str(max(count - 1, 0)))
    for number, role in enumerate(roles):
        made = Instance(
            f"{role}-{number:0{width}}",
            "default",
            "virtual-machine" if role == "desktop" else "container",
            now - chance.random() * _LONGEST,
            chance.getrandbits(32),
        )
        made.member = members[number % len(members)]
        made.profiles, made.files = ("default", role), image
        luck = chance.random()
        uuid = f"{chance.getrandbits(128):032x}"
        made.config = (configs if role == "desktop" else of_containers)[number % len(configs)] | {
            "volatile.uuid": f"{uuid[:8]}-{uuid[8:12]}-4{uuid[13:16]}-8{uuid[17:20]}-{uuid[20:]}"
        }
        if luck < _FROZEN:
            made.status = "Running" if luck < _RUNNING else "Frozen"
            made.started = made.last_used = now - (now - made.created) * chance.random()
        instances[made.name] = made
