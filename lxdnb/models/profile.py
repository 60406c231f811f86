"""Profiles: configuration and devices that instances have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import checks
from lxdnb.models._model import as_sent
from lxdnb.models._named import OfProject, OfProjectManager

if TYPE_CHECKING:
    from lxdnb.client import Client

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
