"""Images: the bytes of one or two files, known by the hash of all of them, and their aliases.

https://documentation.ubuntu.com/lxd/stable-5.0/image-handling/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from lxdnb.sandbox.archives import Archive, ending_of, opened
from lxdnb.sandbox.bodies import CONFIG, Shape, read, read_map
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.lists import listed, owners
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Content, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.routes import route, route_changes
from lxdnb.sandbox.settings import given

if TYPE_CHECKING:
    from lxdnb.sandbox.filesystem import Tree
    from lxdnb.sandbox.state import Host

__all__ = ["Alias", "Image", "add_alias", "describe", "find", "imported", "token_of"]

_ALIAS_FIELDS: dict[str, Shape] = {"name": "string", "description": "string", "target": "string", "type": "string"}
_FIELDS: dict[str, Shape] = {
    "auto_update": "bool",
    "properties": CONFIG,
    "public": "bool",
    "expires_at": "string",
    "profiles": ["string"],
}


@dataclass
class Alias:
    name: str
    target: str
    description: str = ""


@dataclass
class Image:
    fingerprint: str
    files: tuple[bytes, ...]
    """One file with all in it, or metadata and root file system apart."""
    archive: Archive
    uploaded: float
    properties: dict[str, str] = field(default_factory=dict[str, str])
    public: bool = False
    auto_update: bool = False
    filename: str = ""
    expires_at: str = ""
    profiles: list[str] = field(default_factory=lambda: ["default"])
    last_used: float = 0.0
    source: dict[str, str] | None = None
    """Where it came from, if it may be looked for there again."""
    tree: Tree | None = None
    """Its root file system, once an instance of it was asked for one."""

    @property
    def url(self) -> str:
        return f"/1.0/images/{self.fingerprint}"

    def record(self, host: Host, project: str) -> dict[str, Any]:
        """What the server tells of it, as one of a project's."""
        aliases = host.keeper(project, "images").aliases
        told: dict[str, Any] = {
            "auto_update": self.auto_update,
            "properties": self.properties,
            "public": self.public,
            "expires_at": self.expires_at or host.flavour.never,
            "profiles": self.profiles,
            "aliases": [
                {"name": each.name, "description": each.description}
                for each in aliases.values()
                if each.target == self.fingerprint
            ],
            "architecture": self.archive.architecture,
            "cached": False,
            "filename": self.filename,
            "fingerprint": self.fingerprint,
            "size": sum(map(len, self.files)),
            "type": self.archive.kind,
            "created_at": timestamp(self.archive.created),
            "last_used_at": timestamp(self.last_used) if self.last_used else "0001-01-01T00:00:00Z",
            "uploaded_at": timestamp(self.uploaded),
        }
        if self.source is not None:
            told["update_source"] = self.source
        return {**told, "project": project} if host.flavour.incus else told

    @property
    def etag(self) -> str:
        return etag_of(self.public, self.auto_update, self.properties, self.profiles, self.expires_at)


def find(host: Host, project: str, fingerprint: str) -> Image:
    """Return the image whose fingerprint begins so. Raises Refused."""
    images, fingerprint = host.images(project), fingerprint.lower()
    if fingerprint in images:
        return images[fingerprint]
    found = [image for name, image in images.items() if fingerprint and name.startswith(fingerprint)]
    if len(found) > 1:
        raise Refused(400, "More than one image matches")
    if not found:
        raise Refused(404, "Image not found")
    return found[0]


def imported(host: Host, project: str, files: tuple[bytes, ...], kind: str = "container") -> Image:
    """Make an image of its files and keep it. Raises Refused."""
    fingerprint = hashlib.sha256(b"".join(files)).hexdigest()
    if fingerprint in host.images(project):
        raise Refused(400, "Image with same fingerprint already exists")
    archive = opened(files, kind)
    made = Image(fingerprint, files, archive, host.clock(), dict(archive.properties))
    host.images(project)[fingerprint] = made
    host.tell("image-created", made.url, project, {"type": archive.kind})
    return made


def add_alias(host: Host, project: str, name: str, target: str, description: str = "") -> Alias:
    aliases = host.keeper(project, "images").aliases
    if name in aliases:
        raise Refused(409, f'Alias "{name}" already exists')
    made = aliases[name] = Alias(name, find(host, project, target).fingerprint, description)
    host.tell("image-alias-created", f"/1.0/images/aliases/{name}", project, {"target": made.target})
    return made


