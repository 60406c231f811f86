"""What makes an image: a request to upload one, or one by which the server fetches it from elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike, fspath
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from lxdnb import api, checks
from lxdnb.exceptions import LXDError
from lxdnb.models._model import Model, as_sent
from lxdnb.models._source import Data, opened
from lxdnb.models._transfer import PIECE, Heard, Meter, heard, length, outgoing
from lxdnb.models.image_alias import ImageAlias

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = ["Creates", "alias_names", "alias_records", "ended", "headers"]

STAGE = "import"


class Creates(Model):
    """The part of an image that makes new ones."""

    @classmethod
    def create(
        cls,
        client: Client,
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
    ) -> Self:
        """Upload an image, and return it when it is there: `wait` changes nothing, as in pylxd.

        `image_data` are bytes, the path of a file here as a `pathlib.Path`, an open file, read from where it stands,
        or an iterable of bytes, and is never held in memory as a whole. With `metadata`, which is the like, an image
        of two files: the metadata as a tarball, and `image_data` as the root filesystem, with `vm` as the disk of a
        virtual machine. `properties` are beside those in the metadata, and go before them; `filename` is that of the
        file unless it is named; `on_progress` hears how much of it is sent.

        Raises OperationFailed when it is no image, or one of this very content is there; ClientConnectionFailed when
        the server is lost, and then there is no image, unless it was lost after all was sent. Where an alias is taken
        the image is there without it, as a note of the error says.

        >>> from pathlib import Path
        >>> image = client.images.get_by_alias("busybox")
        >>> paths = image.export(to="busybox.tar.gz")
        >>> image.delete(wait=True)
        >>> client.images.create(Path("busybox.tar.gz"), aliases=["busybox", "alpine"]) == image
        True
        """
        checks.flag("wait", wait)
        checks.flag("vm", vm)
        names = alias_names(aliases)
        filename = _name_of(image_data) if filename is None else filename
        told = headers(client, public=public, filename=filename, properties=properties, profiles=profiles)
        answer = _upload(client, image_data, metadata, vm, told, on_progress)
        return cls._made(client, ended(client, answer).metadata["fingerprint"], alias_records(names))

    @classmethod
    def create_from_simplestreams(
        cls,
        client: Client,
        server: str,
        alias: str,
        public: bool = False,
        auto_update: bool = False,
        *,
        aliases: Sequence[str] | None = None,
        vm: bool = False,
        on_progress: Heard = None,
    ) -> Self:
        """Have the server fetch an image from one that serves simplestreams, and return it when it is there.

        `server` is its URL, `alias` an alias or fingerprint there. With `auto_update` it is fetched anew whenever
        there is a newer one; `aliases` are those that it gets here. Raises OperationFailed.
        """
        source = {
            "type": "image",
            "mode": "pull",
            "protocol": "simplestreams",
            "server": checks.text("server", server),
            "alias": checks.name(alias, "alias"),
            "image_type": "virtual-machine" if checks.flag("vm", vm) else "container",
        }
        return cls._fetched(client, source, public, auto_update, aliases, on_progress)

    @classmethod
    def create_from_url(
        cls,
        client: Client,
        url: str,
        public: bool = False,
        auto_update: bool = False,
        *,
        aliases: Sequence[str] | None = None,
        on_progress: Heard = None,
    ) -> Self:
        """Have the server fetch an image from a URL, and return it when it is there.

        What answers there tells in the headers `LXD-Image-URL` and `LXD-Image-Hash` (Incus: `Incus-Image-…`) where
        the file is, and its SHA-256. Raises OperationFailed.

        https://documentation.ubuntu.com/lxd/stable-5.0/image-handling/#image-format
        """
        source = {"type": "url", "mode": "pull", "url": checks.text("url", url)}
        return cls._fetched(client, source, public, auto_update, aliases, on_progress)

    @classmethod
    def _fetched(
        cls,
        client: Client,
        source: dict[str, str],
        public: bool,
        auto_update: bool,
        aliases: Sequence[str] | None,
        on_progress: Heard,
    ) -> Self:
        heard(on_progress)
        names = alias_names(aliases)
        request: dict[str, Any] = {
            "public": checks.flag("public", public),
            "auto_update": checks.flag("auto_update", auto_update),
            "source": source,
        }
        operation = ended(client, client.api.images.post(json=request), on_progress)
        return cls._made(client, operation.metadata["fingerprint"], alias_records(names))

    @classmethod
    def _made(cls, client: Client, fingerprint: str, aliases: Iterable[Mapping[str, str]]) -> Self:
        """Return an image that is there now, with its aliases."""
        for record in aliases:
            alias = record["name"]
            try:
                ImageAlias.create(client, alias, fingerprint, record["description"])
            except LXDError as error:
                error.add_note(f"the image is there, as {fingerprint}, without the alias {checks.shown(alias)}")
                raise
        return cls._from_record(client, api.metadata(client.api.images[fingerprint].get()))


def _upload(
    client: Client, image_data: Data, metadata: Data | None, vm: bool, told: Mapping[str, bytes], on_progress: Heard
) -> Response:
    """POST an image of one file, or with `metadata` of two, and return the answer."""
    node = client.api.images
    size = length(image_data)
    if metadata is None:
        with opened(image_data, PIECE) as pieces:
            meter = Meter(STAGE, on_progress, size)
            return outgoing(node, pieces, meter, headers={**told, "Content-Type": "application/octet-stream"})
    first = length(metadata)
    meter = Meter(STAGE, on_progress, None if size is None or first is None else first + size)
    with ExitStack() as stack:
        # In this order: servers read the metadata first, and the fingerprint is that of both one after the other.
        field = "rootfs.img" if vm else "rootfs"
        files = [
            ("metadata", _name_of(metadata) or "metadata", stack.enter_context(opened(metadata, PIECE))),
            (field, _name_of(image_data) or "rootfs", stack.enter_context(opened(image_data, PIECE))),
        ]
        boundary = secrets.token_hex(16)
        kind = f"multipart/form-data; boundary={boundary}"
        return outgoing(node, _multipart(files, boundary), meter, headers={**told, "Content-Type": kind})


def _multipart(files: Iterable[tuple[str, str, Iterable[Any]]], boundary: str) -> Iterator[Any]:
    """Yield a form of files, each with its field, its name and its pieces: https://www.rfc-editor.org/rfc/rfc7578"""
    for field, name, pieces in files:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        yield (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def headers(
    client: Client,
    *,
    public: bool,
    filename: str | None,
    properties: Mapping[str, Any] | None,
    profiles: Sequence[str] | None = None,
) -> dict[str, bytes]:
    """Return what is told of an image beside its body."""
    prefix = "X-Incus-" if client.product == "incus" else "X-LXD-"
    told = {"public": "1" if checks.flag("public", public) else "0"}
    if filename is not None:
        told["filename"] = _printable("filename", filename)
    if properties is not None:
        told["properties"] = urlencode(as_sent(properties, "properties"))
    if profiles is not None:
        client.assert_has_api_extension("image_profiles")
        told["profiles"] = urlencode([("profile", name) for name in checks.texts("profiles", profiles)])
    return {prefix + key: value.encode() for key, value in told.items()}


def _name_of(data: Any) -> str | None:
    """Return the name of the file that data comes from; None for what comes from none."""
    name = fspath(data) if isinstance(data, PathLike) else getattr(data, "name", None)
    if not isinstance(name, str):
        return None
    found = PurePath(name).name
    return found if found.isprintable() and found == found.strip() else None


def alias_names(aliases: Sequence[str] | None) -> list[str]:
    """Return names that can be aliases."""
    given = [] if aliases is None else checks.texts("aliases", aliases)
    for alias in given:
        checks.segment(alias)
    return given


def alias_records(names: Iterable[str], known: Iterable[Mapping[str, str]] = ()) -> list[dict[str, str]]:
    """Return aliases as servers take them, described as those of that name that are known."""
    described = {each["name"]: each.get("description") or "" for each in known}
    return [{"name": name, "description": described.get(name, "")} for name in names]


def ended(client: Client, response: Response, on_progress: Heard = None) -> Operation:
    """Wait for the operation that an answer began, and return it."""
    operation = client.operations.from_record(api.metadata(response))
    return operation.wait(on_progress=on_progress)


def _printable(what: str, value: Any) -> str:
    text: str = checks.text(what, value)
    if not text.isprintable() or text != text.strip():
        raise ValueError(f"{what} cannot hold a control character, nor begin or end with a space: {checks.shown(text)}")
    return text
