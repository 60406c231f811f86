"""Profiles: configuration and devices that instances have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.exceptions import NotFound
from lxdnb.models._model import Manager, Model, as_sent

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Profile", "ProfileManager"]


class Profile(Model):
    """A profile: `config` and `devices` that the instances have to whose `profiles` it belongs.

    `used_by` are the URLs of those. It cannot be deleted while there are any.

    >>> profile = client.profiles.create("small", config={"limits.memory": "128MiB"})
    >>> profile.config["limits.cpu"] = 1
    >>> profile.save()
    >>> profile.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/profiles/
    """

    collection: ClassVar[str] = "profiles"
    writable: ClassVar[frozenset[str]] = frozenset({"config", "description", "devices"})

    config: dict[str, Any]
    description: str
    devices: dict[str, dict[str, Any]]
    name: str
    project: str
    used_by: list[str]

    @classmethod
    def get(cls, client: Client, name: str) -> Self:
        """Return the profile of that name. Raises NotFound."""
        return cls._from_record(client, api.metadata(client.api.profiles[name].get()))

    @classmethod
    def exists(cls, client: Client, name: str) -> bool:
        """Return whether there is a profile of that name."""
        try:
            cls.get(client, name)
        except NotFound:
            return False
        return True

    @classmethod
    def all(cls, client: Client) -> list[Self]:
        """Return all profiles, by one request."""
        records = api.metadata(client.api.profiles.get(params={"recursion": 1}))
        return [cls._from_record(client, record) for record in records]

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


class ProfileManager(Manager[Profile]):
    """`client.profiles`."""

    model = Profile

    def get(self, name: str) -> Profile:
        """Return the profile of that name. Raises NotFound."""
        return self.model.get(self.client, name)

    def exists(self, name: str) -> bool:
        """Return whether there is a profile of that name."""
        return self.model.exists(self.client, name)

    def all(self) -> list[Profile]:
        """Return all profiles, by one request."""
        return self.model.all(self.client)

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
