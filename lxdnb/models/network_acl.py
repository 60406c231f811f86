"""ACLs: which traffic the networks and devices that have them let through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb.models._named import OfProject, OfProjectManager
from lxdnb.models._rows import rows_as_sent

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["NetworkACL", "NetworkACLManager"]


class NetworkACL(OfProject):
    """An ACL, which a network or a device of an instance has by its name in `security.acls`.

    Its rules are `ingress`, for what comes in, and `egress`, for what goes out. Each is a dict of `action` (allow,
    drop, reject …) and `state` (enabled, disabled, logged), and of what it is for: `protocol`, `source`,
    `destination`, `source_port`, `destination_port`, `icmp_type`, `icmp_code`. `used_by` are the URLs of what has it.

    >>> rule = {"action": "allow", "state": "enabled", "protocol": "tcp", "destination_port": 80}
    >>> acl = client.network_acls.create("web", ingress=[rule])
    >>> acl.ingress[0]["destination_port"] = "80,443"
    >>> acl.save()
    >>> acl.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/network_acls/
    """

    collection: ClassVar[str] = "network-acls"
    extension: ClassVar[str | None] = "network_acl"
    all_projects_extension: ClassVar[str] = "network_acls_all_projects"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "egress", "ingress"})

    config: dict[str, Any]
    description: str
    egress: list[dict[str, Any]]
    ingress: list[dict[str, Any]]
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
        *,
        ingress: Sequence[Mapping[str, Any]] | None = None,
        egress: Sequence[Mapping[str, Any]] | None = None,
    ) -> Self:
        """Create an ACL and return it. Raises LXDAPIException when there is one of that name, or a rule is wrong."""
        rules = {
            "ingress": rows_as_sent("ingress", [] if ingress is None else ingress),
            "egress": rows_as_sent("egress", [] if egress is None else egress),
        }
        return cls._create(client, name, description, config, **rules)

    def rename(self, new_name: str) -> Self:
        """Give it another name, and return it. Raises LXDAPIException when that is taken, or it is in use."""
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait=True)
        return self

    def log(self) -> str:
        """Return what its rules with the state `logged` have met, a line of JSON each.

        Servers know that of OVN networks alone. Raises LXDAPIException where there is no OVN.
        """
        self.client.assert_has_api_extension("network_acl_log")
        return self.api.log.get(is_api=False).content.decode(errors="replace")


class NetworkACLManager(OfProjectManager[NetworkACL]):
    """`client.network_acls`."""

    model = NetworkACL

    def create(
        self,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        *,
        ingress: Sequence[Mapping[str, Any]] | None = None,
        egress: Sequence[Mapping[str, Any]] | None = None,
    ) -> NetworkACL:
        """Create an ACL and return it; see `NetworkACL.create`."""
        return self.model.create(self.client, name, description, config, ingress=ingress, egress=egress)
