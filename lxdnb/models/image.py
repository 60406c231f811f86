"""Images, and the ways to name one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from lxdnb import api, checks
from lxdnb.exceptions import NotFound
from lxdnb.models._fingerprint import known_by
from lxdnb.models._model import Manager, Model

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Image", "ImageManager"]


class Image(Model):
    """An image that instances can be made from.

    `fingerprint` is the SHA-256 of its file and names it; `size` is in bytes; `type` is `container` or
    `virtual-machine`; `aliases` are dicts with `name` and `description`. Times are ISO 8601 texts.

    https://documentation.ubuntu.com/lxd/stable-5.0/image-handling/
    """

    collection: ClassVar[str] = "images"
    key: ClassVar[str] = "fingerprint"
    writable: ClassVar[frozenset[str]] = frozenset({"auto_update", "expires_at", "profiles", "properties", "public"})

    aliases: list[dict[str, str]]
    architecture: str
    auto_update: bool
    cached: bool
    created_at: str
    expires_at: str
    filename: str
    fingerprint: str
    last_used_at: str
    profiles: list[str]
    project: str
    properties: dict[str, str]
    public: bool
    size: int
    type: str
    update_source: dict[str, Any]
    uploaded_at: str

    @classmethod
    def get(cls, client: Client, fingerprint: str) -> Image:
        """Return the image with this fingerprint; the first characters of it will do. Raises NotFound."""
        return cls._from_record(client, api.metadata(client.api.images[known_by(fingerprint)].get()))

    @classmethod
    def get_by_alias(cls, client: Client, alias: str) -> Image:
        """Return the image that an alias points to. Raises NotFound."""
        return cls.get(client, api.metadata(client.api.images.aliases[alias].get())["target"])

    @classmethod
    def all(cls, client: Client) -> list[Image]:
        """Return all images, by one request."""
        records: list[dict[str, Any]] = api.metadata(client.api.images.get(params={"recursion": 1}))
        return [cls._from_record(client, record) for record in records]

    def _shown(self) -> tuple[str, ...]:
        return ("auto_update", "properties", "public", "expires_at", "profiles")

    def update(self, wait: bool = False) -> None:
        """Save: pylxd's manual has this name for it."""
        self.save(wait)

    def _repr_html_(self) -> str:
        from lxdnb.display import fields_html, human_size  # here, so that `import lxdnb` does not pay for it

        rows = {"aliases": [alias["name"] for alias in self.aliases], "type": self.type}
        rows |= {"architecture": self.architecture, "size": human_size(self.size or 0), "uploaded_at": self.uploaded_at}
        title = self.properties.get("description") or self.fingerprint[:12]
        return fields_html(f"Image {title}", {"fingerprint": self.fingerprint[:12], **rows})


class ImageManager(Manager[Image]):
    """`client.images`."""

    model = Image

    def get(self, fingerprint: str) -> Image:
        """Return the image with this fingerprint; the first characters of it will do. Raises NotFound."""
        return self.model.get(self.client, fingerprint)

    def get_by_alias(self, alias: str) -> Image:
        """Return the image that an alias points to. Raises NotFound."""
        return self.model.get_by_alias(self.client, alias)

    def all(self) -> list[Image]:
        """Return all images, by one request."""
        return self.model.all(self.client)

    def find(self, name: str) -> Image:
        """Return the image that a person means: by its alias, else by its fingerprint or the beginning of it.

        Raises NotFound when neither fits.
        """
        try:
            return self.get_by_alias(name)
        except NotFound as error:
            answer = error.response
        if re.fullmatch("[0-9a-fA-F]{4,64}", name):
            try:
                return self.get(name)
            except NotFound:
                pass
        said = checks.shown(name)
        told = f"no image of this server has the alias or fingerprint {said}: client.images.all() lists them"
        if ":" in name:
            told += f"; lxdnb.remotes.image_source({said}, client.product) is one to fetch from elsewhere"
        raise NotFound(answer, message=told)