def token_of(host: Host, url: str, secret: str) -> Operation | None:
    """Return the token for an image that has a secret, which then is used up: for a moment it is good yet."""
    for operation in host.operations.all(None):
        its_own = operation.kind == "token" and url in (operation.resources.get("images") or [])
        if its_own and secret and (operation.metadata or {}).get("secret") == secret:
            if not operation.final:
                host.operations.cancel(operation)
            return operation
    return None


def _shown(host: Host, request: Request, fingerprint: str) -> Image:
    """Return an image for who asks: those whom nobody trusts know of no other than public ones."""
    try:
        found = find(host, request.project, fingerprint)
        secret = request.query.get("secret", "")
        if not request.caller.may_use(request.project) and not found.public and not token_of(host, found.url, secret):
            raise Refused(404, "Image not found")
    except Refused as refused:
        if host.flavour.incus and refused.code == 404:
            raise Refused(404, f'Image "{fingerprint}" not found') from None
        raise
    return found


@route("GET", "/1.0/images", for_anybody=True)
def every(host: Host, request: Request) -> Reply:
    names = owners(host, request, "images")
    found = [(name, image) for name in names for image in host.projects[name].images.values()]
    if not request.caller.may_use(request.project):
        found = [each for each in found if each[1].public]
    return listed(
        host,
        request,
        found,
        lambda each: each[1].url,
        lambda each: each[1].record(host, each[0]),
        filters=True,
    )


def describe(host: Host, project: str, image: Image, headers: Mapping[str, str]) -> None:
    """Give an image what the headers of its upload say of it."""
    told = {
        name.partition("-")[2].removeprefix("lxd-").removeprefix("incus-"): value for name, value in headers.items()
    }
    image.public = told.get("public", "").lower() in ("1", "true", "yes")
    image.filename = told.get("filename", "")
    image.properties |= dict(parse_qsl(told.get("properties", "")))
    if profiles := [value for key, value in parse_qsl(told.get("profiles", "")) if key == "profile"]:
        image.profiles = profiles
    for key, value in parse_qsl(told.get("aliases", "")):
        if key == "alias":
            add_alias(host, project, value, image.fingerprint)


@route("GET", "/1.0/images/*", for_anybody=True)
def one(host: Host, request: Request, fingerprint: str) -> Reply:
    found = _shown(host, request, fingerprint)
    return Sync(found.record(host, host.keeper(request.project, "images").name), found.etag)


@route_changes("/1.0/images/*")
def change(host: Host, request: Request, fingerprint: str, *, keep: bool) -> Reply:
    found = find(host, request.project, fingerprint)
    request.check_match(found.etag)
    asked = read(request.body, "ImagePut", _FIELDS)
    properties: dict[str, str] = {**(found.properties if keep else {}), **asked.get("properties", {})}
    asked["properties"] = given(properties)
    if not keep:
        asked = {"auto_update": False, "public": False, "expires_at": "", "profiles": [], **asked}
    for name, value in asked.items():
        setattr(found, name, value)
    if not keep and not asked["profiles"]:
        found.profiles = ["default"]
    host.tell("image-updated", found.url, request.project)
    return Sync({})


@route("DELETE", "/1.0/images/*")
def delete(host: Host, request: Request, fingerprint: str) -> Reply:
    project, found = request.project, find(host, request.project, fingerprint)

    def work(operation: Operation) -> Work:
        yield 0.0
        owner = host.keeper(project, "images")
        if owner.images.pop(found.fingerprint, None) is None:
            raise Refused(404, "Image not found")
        for name in [each.name for each in owner.aliases.values() if each.target == found.fingerprint]:
            del owner.aliases[name]
        host.tell("image-deleted", found.url, project)

    return Async(host.operations.begin(project, "Deleting image", {"images": [found.url]}, work))


@route("GET", "/1.0/images/*/export", for_anybody=True)
def export(host: Host, request: Request, fingerprint: str) -> Reply:
    found = _shown(host, request, fingerprint)
    if len(found.files) == 1:
        name = f"{found.fingerprint}{ending_of(found.files[0])}"
        return Content(found.files, name, "application/octet-stream")
    return Content(found.files, found.fingerprint, "multipart/form-data")


