"""Snapshots of an instance: the state that it had, to go back to or to make something of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._copy import Overrides, copied
from lxdnb.models._named import Part, PartManager
from lxdnb.models._publish import Publishes

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode
    from lxdnb.client import Client
    from lxdnb.models.instance import Instance

__all__ = ["Snapshot", "SnapshotManager", "instant", "node_of"]


NEVER = "0001-01-01T00:00:00Z"
"""When a snapshot expires that does not, in the words of servers."""


class Snapshot(Part, Publishes):
    """A snapshot of an instance.

    `name` is its own, without the instance's; `instance` is the object it was asked of. `created_at` and `expires_at`
    are ISO 8601 texts; `size` is in bytes, -1 where the storage cannot tell. `expires_at` can be set, to a datetime or
    such a text, with a time zone, or to None for never, of which servers say 0001-01-01T00:00:00Z; then `save` it.

    >>> instance = client.instances.get("c1")
    >>> snapshot = instance.snapshots.create("before", wait=True)
    >>> snapshot.restore(wait=True)
    <Response [202]>
    >>> snapshot.delete(wait=True)

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_snapshots_get
    """

    collection: ClassVar[str] = "snapshots"
    within: ClassVar[str] = "instance"
    writable: ClassVar[frozenset[str]] = frozenset({"expires_at"})

    architecture: str
    config: dict[str, str]
    created_at: str
    devices: dict[str, dict[str, str]]
    ephemeral: bool
    expanded_config: dict[str, str]
    expanded_devices: dict[str, dict[str, str]]
    expires_at: str
    last_used_at: str
    name: str
    profiles: list[str]
    size: int
    stateful: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "expires_at":
            moment = NEVER if value is None else instant(value)
            # As it is the server's may be finer than a datetime.
            value = value if value == self._theirs.get(name) else moment
        super().__setattr__(name, value)

    @classmethod
    def get(cls, client: Client, instance: Instance, name: str) -> Self:
        """Return the snapshot of that name. Raises NotFound."""
        return cls._get(instance, name)

    @classmethod
    def exists(cls, client: Client, instance: Instance, name: str) -> bool:
        """Return whether there is a snapshot of that name."""
        return cls._exists(instance, name)

    @classmethod
    def all(cls, client: Client, instance: Instance) -> list[Self]:
        """Return all snapshots of an instance, the oldest first, by one request."""
        return cls._all(instance)

    @classmethod
    def create(
        cls,
        client: Client,
        instance: Instance,
        name: str,
        stateful: bool = False,
        wait: bool = False,
        *,
        expires_at: datetime | str | None = None,
    ) -> Self:
        """Take a snapshot and return it; with `wait`, when it is there.

        `stateful` keeps the memory of a running instance too, which needs CRIU. The server deletes it at
        `expires_at`, a datetime or an ISO 8601 text, with a time zone; without, when the instance's `snapshots.expiry`
        says so. Raises LXDAPIException or OperationFailed.
        """
        _ = node_of(instance, name)  # refuses what is no name, before anything is sent
        request: dict[str, Any] = {"name": name, "stateful": checks.flag("stateful", stateful)}
        if expires_at is not None:
            client.assert_has_api_extension("snapshot_expiry_creation")
            request["expires_at"] = instant(expires_at)
        created = cls(client, name=name, instance=instance)
        created._started(instance.api.snapshots.post(json=request), wait)
        return created

    @property
    def instance(self) -> Instance:
        """The instance that it is a snapshot of."""
        return self._owner

    def rename(self, new_name: str, wait: bool = False) -> None:
        """Give it another name. Raises Conflict or OperationFailed when that is taken."""
        _ = node_of(self.instance, new_name)
        self._rename(new_name, wait)

    def restore(self, wait: bool = False) -> Response:
        """Put its instance back to what it was then. Returns the server's answer, as pylxd does."""
        answer = self.instance.restore_snapshot(self._name, wait)
        self._operation = self.instance.operation
        return answer

    def copy(
        self,
        name: str,
        new_client: Client | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        pool: str | None = None,
        target: str | None = None,
        ephemeral: bool = False,
        mode: str = "pull",
        wait: bool = False,
    ) -> Instance:
        """Make an instance of it, as `lxc copy c1/before c2` does, and return it; see `Instance.copy`."""
        return copied(
            self.instance,
            f"{self.instance.name}/{self._name}",
            self.api,
            name,
            new_client,
            Overrides(profiles, config, devices, pool),
            read=self._fresh,
            target=target,
            ephemeral=ephemeral,
            mode=mode,
            wait=wait,
            flags={},
        )

    @classmethod
    def _node(cls, owner: Any, name: str) -> APINode:
        return node_of(owner, name)

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        # Older servers put the instance's name before it: c1/before.
        return {**record, "name": record["name"].rpartition("/")[2]}

    def _shown(self) -> Iterable[str]:
        return ["expires_at", *(name for name in super()._shown() if name != "expires_at")]

    def _source(self) -> dict[str, str]:
        return {"type": "snapshot", "name": f"{self.instance.name}/{self._name}"}


class SnapshotManager(PartManager[Snapshot]):
    """`instance.snapshots`."""

    model = Snapshot

    def create(
        self, name: str, stateful: bool = False, wait: bool = False, *, expires_at: datetime | str | None = None
    ) -> Snapshot:
        """Take a snapshot and return it; see `Snapshot.create`."""
        return self.model.create(self.client, self._owner, name, stateful, wait, expires_at=expires_at)


def node_of(instance: Instance, name: str) -> APINode:
    """Return the node of a snapshot. Raises TypeError or ValueError for what is no name."""
    if "/" in checks.name(name):
        # Servers take `c2/before` for the snapshot of another instance, and would put that one's files into this one.
        raise ValueError(f"{checks.shown(name)} is no name of a snapshot: it has a / in it")
    # Servers unquote a snapshot's name twice: who asks for `x%41`, quoted once, gets the snapshot `xA`.
    node = instance.api.snapshots
    return node[name.replace("%", "%25")]


def instant(moment: datetime | str) -> str:
    """Return a time as servers take it. Raises TypeError or ValueError for what is none, or has no time zone."""
    example = "as in datetime.now(UTC) + timedelta(days=1) or '2030-01-31T12:00:00Z'"
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ValueError(f"expires_at is a time, {example}, not {checks.shown(moment)}") from None
    if not isinstance(moment, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"expires_at is a datetime or an ISO 8601 text, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: {example}")
    try:
        return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
    except OverflowError:
        raise ValueError(f"{moment} is before the year 1, or after 9999, in UTC") from None
