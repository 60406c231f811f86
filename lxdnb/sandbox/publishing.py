"""Images as they come: sent as files, or made of an instance or of its snapshot.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/images/images_post
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.archives import files_of as sent_files
from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.image_sources import SOURCE, brought, from_elsewhere
from lxdnb.sandbox.images import Image, add_alias, describe, imported
from lxdnb.sandbox.instances import Instance, known
from lxdnb.sandbox.metadata import described
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.packing import compressing, packed
from lxdnb.sandbox.replies import Async, Refused, Reply, Request
from lxdnb.sandbox.rootfs import files_of
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.snapshots import snapshot_of

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_FIELDS: dict[str, Shape] = {
    "filename": "string",
    "aliases": [{"name": "string", "description": "string"}],
    "auto_update": "bool",
    "compression_algorithm": "string",
    "expires_at": "string",
    "properties": CONFIG,
    "public": "bool",
    "profiles": ["string"],
    "source": {"type": "string", "name": "string", "project": "string", **SOURCE},
}
_INSTANCES = ("container", "instance", "virtual-machine")


@route("POST", "/1.0/images", for_anybody=True)
def create(host: Host, request: Request) -> Reply:
    # Images begin otherwise, whatever the headers say.
    if request.headers.get("content-type", "").startswith("application/json") or request.body[:1] == b"{":
        request.caller.check_trusted()
        return _publish(host, request)
    project, noted = request.project, brought(host, request)
    host.project(project)
    files, kind = sent_files(request.headers.get("content-type", ""), request.body)

    def work(operation: Operation) -> Work:
        yield 0.0
        made = imported(host, project, files, kind)
        describe(host, project, made, request.headers)
        if noted is not None:
            _note(host, project, made, noted)
        operation.progress(fingerprint=made.fingerprint, size=str(sum(map(len, files))))

    # By which who brings it may wait for the end.
    secret = {"secret": host.new_secret()} if noted is not None else None
    return Async(host.operations.begin(project, "Downloading image", {}, work, metadata=secret))


def _note(host: Host, project: str, made: Image, noted: Mapping[str, Any]) -> None:
    """Give an image that was brought what was noted of it when it was asked for."""
    made.public, made.properties = noted["public"], dict(noted["properties"] or {})
    made.expires_at = "" if noted["expires_at"].startswith("0001-") else noted["expires_at"]
    for alias in noted["aliases"] or []:
        add_alias(host, project, alias.get("name", ""), made.fingerprint, alias.get("description", ""))


def _publish(host: Host, request: Request) -> Reply:
    project = request.project
    host.project(project, "Fetch project database object: ")
    asked = read(request.body, "ImagesPost", _FIELDS)
    source: dict[str, Any] = asked.get("source", {})
    kind, name = source.get("type", ""), source.get("name", "")
    if kind == "image" or source.get("mode") == "push":
        return from_elsewhere(host, project, asked, source)
    if kind == "url":
        raise Refused(400, "The sandbox fetches no images from elsewhere: send the file")
    if kind not in (*_INSTANCES, "snapshot"):
        raise Refused(500, "Invalid images JSON")
    owner, _, snapshot = name.partition("/")
    if kind == "snapshot" and not snapshot:
        raise Refused(400, "Not a snapshot")
    if kind in _INSTANCES and snapshot:
        raise Refused(400, "Not an instance")
    if not host.flavour.incus:
        _found(host, project, owner, snapshot)
    for alias in asked.get("aliases", []):
        if alias.get("name") in host.keeper(project, "images").aliases:
            raise Refused(409, f'Alias "{alias["name"]}" already exists')

    def work(operation: Operation) -> Work:
        yield 0.02
        instance = _found(host, project, owner, snapshot)
        if not snapshot and instance.started is not None:
            raise Refused(400, "Cannot publish a running instance")
        told = described(host, instance)
        properties = {**told.told["properties"], **asked.get("properties", {})}
        metadata = {**told.told, "properties": properties}
        if host.flavour.incus or asked.get("properties"):  # else LXD leaves it as it is, and the same comes of the same
            metadata["creation_date"] = int(host.clock())
        content = packed(files_of(host, instance), metadata, told.files)
        file = yield from _compressed(operation, content, asked.get("compression_algorithm") or "gzip")
        yield 0.05  # so that who has asked meanwhile how far it is learns that
        fingerprint = sha256(file).hexdigest()
        if fingerprint in host.images(project):
            raise Refused(400, f"The image already exists: {fingerprint}")
        made = imported(host, project, (file,), instance.kind)
        made.public, made.filename = asked.get("public", False), asked.get("filename", "")
        made.properties = properties if host.flavour.incus else asked.get("properties") or properties
        made.expires_at = asked.get("expires_at", "")
        if asked.get("profiles"):
            made.profiles = asked["profiles"]
        for alias in asked.get("aliases", []):
            add_alias(host, project, alias.get("name", ""), made.fingerprint, alias.get("description", ""))
        operation.metadata = {}
        operation.progress(fingerprint=made.fingerprint, size=str(len(file)))

    return Async(host.operations.begin(project, "Downloading image", {}, work))


def _found(host: Host, project: str, owner: str, snapshot: str) -> Instance:
    instance = known(host, project, owner)
    return snapshot_of(host, instance, snapshot).then if snapshot else instance


def _compressed(operation: Operation, content: bytes, algorithm: str) -> Generator[float | Gate, None, bytes]:
    """Make an image smaller, and tell at each tenth how far that is."""
    working, tenth = compressing(content, algorithm), 0
    while True:
        try:
            share = next(working)
        except StopIteration as over:
            return over.value
        if int(share * 10) > tenth:
            tenth = int(share * 10)
            operation.progress(create_image_from_container_pack_progress=f"Image pack: {10 * tenth}%")
        yield 0.0
