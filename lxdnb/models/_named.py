"""Resources that a server knows by one name each, and those that lie within another one: their lists and lookups."""
# What is private to a resource is its manager's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from lxdnb import api, checks
from lxdnb.exceptions import NotFound
from lxdnb.models._all_projects import of_all_projects
from lxdnb.models._model import Manager, Model, as_sent

if TYPE_CHECKING:
    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["OfProject", "OfProjectManager", "OfServer", "OfServerManager", "Part", "PartManager", "listed", "there"]


class Named(Model):
    """A resource with a name of its own, of a collection of the server's, as a profile or a network."""

    extension: ClassVar[str | None] = None
    """The API extension without which a server knows none of them."""

    @classmethod
    def get(cls, client: Client, name: str) -> Self:
        """Return the one of that name. Raises NotFound."""
        return cls._from_record(client, api.metadata(cls._collection(client)[name].get()))

    @classmethod
    def exists(cls, client: Client, name: str) -> bool:
        """Return whether there is one of that name."""
        return there(cls._collection(client)[name])

    @classmethod
    def _create(
        cls, client: Client, name: str, description: str | None, config: Mapping[str, Any] | None, **more: Any
    ) -> Self:
        """Create one, with those of `more` that are not None, and return it when it is there."""
        node = cls._collection(client)
        _ = node[name]  # refuses what is no name, before anything is sent
        created = cls(client, name=name)
        created._started(node.post(json=_request(name, description, config, more)), wait=True)
        return created

    @classmethod
    def _collection(cls, client: Client) -> APINode:
        """Return the node of the collection. Raises LXDAPIExtensionNotAvailable, before anything is sent."""
        if cls.extension is not None:
            client.assert_has_api_extension(cls.extension)
        return client.api[cls.collection]


class OfServer(Named):
    """A named resource of the server as a whole, as a storage pool or a project."""

    @classmethod
    def all(cls, client: Client) -> list[Self]:
        """Return all of them, by one request."""
        return listed(cls, client, cls._collection(client))


class OfProject(Named):
    """A named resource that belongs to a project, as a profile or a network."""

    all_projects_extension: ClassVar[str]
    """The API extension by which a server lists those of all projects at once."""

    @classmethod
    def all(cls, client: Client, *, all_projects: bool = False) -> list[Self]:
        """Return all of them, by one request; with `all_projects` those of all projects, each with a client of its
        own project. Raises LXDAPIExtensionNotAvailable where the server cannot list those.
        """
        node, extension = cls._collection(client), cls.all_projects_extension
        return listed(cls, client, node, all_projects=all_projects, extension=extension)


N = TypeVar("N", bound=Named)
S = TypeVar("S", bound=OfServer)
J = TypeVar("J", bound=OfProject)


class NamedManager(Manager[N], Generic[N]):
    """The lookups that collections of named resources have in common."""

    model: type[N]

    def get(self, name: str) -> N:
        """Return the one of that name. Raises NotFound."""
        return self.model.get(self.client, name)

    def exists(self, name: str) -> bool:
        """Return whether there is one of that name."""
        return self.model.exists(self.client, name)


class OfServerManager(NamedManager[S], Generic[S]):
    """A collection of the server as a whole."""

    model: type[S]

    def all(self) -> list[S]:
        """Return all of them, by one request."""
        return self.model.all(self.client)


class OfProjectManager(NamedManager[J], Generic[J]):
    """A collection of which each project has its own."""

    model: type[J]

    def all(self, *, all_projects: bool = False) -> list[J]:
        """Return all of them, by one request; with `all_projects` those of all projects."""
        return self.model.all(self.client, all_projects=all_projects)


