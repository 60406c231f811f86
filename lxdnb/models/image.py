"""Images: made, named, kept and copied. What is in one goes in constant memory, whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, overload

from lxdnb import api, checks
from lxdnb.exceptions import LXDError, NotFound
from lxdnb.models import _image_copy as copying
from lxdnb.models import _image_export as exporting
from lxdnb.models._bulk import Outcome
from lxdnb.models._fingerprint import known_by
from lxdnb.models._image_create import Creates, alias_names, alias_records
from lxdnb.models._model import Manager
from lxdnb.models._named import listed, there
from lxdnb.models._offer import check_mode
from lxdnb.models._source import Data
from lxdnb.models._transfer import Heard, Place, heard
from lxdnb.models.image_alias import ImageAlias, ImageAliasManager

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Image", "ImageManager"]


class Image(Creates):
    """An image that instances can be made from.

    `fingerprint` is the SHA-256 of its file, or of its two files one after the other, and names it; `size` is in
    bytes; `type` is `container` or `virtual-machine`; `aliases` are dicts with `name` and `description`. Times are
    ISO 8601 texts.

    >>> image = client.images.get_by_alias("busybox")
    >>> image.export(to="busybox.tar.gz")
    [PosixPath('busybox.tar.gz')]
    >>> image.add_alias("small", "A megabyte")
    >>> image.exists(client, "small", alias=True)
    True

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
    def all(cls, client: Client, *, filter: str | None = None, all_projects: bool = False) -> list[Image]:
        """Return all images, by one request; with `all_projects` those of all projects, each with a client of its own.

        `filter` is an expression of the server's, as in `properties.os eq BusyBox`; some servers find nothing by
        fields that they do not know. Raises LXDAPIExtensionNotAvailable where the server cannot.

        https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#filtering
        """
        params: dict[str, Any] = {}
        if filter is not None:
            client.assert_has_api_extension("api_filtering")
            params["filter"] = checks.text("filter", filter)
        checks.flag("all_projects", all_projects)
        node, extension = client.api.images, "images_all_projects"
        return listed(cls, client, node, params, all_projects=all_projects, extension=extension)

    @classmethod
    def exists(cls, client: Client, fingerprint: str, alias: bool = False) -> bool:
        """Return whether there is an image with this fingerprint, or with `alias` with this alias.

        The first characters of a fingerprint will do. By what can be none, as a name, there is none.

        >>> client.images.exists("busybox"), client.images.exists("busybox", alias=True)
        (False, True)
        """
        images = client.api.images
        if checks.flag("alias", alias):
            return there(images.aliases[fingerprint])
        try:
            node = images[known_by(fingerprint)]
        except NotFound:
            return False
        return there(node)

    @overload
    def export(self, *, on_progress: Heard = None) -> IO[bytes]: ...
    @overload
    def export(self, *, to: Path | str, on_progress: Heard = None) -> list[Path]: ...
    @overload
    def export(self, *, to: IO[bytes], on_progress: Heard = None) -> None: ...

    def export(self, *, to: Place | None = None, on_progress: Heard = None) -> IO[bytes] | list[Path] | None:
        """Fetch its file, checked against its fingerprint, in constant memory, and return it open for reading.

        Or write it to `to`: the path of a file, of a folder, where it has the server's name, or a file open for bytes;
        and return the paths that were written. An image of two files is written as two: the metadata to `to`, and the
        root filesystem beside it with `.root` after that name; `create(paths[1], metadata=paths[0])` takes them
        again. Returned open it is one, as the server sends it: a multipart body. A file here has its name only once
        all is whole and right, and until then, and after any failure, is as it was; what is returned open is a
        temporary file, which is gone when it is closed.

        Raises FingerprintMismatch when it is damaged, ClientConnectionFailed when the server is lost, OSError for what
        cannot be written here.
        """
        return exporting.export(self.api.export, self.fingerprint, to, on_progress)

    def copy(
        self,
        new_client: Client,
        public: bool | None = None,
        auto_update: bool | None = None,
        wait: bool = False,
        *,
        mode: str = "pull",
        aliases: Sequence[str] | None = None,
        copy_aliases: bool = False,
        on_progress: Heard = None,
    ) -> Image | None:
        """Copy it to another server, or another project; with `wait`, return it as it is there, else None at once.

        `mode` says who connects to whom: `pull` the target to this server, `push` this server to the target, `relay`
        neither: it goes through here, piece by piece, and is there when this returns. `public` and `auto_update` are
        as here unless they are named; only what is pulled can be updated. `aliases` are those that it gets there, with
        `copy_aliases` also those that it has here. Its properties go with it, and when it expires, but for a relay; its
        profiles do not. `on_progress` hears how far it is, of what is waited for.

        Raises OperationFailed when it fails, ValueError when the server that is to be reached listens on no address.
        """
        if not hasattr(new_client, "host_info"):
            raise TypeError(f"new_client is a Client of the other server, not {type(new_client).__name__}")
        check_mode(mode)
        heard(on_progress)
        checks.flag("wait", wait)
        for what, value in (("public", public), ("auto_update", auto_update)):
            if value is not None:
                checks.flag(what, value)
        names = alias_names(aliases)
        if checks.flag("copy_aliases", copy_aliases):
            names += [alias["name"] for alias in self.aliases if alias["name"] not in names]
        shown = bool(self.public) if public is None else public
        if auto_update and mode != "pull":
            raise ValueError("only an image that is pulled can be updated: leave auto_update out, or pull it")
        records = alias_records(names, self.aliases if copy_aliases else ())
        if mode == "relay":
            copying.relay(self, new_client, shown, on_progress)
            made = self._made(new_client, self.fingerprint, records)
            return made if wait else None
        if mode == "pull":
            update = bool(self.auto_update) if auto_update is None else auto_update
            self._operation = copying.pull(self, new_client, shown, update, records)
        else:
            self._operation = copying.push(self, new_client, shown, records)
        if not wait:
            return None
        self._operation.wait(on_progress=on_progress)
        return self._made(new_client, self.fingerprint, [])

    def add_alias(self, name: str, description: str) -> None:
        """Give it another name. Raises Conflict where that is taken."""
        ImageAlias.create(self.client, name, self.fingerprint, description)
        self.sync()

    def delete_alias(self, name: str) -> None:
        """Take a name from it. Raises NotFound where it is none of this server's."""
        self.client.api.images.aliases[name].delete()
        self.sync()

    def refresh(self, wait: bool = False) -> bool | None:
        """Fetch it anew from where it came, if there is a newer one; with `wait`, return whether there was.

        The newer one has another fingerprint, and this one's aliases. Raises OperationFailed for an image that came
        from nowhere.
        """
        self.client.assert_has_api_extension("image_force_refresh")
        checks.flag("wait", wait)
        self._started(self.api.refresh.post(), wait)
        if not wait or self.operation is None:
            return None
        return bool((self.operation.metadata or {}).get("refreshed"))

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

    def all(self, *, filter: str | None = None, all_projects: bool = False) -> list[Image]:
        """Return all images, by one request; see `Image.all`."""
        return self.model.all(self.client, filter=filter, all_projects=all_projects)

    def exists(self, fingerprint: str, alias: bool = False) -> bool:
        """Return whether there is an image with this fingerprint, or with this alias; see `Image.exists`."""
        return self.model.exists(self.client, fingerprint, alias)

    def create(
        self,
        image_data: Data,
        metadata: Data | None = None,
        public: bool = False,
        wait: bool = True,
        vm: bool = False,
        *,
        aliases: Sequence[str] | None = None,
        filename: str | None = None,
        properties: Mapping[str, Any] | None = None,
        profiles: Sequence[str] | None = None,
        on_progress: Heard = None,
    ) -> Image:
        """Upload an image, and return it when it is there; see `Image.create`."""
        more: dict[str, Any] = {"aliases": aliases, "filename": filename, "properties": properties}
        more |= {"profiles": profiles, "on_progress": on_progress}
        return self.model.create(self.client, image_data, metadata, public, wait, vm, **more)

    def create_from_simplestreams(
        self,
        server: str,
        alias: str,
        public: bool = False,
        auto_update: bool = False,
        *,
        aliases: Sequence[str] | None = None,
        vm: bool = False,
        on_progress: Heard = None,
    ) -> Image:
        """Have the server fetch an image from one of simplestreams; see `Image.create_from_simplestreams`."""
        more: dict[str, Any] = {"aliases": aliases, "vm": vm, "on_progress": on_progress}
        return self.model.create_from_simplestreams(self.client, server, alias, public, auto_update, **more)

    def create_from_url(
        self,
        url: str,
        public: bool = False,
        auto_update: bool = False,
        *,
        aliases: Sequence[str] | None = None,
        on_progress: Heard = None,
    ) -> Image:
        """Have the server fetch an image from a URL; see `Image.create_from_url`."""
        more: dict[str, Any] = {"aliases": aliases, "on_progress": on_progress}
        return self.model.create_from_url(self.client, url, public, auto_update, **more)

    @property
    def aliases(self) -> ImageAliasManager:
        """The aliases of this server's images: listed, made, renamed, described, pointed elsewhere and deleted."""
        return ImageAliasManager(self.client)

    def delete(self, images: Iterable[Image | str]) -> list[Outcome]:
        """Delete images, or those of these fingerprints, and return what became of each, in their order.

        All are asked for before the first is waited for; what fails keeps none of the others.

        >>> [outcome.error for outcome in client.images.delete(client.images.all(filter="properties.os eq None"))]
        []
        """
        if isinstance(images, str | Image) or not isinstance(images, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"images is a list of images or fingerprints, not {checks.shown(images)}")
        chosen = [
            each if isinstance(each, Image) else Image(self.client, fingerprint=known_by(each)) for each in images
        ]
        errors: list[Exception | None] = []
        for image in chosen:
            try:
                image.delete()
                errors.append(None)
            except LXDError as error:
                errors.append(error)
        for place, image in enumerate(chosen):
            try:
                if errors[place] is None and image.operation is not None:
                    image.operation.wait()
            except LXDError as error:
                errors[place] = error
        return [Outcome(image.fingerprint, error) for image, error in zip(chosen, errors, strict=True)]

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