# --- aliases


def _known(host: Host, project: str, name: str) -> Alias:
    aliases = host.keeper(project, "images").aliases
    if name not in aliases:
        raise Refused(404, "Image alias not found")
    return aliases[name]


def _told(host: Host, project: str, alias: Alias) -> dict[str, Any]:
    kind = host.images(project)[alias.target].archive.kind
    return {"description": alias.description, "target": alias.target, "name": alias.name, "type": kind}


@route("GET", "/1.0/images/aliases")
def every_alias(host: Host, request: Request) -> Reply:
    aliases = host.keeper(request.project, "images").aliases
    found = [aliases[name] for name in sorted(aliases)]
    if request.recursion:
        return Sync([_told(host, request.project, each) for each in found])
    return Sync([f"/1.0/images/aliases/{each.name}" for each in found])


@route("POST", "/1.0/images/aliases")
def create_alias(host: Host, request: Request) -> Reply:
    asked = read(request.body, "ImageAliasesPost", _ALIAS_FIELDS)
    name, target = asked.get("name", ""), asked.get("target", "")
    if not name or not target:
        raise Refused(400, "name and target are required")
    add_alias(host, request.project, name, target, asked.get("description", ""))
    return Sync(created=f"/1.0/images/aliases/{name}")


@route("GET", "/1.0/images/aliases/*", for_anybody=True)
def one_alias(host: Host, request: Request, name: str) -> Reply:
    found = _known(host, request.project, name)
    if not request.caller.may_use(request.project) and not host.images(request.project)[found.target].public:
        raise Refused(404, "Image alias not found")
    return Sync(_told(host, request.project, found), etag_of(found.target, found.description))


@route("PUT", "/1.0/images/aliases/*")
def replace_alias(host: Host, request: Request, name: str) -> Reply:
    asked = read(request.body, "ImageAliasesEntryPut", _ALIAS_FIELDS)
    if not asked.get("target"):
        raise Refused(400, "The target field is required")
    found = _known(host, request.project, name)
    request.check_match(etag_of(found.target, found.description))
    found.target = find(host, request.project, asked["target"]).fingerprint
    found.description = asked.get("description", "")
    where, context = f"/1.0/images/aliases/{name}", {"target": found.target}
    host.tell("image-alias-updated", where, request.project, context)
    return Sync({})


@route("PATCH", "/1.0/images/aliases/*")
def patch_alias(host: Host, request: Request, name: str) -> Reply:
    asked = read_map(host, request)
    found = _known(host, request.project, name)
    request.check_match(etag_of(found.target, found.description))
    for key in ("target", "description"):
        if not isinstance(asked.get(key, ""), str):
            raise Refused(400, f"`{key}` was not a string")
    target = find(host, request.project, asked.get("target", found.target)).fingerprint
    if not host.flavour.incus:
        raise Refused(500, "context deadline exceeded")  # it waits for itself, and changes nothing
    found.target, found.description = target, asked.get("description", found.description)
    where, context = f"/1.0/images/aliases/{name}", {"target": found.target}
    host.tell("image-alias-updated", where, request.project, context)
    return Sync({})


@route("POST", "/1.0/images/aliases/*")
def rename_alias(host: Host, request: Request, name: str) -> Reply:
    aliases = host.keeper(request.project, "images").aliases
    wanted = read(request.body, "ImageAliasesEntryPost", _ALIAS_FIELDS).get("name", "")
    found = _known(host, request.project, name)
    if wanted in aliases:
        raise Refused(409, f'Alias "{wanted}" already exists')
    found.name = wanted
    aliases[wanted] = aliases.pop(name)
    host.tell("image-alias-renamed", f"/1.0/images/aliases/{wanted}", request.project, {"old_name": name})
    return Sync(created=f"/1.0/images/aliases/{wanted}")


@route("DELETE", "/1.0/images/aliases/*")
def delete_alias(host: Host, request: Request, name: str) -> Reply:
    _known(host, request.project, name)
    del host.keeper(request.project, "images").aliases[name]
    host.tell("image-alias-deleted", f"/1.0/images/aliases/{name}", request.project)
    return Sync({})
