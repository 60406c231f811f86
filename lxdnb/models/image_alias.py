"""Aliases: the names that people give to images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from lxdnb import checks
from lxdnb.models._fingerprint import known_by
from lxdnb.models._named import OfServer, OfServerManager

if TYPE_CHECKING:
    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["ImageAlias", "ImageAliasManager"]


class ImageAlias(OfServer):
    """A name for an image: `target` is the fingerprint of the image that it points to, and may be changed.

    >>> alias = client.images.aliases.create("stable", client.images.find("busybox").fingerprint, "What we use")
    >>> alias.description = "What we use by now"
    >>> alias.save()
    >>> client.images.get_by_alias("stable") == client.images.find("busybox")
    True
    >>> alias.delete()

    https://documentation.ubuntu.com/lxd/stable-5.0/image-handling/
    """

    collection: ClassVar[str] = "images/aliases"
    writable: ClassVar[frozenset[str]] = frozenset({"description", "target"})

    description: str
    name: str
    target: str
    type: str

    @property
    def api(self) -> APINode:
        """The node of this resource in `client.api`."""
        return self._collection(self.client)[self._name]

    @classmethod
    def _collection(cls, client: Client) -> APINode:
        return client.api.images.aliases

    @classmethod
    def create(cls, client: Client, name: str, target: str, description: str = "") -> Self:
        """Give the image of a fingerprint another name, and return that. Raises Conflict where it is taken."""
        node = cls._collection(client)
        _ = node[name]  # refuses what is no name, before anything is sent
        request = {
            "name": name,
            "target": known_by(target),
            "description": checks.text("description", description),
        }
        node.post(json=request)
        return cls.get(client, name)

    def rename(self, new_name: str) -> Self:
        """Give it another name, and return it. Raises Conflict where that is taken.

        LXD 5.0 waits 10 s for a lock of its own, and does nothing for anybody else meanwhile that needs its database.
        """
        _ = self._collection(self.client)[new_name]
        self._rename(new_name, wait=True)
        return self


class ImageAliasManager(OfServerManager[ImageAlias]):
    """`client.images.aliases`."""

    model = ImageAlias

    def create(self, name: str, target: str, description: str = "") -> ImageAlias:
        """Give the image of a fingerprint another name, and return that. Raises Conflict where it is taken."""
        return self.model.create(self.client, name, target, description)
