"""Projects, which keep instances and what they need apart from those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.exceptions import Forbidden, LXDAPIException, LXDError, NotFound
from lxdnb.models._model import as_sent, name_in
from lxdnb.models._named import OfServer, OfServerManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Project", "ProjectManager", "assert_project", "with_projects"]


class Project(OfServer):
    """A project: `config` has its features, as `features.images`, and its limits, as `limits.instances`.

    `used_by` are the URLs of what is in it; it can be deleted and renamed only while that is empty.
    `client.use_project(name)` is a client of it.

    >>> project = client.projects.create("lab", config={"limits.instances": 10})
    >>> client.use_project("lab").instances.all()
    []
    >>> project.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/projects/
    """

    collection: ClassVar[str] = "projects"
    extension: ClassVar[str | None] = "projects"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description"})

    config: dict[str, Any]
    description: str
    name: str
    used_by: list[str]

    @classmethod
    def create(
        cls,
        client: Client,
        name: str,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Self:
        """Create a project and return it. Raises Conflict or LXDAPIException when there is one of that name.

        Features that `config` does not name are as the server has them by default: images, profiles and volumes of
        its own.
        """
        node = cls._collection(client)
        _ = node[name]  # refuses what is no name, before anything is sent
        request = {
            "name": name,
            "description": "" if description is None else checks.text("description", description),
            "config": as_sent({} if config is None else config),
        }
        created = cls(client, name=name)
        created._started(node.post(json=request), wait=False)
        return created

    def rename(self, new_name: str) -> Self:
        """Give it another name, and return it, once it is done.

        Raises Conflict or OperationFailed where it is not empty.
        """
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait=True)
        return self

    def delete(self, wait: bool = False, *, force: bool = False) -> None:
        """Delete it. With `force` everything that is in it goes too, running instances as well.

        Raises LXDAPIException while something is in it, LXDAPIExtensionNotAvailable for `force` on an older server.
        """
        if not checks.flag("force", force):
            return super().delete(wait)
        self.client.assert_has_api_extension("projects_force_delete")
        return self._started(self.api.delete(params={"force": 1}), wait)

    def state(self) -> dict[str, dict[str, int]]:
        """Return how much of its limits is used: `Limit` and `Usage` of containers, memory, disk … by name.

        Memory and disk are in bytes, cpu in cores; -1 is no limit.

        >>> client.projects.get("default").state()["containers"]
        {'Limit': -1, 'Usage': 2}
        """
        self.client.assert_has_api_extension("project_usage")
        return api.metadata(self.api.state.get())["resources"]


class ProjectManager(OfServerManager[Project]):
    """`client.projects`."""

    model = Project

    def create(self, name: str, description: str | None = None, config: Mapping[str, Any] | None = None) -> Project:
        """Create a project and return it; see `Project.create`."""
        return self.model.create(self.client, name, description, config)


def assert_project(client: Client) -> None:
    """Raise NotFound where a client's project is not there: of such a one servers list no instances, and say nothing.

    Asked for only when a list came empty.
    """
    if client.project in (None, "default"):
        return
    try:
        client.api.projects[client.project].get()
    except NotFound as error:
        names = ", ".join(sorted(map(name_in, api.metadata(client.api.projects.get()))))
        message = f"this server has no project {checks.shown(client.project)}: it has {names}"
        raise NotFound(error.response, message=message) from None
    except LXDAPIException:
        pass  # a client that may not look at projects


def with_projects(error: LXDAPIException, client: Client) -> LXDAPIException:
    """Return a refusal with the projects that the client may use, where its own is none of them."""
    if type(error) not in (Forbidden, LXDAPIException):
        return error
    try:
        names = sorted(map(name_in, api.metadata(client.api.projects.get())))
    except LXDError:
        return error
    if not names or (client.project or "default") in names:
        return error
    hint = f"this client may use {', '.join(names)}, as by use_project({names[0]!r})"
    return type(error)(error.response, message=f"{error}: {hint}")
