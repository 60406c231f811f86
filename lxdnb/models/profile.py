"""Profiles: configuration and devices that instances have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from lxdnb import checks
from lxdnb.models._model import as_sent, name_in
from lxdnb.models._named import OfProject, OfProjectManager

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.instance import Instance

__all__ = ["Profile", "ProfileManager"]


class Profile(OfProject):
    """A profile: `config` and `devices` that the instances have to whose `profiles` it belongs.

    `used_by` are the URLs of those. It cannot be deleted while there are any.

    >>> profile = client.profiles.create("small", config={"limits.memory": "128MiB"})
    >>> profile.config["limits.cpu"] = 1
    >>> profile.save()
    >>> profile.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/profiles/
    """

    collection: ClassVar[str] = "profiles"
    all_projects_extension: ClassVar[str] = "profiles_all_projects"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "devices"})

    config: dict[str, Any]
    description: str
    devices: dict[str, dict[str, Any]]
    name: str
    project: str
    used_by: list[str]

    @classmethod
    def create(
        cls,
        client: Client,
        name: str,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        description: str | None = None,
        wait: bool = False,
    ) -> Self:
        """Create a profile and return it. Raises Conflict or LXDAPIException when there is one of that name.

        The server has made it when this returns: `wait` changes nothing on servers of today.
        """
        _ = client.api.profiles[name]  # refuses what is no name, before anything is sent
        request = {
            "name": name,
            "config": as_sent({} if config is None else config),
            "devices": as_sent({} if devices is None else devices, "devices", depth=2),
            "description": "" if description is None else checks.text("description", description),
        }
        created = cls(client, name=name)
        created._started(client.api.profiles.post(json=request), wait)
        return created

    def instances(self) -> list[Instance]:
        """Return the instances that have it, those of other projects with a client of their own one each.

        By one request for who they are, and one list, however many there are.

        >>> client.profiles.get("default").instances()
        [<Instance 'c1': Running>, <Instance 'c2': Stopped>]
        """
        self.sync()
        wanted = {(_project_in(url), name_in(url)) for url in self.used_by}
        projects = sorted({project for project, _ in wanted})
        if len(projects) > 1 and self.client.has_api_extension("instance_all_projects"):
            found = self.client.instances.all(all_projects=True)
        else:
            found = [each for project in projects for each in self._client_of(project).instances.all()]
        return [each for each in found if (each.client.project or "default", each.name) in wanted]

    def _client_of(self, project: str) -> Client:
        return self.client if project == (self.client.project or "default") else self.client.use_project(project)

    def update(self, wait: bool = False) -> None:
        """Save: pylxd's manual has this name for it."""
        self.save(wait)

    def rename(self, new_name: str, wait: bool = False) -> Self:
        """Give it another name, and return it. Raises Conflict or LXDAPIException when that is taken."""
        _ = self.client.api.profiles[new_name]
        self._rename(new_name, wait)
        return self


class ProfileManager(OfProjectManager[Profile]):
    """`client.profiles`."""

    model = Profile

    def create(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        description: str | None = None,
        wait: bool = False,
    ) -> Profile:
        """Create a profile and return it; see `Profile.create`."""
        return self.model.create(self.client, name, config, devices, description, wait)


def _project_in(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("project", ["default"])[0]
