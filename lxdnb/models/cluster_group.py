"""Groups of a cluster's members, as those with a GPU: `target="@GROUP"` puts an instance on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from lxdnb import checks
from lxdnb.models._named import OfServer, OfServerManager

if TYPE_CHECKING:
    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["ClusterGroup", "ClusterGroupManager"]


class ClusterGroup(OfServer):
    """A group of the cluster's members; `members` are their names.

        group = client.cluster.groups.create("gpu", members=["n1", "n2"])
        client.launch("alpine", "c1", target="@gpu")

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/cluster_groups/
    """

    collection: ClassVar[str] = "groups"
    extension: ClassVar[str | None] = "clustering_groups"
    writable: ClassVar[frozenset[str]] = frozenset({"description", "members"})

    description: str
    members: list[str]
    name: str

    @classmethod
    def create(
        cls, client: Client, name: str, description: str | None = None, members: Sequence[str] | None = None
    ) -> Self:
        """Create a group and return it. Raises LXDAPIException when there is one of that name, or no such member."""
        node = cls._collection(client)
        _ = node[name]  # refuses what is no name, before anything is sent
        request = {
            "name": name,
            "description": "" if description is None else checks.text("description", description),
            "members": [] if members is None else checks.texts("members", members),
        }
        created = cls(client, name=name)
        created._started(node.post(json=request), wait=False)
        return created

    @property
    def api(self) -> APINode:
        """The node of this group in `client.api`."""
        return self._collection(self.client)[self._name]

    def rename(self, new_name: str) -> None:
        """Give it another name. Raises LXDAPIException when that is taken."""
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait=True)

    @classmethod
    def _collection(cls, client: Client) -> APINode:
        client.assert_has_api_extension("clustering_groups")
        return client.api.cluster.groups


class ClusterGroupManager(OfServerManager[ClusterGroup]):
    """`client.cluster.groups`."""

    model = ClusterGroup

    def create(self, name: str, description: str | None = None, members: Sequence[str] | None = None) -> ClusterGroup:
        """Create a group and return it; see `ClusterGroup.create`."""
        return self.model.create(self.client, name, description, members)
