"""DNS zones, which the server hands to other name servers, and the records that they have beside its instances'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb.models._named import OfProject, OfProjectManager, Part, PartManager
from lxdnb.models._rows import rows_as_sent

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["NetworkZone", "NetworkZoneManager", "NetworkZoneRecord", "NetworkZoneRecordManager"]


class NetworkZone(OfProject):
    """A DNS zone, whose name is its domain, as in `lab.example`, or one for reverse look-ups.

    The addresses of the instances in it come from the networks that name it in `dns.zone.forward` and
    `dns.zone.reverse.ipv4` or `.ipv6`; `used_by` are their URLs. `config` has its peers, as `peers.NAME.address`.

    >>> zone = client.network_zones.create("lab.example")
    >>> record = zone.records.create("www", entries=[{"type": "CNAME", "value": "c1.lab.example."}])
    >>> record.entries.append({"type": "TXT", "value": "of the lab", "ttl": 60})
    >>> record.save()
    >>> record.delete()
    >>> zone.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_zones/
    """

    collection: ClassVar[str] = "network-zones"
    extension: ClassVar[str | None] = "network_dns"
    all_projects_extension: ClassVar[str] = "network_zones_all_projects"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    name: str
    project: str
    used_by: list[str]

    @classmethod
    def create(
        cls,
        client: Client,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Self:
        """Create a zone and return it. Raises Conflict or LXDAPIException when there is one of that name."""
        return cls._create(client, name, description, config)

    @property
    def records(self) -> NetworkZoneRecordManager:
        """Its records: those that were made, without its instances' addresses."""
        return NetworkZoneRecordManager(self.client, self)


class NetworkZoneRecord(Part):
    """A record of a zone: what there is at one name in it, as `www`, or `@` for the zone itself.

    Each of `entries` is a dict of `type` (A, AAAA, CNAME, MX, TXT …) and `value`, and where it has one its `ttl`, in
    seconds.
    """

    collection: ClassVar[str] = "records"
    extension: ClassVar[str | None] = "network_dns_records"
    within: ClassVar[str] = "zone"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "entries"})

    config: dict[str, Any]
    description: str
    entries: list[dict[str, Any]]
    name: str

    @classmethod
    def get(cls, client: Client, zone: NetworkZone, name: str) -> Self:
        """Return the record of that name. Raises NotFound."""
        return cls._get(zone, name)

    @classmethod
    def exists(cls, client: Client, zone: NetworkZone, name: str) -> bool:
        """Return whether there is a record of that name."""
        return cls._exists(zone, name)

    @classmethod
    def all(cls, client: Client, zone: NetworkZone) -> list[Self]:
        """Return all records of a zone, by one request."""
        return cls._all(zone)

    @classmethod
    def create(
        cls,
        client: Client,
        zone: NetworkZone,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> Self:
        """Create a record and return it. Raises Conflict or LXDAPIException when there is one of that name."""
        rows = rows_as_sent("entries", [] if entries is None else entries)
        return cls._create(zone, name, description, config, entries=rows)

    @property
    def zone(self) -> NetworkZone:
        """The zone that it is a record of."""
        return self._owner


class NetworkZoneManager(OfProjectManager[NetworkZone]):
    """`client.network_zones`."""

    model = NetworkZone

    def create(self, name: str, description: str | None = None, config: Mapping[str, Any] | None = None) -> NetworkZone:
        """Create a zone and return it; see `NetworkZone.create`."""
        return self.model.create(self.client, name, description, config)


class NetworkZoneRecordManager(PartManager[NetworkZoneRecord]):
    """`zone.records`."""

    model = NetworkZoneRecord

    def create(
        self,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> NetworkZoneRecord:
        """Create a record and return it; see `NetworkZoneRecord.create`."""
        return self.model.create(self.client, self._owner, name, description, config, entries=entries)
