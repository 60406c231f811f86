"""The simulated host: all that it has, by projects, with its time and its chance passed in.

Pure: it opens nothing and waits for nothing. Each resource's file beside this one has its class and what requests do
to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from random import Random
from typing import Any
from uuid import UUID

from lxdnb.sandbox.callers import ROOT, Caller
from lxdnb.sandbox.calling import Lines, NoLines
from lxdnb.sandbox.certificates import Certificate
from lxdnb.sandbox.clock import Agenda
from lxdnb.sandbox.events import Events, tells_requestor
from lxdnb.sandbox.faults import Faults
from lxdnb.sandbox.flavours import flavour
from lxdnb.sandbox.identity import Identity, new_identity
from lxdnb.sandbox.images import Image
from lxdnb.sandbox.instances import Instance
from lxdnb.sandbox.listening import Doors
from lxdnb.sandbox.members import OWN_KEYS, Cluster, Member
from lxdnb.sandbox.memory import OF_ALL, Memory
from lxdnb.sandbox.network_others import Integration
from lxdnb.sandbox.nodes import Space
from lxdnb.sandbox.operations import Operations
from lxdnb.sandbox.pools import Pool
from lxdnb.sandbox.profiles import Profile
from lxdnb.sandbox.projects import Project, first_project
from lxdnb.sandbox.replies import Refused
from lxdnb.sandbox.urls import of_project, url
from lxdnb.sandbox.warnings import Notice, first_warnings

__all__ = ["Host"]

DISK = 4 * 2**30  # bytes that may be written to the files of all instances


class Host:
    """One host. `clock` tells seconds since 1970; `seed` settles all that is left to chance."""

    def __init__(
        self,
        kind: str,
        clock: Callable[[], float],
        seed: int = 0,
        name: str = "simulated",
        identity: Identity | None = None,
    ) -> None:
        self.flavour = flavour(kind)
        self.clock, self.random, self.name = clock, Random(seed), name
        self.started = clock()
        self.identity = identity or new_identity(name)
        self.asking = ROOT
        """Who asks for what happens just now."""
        self.config: dict[str, str] = {}
        self.lines: Lines = NoLines()
        self.cluster = Cluster()
        self.agenda = Agenda(clock)
        self.here = self.cluster.first
        self.events = Events(clock, lambda: self.here.name)
        self.operations = Operations(self)
        self.faults = Faults()
        self.leaving: float | None = None
        """For how many seconds it is to be away, as soon as may be."""
        self.pools: dict[str, Pool] = {}
        self.certificates: dict[str, Certificate] = {}
        self.warnings: dict[str, Notice] = first_warnings(self)
        self.integrations: dict[str, Integration] = {}
        self.projects: dict[str, Project] = {"default": first_project(self)}
        self.memory = Memory(OF_ALL)
        self.disk = Space(DISK)
        self.metrics: dict[tuple[str, str], Any] = {}  # what was told of late, by member and project

    def forget(self) -> None:
        """Forget what a server forgets that is stopped: operations, and who listens. What runs runs on."""
        self.operations.forget_all()
        self.events.forget()

    def new_uuid(self) -> str:
        """Return an identifier that nothing here has yet."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def new_secret(self) -> str:
        """Return a secret, which no seed settles: others must not know it."""
        return secrets.token_hex(32)

    @contextmanager
    def asked_by(self, caller: Caller) -> Generator[None]:
        """Have what happens meanwhile be asked for by somebody."""
        before, self.asking = self.asking, caller
        try:
            yield
        finally:
            self.asking = before

    @property
    def here(self) -> Member:
        """The member of the cluster that does what is being done; the only one, of a server that stands alone."""
        return self.agenda.turn

    @here.setter
    def here(self, member: Member) -> None:
        self.agenda.turn = member

    @property
    def server_name(self) -> str:
        """What the server that does this is called."""
        return self.here.name if self.cluster.enabled else self.name

    @property
    def settings(self) -> dict[str, str]:
        """What that server is set to, for itself and with all others."""
        return self.config | self.here.settings

    @settings.setter
    def settings(self, settings: dict[str, str]) -> None:
        self.config = {key: value for key, value in settings.items() if key not in OWN_KEYS}
        self.here.settings = {key: value for key, value in settings.items() if key in OWN_KEYS}

    @property
    def doors(self) -> Doors:
        return self.here.doors

    @property
    def addresses(self) -> list[str]:
        """Where others reach it, as `127.0.0.1:8443`."""
        return self.here.addresses

    @addresses.setter
    def addresses(self, addresses: list[str]) -> None:
        self.here.addresses = addresses

    def project(self, name: str, failed: str | None = None) -> Project:
        """Return a project. Raises Refused with 404, with the words `failed` in front."""
        if name not in self.projects:
            failed = f'Failed loading project "{name}": ' if failed is None else failed
            raise Refused(404, f"{failed}Project not found")
        return self.projects[name]

    def keeper(self, project: str, feature: str) -> Project:
        """Return the project that keeps a kind of things for one: itself, or `default` where it lacks the feature."""
        own = self.project(project)
        return own if own.config.get(f"features.{feature}") == "true" else self.projects["default"]

    def pool(self, name: str) -> Pool:
        """Return a pool. Raises Refused with 404."""
        if name not in self.pools:
            raise Refused(404, "Storage pool not found")
        return self.pools[name]

    def profiles(self, project: str) -> dict[str, Profile]:
        return self.keeper(project, "profiles").profiles

    def images(self, project: str) -> dict[str, Image]:
        return self.keeper(project, "images").images

    def instances(self, project: str) -> dict[str, Instance]:
        return self.project(project).instances

    def tell(
        self, action: str, source: str, project: str, context: dict[str, Any] | None = None, *, bare: bool = False
    ) -> None:
        """Tell those who listen of something that happened to what lies at the path `source`, which is not escaped;
        `bare` of who asked for it."""
        of = "default" if action.startswith("project-") else project
        parts = _parts(source)
        where = url(self, *parts, project=of) if parts else of_project(source, of)
        metadata: dict[str, Any] = {"action": action, "source": where}
        if context:
            metadata["context"] = context
        if not bare and tells_requestor(self.flavour.name, action):
            metadata["requestor"] = self.asking.requestor
        if self.flavour.incus and source.count("/") == 3 and source.startswith("/1.0/instances/"):
            metadata |= {"name": source.rpartition("/")[2], "project": project}
        self.events.emit("lifecycle", metadata, project)


def _parts(path: str) -> list[str]:
    """Return the parts of a thing's path: an alias alone may have a slash in it."""
    if path.startswith("/1.0/images/aliases/"):
        return ["images", "aliases", path.removeprefix("/1.0/images/aliases/")]
    return path.split("/")[2:]