class Part(Model):
    """A resource that lies within another, as a snapshot within its instance, and is reached by that one's path."""

    within: ClassVar[str]
    """The word by which it has the resource that it lies within, as in `snapshot.instance`."""
    extension: ClassVar[str | None] = None
    """The API extension without which a server knows none of them."""

    def __init__(self, client: Client, **fields: Any) -> None:
        self._owner: Any = fields.pop(self.within, None)
        super().__init__(client, **fields)

    @property
    def api(self) -> APINode:
        """The node of this resource in `client.api`."""
        return self._node(self._owner, self._name)

    @classmethod
    def _collection(cls, owner: Any) -> APINode:
        """Return the node of those within one resource. Raises LXDAPIExtensionNotAvailable, before anything is sent."""
        if cls.extension is not None:
            owner.client.assert_has_api_extension(cls.extension)
        return owner.api[cls.collection]

    @classmethod
    def _node(cls, owner: Any, name: str) -> APINode:
        """Return the node of one of them. Raises TypeError or ValueError for what is no name."""
        return cls._collection(owner)[name]

    @classmethod
    def _create(
        cls, owner: Any, name: str, description: str | None, config: Mapping[str, Any] | None, **more: Any
    ) -> Self:
        """Create one, with those of `more` that are not None, and return it when it is there."""
        _ = cls._node(owner, name)  # refuses what is no name, before anything is sent
        created = cls(owner.client, **{"name": name, cls.within: owner})
        created._started(cls._collection(owner).post(json=_request(name, description, config, more)), wait=True)
        return created

    @classmethod
    def _get(cls, owner: Any, name: str) -> Self:
        record = cls._kept(api.metadata(cls._node(owner, name).get()))
        return cls._from_record(owner.client, record, **{cls.within: owner})

    @classmethod
    def _exists(cls, owner: Any, name: str) -> bool:
        return there(cls._node(owner, name))

    @classmethod
    def _all(cls, owner: Any) -> list[Self]:
        records = api.metadata(cls._collection(owner).get(params={"recursion": 1})) or []
        more = {cls.within: owner}
        return [cls._from_record(owner.client, cls._kept(record), **more) for record in records]

    @classmethod
    def _kept(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is kept: some servers write the owner's name before its own."""
        return record

    def _read(self, response: Any) -> dict[str, Any]:
        return self._kept(super()._read(response))

    def _identity(self) -> tuple[str | None, ...]:
        return (*self._owner._identity(), *super()._identity())


P = TypeVar("P", bound=Part)


class PartManager(Manager[P], Generic[P]):
    """Those that lie within one resource, as `instance.snapshots`."""

    model: type[P]

    def __init__(self, client: Client, owner: Any) -> None:
        super().__init__(client)
        self._owner = owner

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._owner!r}>"

    def get(self, name: str) -> P:
        """Return the one of that name. Raises NotFound."""
        return self.model._get(self._owner, name)

    def exists(self, name: str) -> bool:
        """Return whether there is one of that name."""
        return self.model._exists(self._owner, name)

    def all(self) -> list[P]:
        """Return all of them, by one request."""
        return self.model._all(self._owner)


M = TypeVar("M", bound=Model)


def listed(
    kind: type[M],
    client: Client,
    node: APINode,
    params: Mapping[str, Any] | None = None,
    *,
    all_projects: bool = False,
    extension: str | None = None,
) -> list[M]:
    """Return what a list of the server's has, by one request.

    With `all_projects`, which the `extension` allows, of all projects: each then has a client of its own one.
    """
    asked: dict[str, Any] = {"recursion": 1, **(params or {})}
    if all_projects:
        asked |= of_all_projects(client, extension)
    records: Iterable[dict[str, Any]] = api.metadata(node.get(params=asked)) or []
    if not all_projects:
        return [kind._from_record(client, record) for record in records]
    clients: dict[str, Client] = {}
    found: list[M] = []
    for record in records:
        project = record.get("project") or "default"
        own = clients.setdefault(project, client.use_project(project))
        found.append(kind._from_record(own, record))
    return found


def there(node: APINode) -> bool:
    """Return whether there is something at a node."""
    try:
        node.get()
    except NotFound:
        return False
    return True


def _request(
    name: str, description: str | None, config: Mapping[str, Any] | None, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the creation of a named resource asks for."""
    said = {field: value for field, value in more.items() if value is not None}
    return {
        "name": name,
        "description": "" if description is None else checks.text("description", description),
        "config": as_sent({} if config is None else config),
        **said,
    }
