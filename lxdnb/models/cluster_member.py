"""The members of a cluster: which servers it has, how they fare, and letting new ones join."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.exceptions import Conflict
from lxdnb.models._model import Manager, Model
from lxdnb.models._named import listed, there

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["ClusterMember", "ClusterMemberManager", "JoinToken"]


class JoinToken(str):
    """A token by which one server joins a cluster, as `lxc cluster add` prints it.

    A text that its own repr does not tell, so that it stays out of notebooks and logs: print it, or hand it on.
    `server_name` is the name that the server is to have, `expires_at` an ISO 8601 text, None for one that stays valid.
    """

    server_name: str
    expires_at: str | None

    def __new__(cls, text: str, server_name: str = "", expires_at: str | None = None) -> Self:  # noqa: D102
        made = super().__new__(cls, text)
        made.server_name = server_name
        made.expires_at = expires_at
        return made

    def __repr__(self) -> str:
        until = f", until {self.expires_at}" if self.expires_at else ""
        return f"<JoinToken for {self.server_name!r}{until}: print it>"


class ClusterMember(Model):
    """A member of the cluster.

    `status` is `Online`, `Offline`, `Evacuated` or `Blocked`, and `message` says more of it; `roles` are its parts in
    the cluster's database, `url` is where the others reach it, `groups` are the names of the cluster groups that it is
    in. What lies on it alone is reached by `client.use_target(member.server_name)`.

        for member in client.cluster.members.all():
            print(member.server_name, member.status, member.url)

    https://documentation.ubuntu.com/lxd/stable-5.0/howto/cluster_manage/
    """

    collection: ClassVar[str] = "members"
    key: ClassVar[str] = "server_name"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "failure_domain", "groups", "roles"})

    architecture: str
    config: dict[str, Any]
    database: bool
    description: str
    failure_domain: str
    groups: list[str]
    message: str
    roles: list[str]
    server_name: str
    status: str
    url: str

    @classmethod
    def get(cls, client: Client, server_name: str) -> Self:
        """Return the member of that name. Raises NotFound, and LXDAPIException where there is no cluster."""
        return cls._from_record(client, api.metadata(client.api.cluster.members[server_name].get()))

    @classmethod
    def exists(cls, client: Client, server_name: str) -> bool:
        """Return whether there is a member of that name. Raises LXDAPIException where there is no cluster."""
        return there(client.api.cluster.members[server_name])

    @classmethod
    def all(cls, client: Client, *_: object) -> list[Self]:
        """Return all members, by one request. Raises LXDAPIException where there is no cluster."""
        return listed(cls, client, client.api.cluster.members)

    @classmethod
    def create_token(cls, client: Client, server_name: str) -> JoinToken:
        """Return a token by which one server joins under that name, as `lxc cluster add` does.

        Whoever has it can use it, once. It is an operation of the class `token` until then: `cancel` of that one takes
        it back. Raises LXDAPIException where there is no cluster.
        """
        client.assert_has_api_extension("clustering_join_token")
        request = {"server_name": checks.name(server_name, "server_name")}
        made: dict[str, Any] = api.metadata(client.api.cluster.members.post(json=request))["metadata"]
        token = {
            "server_name": made["serverName"],
            "fingerprint": made["fingerprint"],
            "addresses": made["addresses"],
            "secret": made["secret"],
        }
        expires_at = made.get("expiresAt")
        if expires_at:
            token["expires_at"] = expires_at
        text = base64.b64encode(json.dumps(token, separators=(",", ":")).encode()).decode()
        return JoinToken(text, server_name, expires_at)

    @property
    def api(self) -> api.APINode:
        """The node of this member in `client.api`."""
        return self.client.api.cluster.members[self._name]

    def rename(self, new_name: str) -> None:
        """Give it another name. Raises Conflict when that is taken."""
        request = {"server_name": checks.name(new_name, "new_name")}
        try:
            self._started(self.api.post(json=request), wait=True)
        except Conflict as error:  # of which servers say no more than that word
            message = f"a member of the cluster has the name {checks.shown(new_name)} already"
            raise Conflict(error.response, message=message) from None
        self._theirs[self.key] = new_name

    def delete(self, wait: bool = False, *, force: bool = False) -> None:
        """Take it out of the cluster, and reset it. It must hold nothing, and be online.

        With `force` it is taken out as it is, with all that lies on it: for one that is lost for good. With `wait`,
        return when it is done. Raises LXDAPIException that says what it still holds.
        """
        params = {"force": 1} if checks.flag("force", force) else {}
        self._started(self.api.delete(params=params), wait)

    def state(self) -> dict[str, Any]:
        """Return how it fares: `sysinfo`, with load_averages, total_ram and free_ram in bytes …, and `storage_pools`,
        each with `space` in bytes and `inodes`, used and total. Raises LXDAPIExtensionNotAvailable on older servers.
        """
        self.client.assert_has_api_extension("cluster_member_state")
        return api.metadata(self.api.state.get())

    def evacuate(self, wait: bool = False, *, mode: str | None = None) -> None:
        """Move its instances to other members, or stop those that cannot be moved, as each one's `cluster.evacuate` has
        it; nothing new is then put on it. With `wait`, return when it is done.

        `mode` is for all of them alike: `stop`, `migrate`, `live-migrate` …, where the server takes one. Raises
        OperationFailed where an instance cannot be moved, LXDAPIExtensionNotAvailable.
        """
        self._state("evacuate", wait, mode)

    def restore(self, wait: bool = False) -> None:
        """Bring back what `evacuate` has moved or stopped. With `wait`, return when it is done."""
        self._state("restore", wait)

    def _state(self, action: str, wait: bool, mode: str | None = None) -> None:
        self.client.assert_has_api_extension("clustering_evacuation")
        request = {"action": action}
        if mode is not None:
            self.client.assert_has_api_extension("clustering_evacuation_mode")
            request["mode"] = checks.text("mode", mode)
        self._started(self.api.state.post(json=request), wait)
        if wait:
            self.sync()


class ClusterMemberManager(Manager[ClusterMember]):
    """`client.cluster.members`."""

    model = ClusterMember

    def get(self, server_name: str) -> ClusterMember:
        """Return the member of that name. Raises NotFound, and LXDAPIException where there is no cluster."""
        return self.model.get(self.client, server_name)

    def exists(self, server_name: str) -> bool:
        """Return whether there is a member of that name."""
        return self.model.exists(self.client, server_name)

    def all(self, *_: object) -> list[ClusterMember]:
        """Return all members, by one request. Raises LXDAPIException where there is no cluster."""
        return self.model.all(self.client)

    def create_token(self, server_name: str) -> JoinToken:
        """Return a token by which one server joins under that name; see `ClusterMember.create_token`."""
        return self.model.create_token(self.client, server_name)
