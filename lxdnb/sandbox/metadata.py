"""What an instance keeps of its image's metadata, and the files of its templates.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/image_format/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import CONFIG, Shape, read
from lxdnb.sandbox.instances import Instance, known
from lxdnb.sandbox.nodes import File
from lxdnb.sandbox.replies import Content, Refused, Reply, Request, Sync, etag_of
from lxdnb.sandbox.rootfs import files_of
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Described", "described", "fill_templates"]

_FIELDS: dict[str, Shape] = {
    "architecture": "string",
    "creation_date": "int",
    "expiry_date": "int",
    "properties": CONFIG,
    "templates": {"*": {"when": ["string"], "create_only": "bool", "template": "string", "properties": CONFIG}},
}
_TEMPLATE: dict[str, Any] = {"when": [], "create_only": False, "template": "", "properties": {}}


@dataclass
class Described:
    """The metadata of one instance."""

    told: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


def described(host: Host, instance: Instance) -> Described:
    """Return them, as the image has them until they are changed."""
    if instance.described is None:
        image = host.images(instance.project).get(instance.config.get("volatile.base_image", ""))
        if image is None:
            told: dict[str, Any] = {"architecture": instance.architecture, "creation_date": int(instance.created)}
            told |= {"expiry_date": 0, "properties": {}}
        else:
            archive = image.archive
            told = {"architecture": archive.architecture, "creation_date": int(archive.created), "expiry_date": 0}
            told["properties"] = dict(archive.properties)
        instance.described = Described({**told, "templates": None})
    return instance.described


def fill_templates(host: Host, instance: Instance) -> None:
    """Write the files that templates are for: those of each start, and those of the first one."""
    if instance.described is None or not instance.described.told["templates"]:
        return
    tree, first = files_of(host, instance), "volatile.last_state.power" not in instance.config
    for path, template in instance.described.told["templates"].items():
        text = instance.described.files.get(template["template"])
        if text is None or not ("start" in template["when"] or (first and {"create", "copy"} & {*template["when"]})):
            continue
        if template["create_only"] and tree.get(path) is not None:
            continue
        names = {f"{who}.name": instance.name for who in ("container", "instance")}
        names |= {f"{who}.type": instance.kind for who in ("container", "instance")}
        names |= {f"properties.{key}": value for key, value in template["properties"].items()} | {"path": path}
        written = _HOLE.sub(lambda hole, names=names: names.get(hole[1], ""), text.decode(errors="replace"))
        file = tree.opened(path, write=True, create=True)
        if isinstance(file, File):
            tree.fill(file, written.encode())


_HOLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@route("GET", "/1.0/instances/*/metadata")
def metadata(host: Host, request: Request, name: str) -> Reply:
    found = described(host, known(host, request.project, name))
    return Sync(found.told, etag_of(found.told))


def _whole(asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("templates") is not None:
        asked["templates"] = {path: {**_TEMPLATE, **each} for path, each in asked["templates"].items()}
    return asked


@route("PUT", "/1.0/instances/*/metadata")
def replace(host: Host, request: Request, name: str) -> Reply:
    if not host.flavour.incus:
        known(host, request.project, name)
    asked = _whole(read(request.body, "ImageMetadata", _FIELDS))
    instance = known(host, request.project, name)
    empty = {"architecture": "", "creation_date": 0, "expiry_date": 0, "properties": {}, "templates": {}}
    described(host, instance).told = {**empty, **asked}
    host.tell("instance-metadata-updated", f"{instance.url}/metadata", instance.project)
    return Sync({})


@route("PATCH", "/1.0/instances/*/metadata")
def patch(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    found = described(host, instance)
    request.check_match(etag_of(found.told))
    asked = _whole(read(request.body, "ImageMetadata", _FIELDS))
    for key in ("properties", "templates"):
        if key in asked:
            asked[key] = {**(found.told[key] or {}), **asked[key]}
    found.told = {**found.told, **asked}
    host.tell("instance-metadata-updated", f"{instance.url}/metadata", instance.project)
    return Sync({})


def _path(request: Request, files: dict[str, bytes] | None = None) -> str:
    path = request.query.get("path", "")
    if not path:
        raise Refused(400, "missing path argument")
    if "/" in path:
        raise Refused(500, "Invalid template filename")
    if files is not None and path not in files:
        raise Refused(404, f'Template "{path}" not found')
    return path


def _tell_template(host: Host, instance: Instance, what: str, path: str) -> None:
    where = f"{instance.url}/metadata/templates"
    host.tell(f"instance-metadata-template-{what}", where, instance.project, {"path": path})


@route("GET", "/1.0/instances/*/metadata/templates")
def templates(host: Host, request: Request, name: str) -> Reply:
    files = described(host, known(host, request.project, name)).files
    if not request.query.get("path"):
        return Sync(sorted(files))
    path = _path(request, files)
    return Content((files[path],), path, "application/octet-stream")


@route("POST", "/1.0/instances/*/metadata/templates")
def put_template(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    path = _path(request)
    described(host, instance).files[path] = request.body
    _tell_template(host, instance, "created", path)
    return Sync({})


@route("DELETE", "/1.0/instances/*/metadata/templates")
def delete_template(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    files = described(host, instance).files
    path = _path(request, files)
    del files[path]
    _tell_template(host, instance, "deleted", path)
    return Sync({})
