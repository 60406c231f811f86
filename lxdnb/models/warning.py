"""Warnings: what the server has found wrong with itself or its machine, and goes on without."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from lxdnb import api
from lxdnb.models._model import Manager, Model
from lxdnb.models._named import listed

if TYPE_CHECKING:
    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["Warning", "WarningManager"]

SHOWN = (
    *("status", "uuid", "location", "project", "type", "count"),
    *("first_seen_at", "last_seen_at", "last_message", "severity", "entity_url"),
)  # in the command line's order


class Warning(Model):
    """A warning of the server's.

    `type` says what is wrong and `last_message` what comes of it; it was seen `count` times. `severity` is `low`,
    `moderate` or `high`, `status` is `new`, `acknowledged` or `resolved`. `entity_url` is what it is about, `project`
    and `location` (a cluster member) where that is: empty for the server as a whole.

    >>> for warning in client.warnings.all():
    ...     warning.acknowledge()

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
    """

    collection: ClassVar[str] = "warnings"
    key: ClassVar[str] = "uuid"
    writable: ClassVar[frozenset[str]] = frozenset({"status"})

    count: int
    entity_url: str
    first_seen_at: str
    last_message: str
    last_seen_at: str
    location: str
    project: str
    severity: str
    status: str
    type: str
    uuid: str

    @classmethod
    def get(cls, client: Client, uuid: str) -> Self:
        """Return the warning with this UUID. Raises NotFound."""
        return cls._from_record(client, api.metadata(_collection(client)[uuid].get()))

    @classmethod
    def all(cls, client: Client) -> list[Self]:
        """Return all warnings, acknowledged ones too, by one request; of a client's project, if it has one."""
        return listed(cls, client, _collection(client))

    def acknowledge(self) -> None:
        """Mark it as seen: the command line then lists it no more, until it comes again."""
        self.raw_put({"status": "acknowledged"})
        self.sync()

    def _shown(self) -> tuple[str, ...]:
        return SHOWN


class WarningManager(Manager[Warning]):
    """`client.warnings`."""

    model = Warning

    def get(self, uuid: str) -> Warning:
        """Return the warning with this UUID. Raises NotFound."""
        return self.model.get(self.client, uuid)

    def all(self) -> list[Warning]:
        """Return all warnings, acknowledged ones too; see `Warning.all`."""
        return self.model.all(self.client)


def _collection(client: Client) -> APINode:
    client.assert_has_api_extension("warnings")
    return client.api["warnings"]
