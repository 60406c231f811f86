"""Images from one server to another: fetched by the one that wants them, or brought by the one that has them.

A private one is given to whoever has the secret of a token, which is good once.
https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/images/images_post
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from lxdnb.sandbox.archives import files_of as sent_files
from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.calling import Errand, sent
from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.crossings import Talk
from lxdnb.sandbox.images import Alias, Image, find, imported, token_of
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Waits
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["SOURCE", "brought", "from_elsewhere"]

SOURCE: dict[str, Shape] = {
    "mode": "string",
    "server": "string",
    "protocol": "string",
    "certificate": "string",
    "secret": "string",
    "alias": "string",
    "fingerprint": "string",
    "image_type": "string",
}
"""What the source of an image says that is on another server."""
_ORDER: dict[str, Shape] = {
    "target": "string",
    "secret": "string",
    "certificate": "string",
    "project": "string",
    "aliases": [{"name": "string", "description": "string"}],
}
_PROTOCOLS = {"lxd": ("lxd",), "incus": ("incus", "lxd")}
_ELSEWHERE = ("simplestreams", "direct")
_ZERO = "0001-01-01T00:00:00Z"


# --- tokens


@route("POST", "/1.0/images/*/secret")
def give_secret(host: Host, request: Request, fingerprint: str) -> Reply:
    found = find(host, request.project, fingerprint)
    return Async(_token(host, request.project, found.fingerprint, {}))


def _token(host: Host, project: str, fingerprint: str, told: dict[str, Any]) -> Operation:
    def work(operation: Operation) -> Work:
        while True:
            yield Gate()  # until somebody uses it, or takes it back

    url = f"/1.0/images/{fingerprint}"
    metadata = {**told, "secret": host.new_secret()}
    operation = host.operations.begin(
        project,
        "Image download token",
        {"images": [url]},
        work,
        kind="token",
        may_cancel=True,
        metadata=metadata,
    )
    host.tell("image-secret-created", url, project)
    return operation


def brought(host: Host, request: Request) -> Mapping[str, Any] | None:
    """Return what was noted of an image that another server brings, by its secret; None for what anybody sends.

    Raises Refused with 403 for who is not trusted and has no secret.
    """
    headers = "x-incus-" if host.flavour.incus else "x-lxd-"
    secret, fingerprint = request.headers.get(f"{headers}secret"), request.headers.get(f"{headers}fingerprint", "")
    token = token_of(host, f"/1.0/images/{fingerprint}", secret) if secret else None
    if token is None:
        request.caller.check_trusted()
        return None
    return token.metadata


# --- fetched


def from_elsewhere(host: Host, project: str, asked: Mapping[str, Any], source: dict[str, Any]) -> Reply:
    """Fetch an image from another server, or wait for it to be brought."""
    if source.get("mode") == "push":
        told = {
            "aliases": asked.get("aliases"),
            "expires_at": asked.get("expires_at") or _ZERO,
            "properties": asked.get("properties"),
            "public": asked.get("public", False),
        }
        return Async(_token(host, project, source.get("fingerprint", ""), told))

    def work(operation: Operation) -> Work:
        yield 0.0
        made = yield from _fetched(host, project, source, operation)
        made.public = asked.get("public", False) or made.public
        made.auto_update = asked.get("auto_update", False) or made.auto_update
        made.properties = {**made.properties, **asked.get("properties", {})}
        made.filename = asked.get("filename") or made.filename
        if asked.get("profiles"):
            made.profiles = asked["profiles"]
        operation.metadata = {}
        operation.progress(fingerprint=made.fingerprint, size=str(sum(map(len, made.files))))
        aliases = host.keeper(project, "images").aliases
        for alias in asked.get("aliases", []):
            if alias.get("name", "") in aliases:
                raise Refused(500, f"Alias already exists: {alias['name']}")
            aliases[alias["name"]] = Alias(alias["name"], made.fingerprint, alias.get("description", ""))
            host.tell(
                "image-alias-created", f"/1.0/images/aliases/{alias['name']}", project, {"target": made.fingerprint}
            )

    return Async(host.operations.begin(project, "Downloading image", {}, work))


def _fetched(host: Host, project: str, source: Mapping[str, Any], operation: Operation) -> Talk[Image]:
    """Return an image of another server as one of this one's, which it may be already."""
    wanted, server = source.get("alias") or source.get("fingerprint"), source.get("server", "")
    if not wanted:
        raise Refused(500, "must specify one of alias or fingerprint for init from image")
    protocol = source.get("protocol") or host.flavour.name
    if protocol in _ELSEWHERE:
        raise Refused(500, f"The sandbox fetches images from servers of its kind alone, not by {protocol}")
    if protocol not in _PROTOCOLS[host.flavour.name]:
        raise Refused(500, f"Unsupported protocol: {protocol}")
    yield from _reached(host, server, source.get("certificate", ""))
    ask = _Asking(host, server, source)
    if source.get("alias"):
        wanted = (yield from ask.record(f"images/aliases/{quote(wanted, safe='')}"))["target"]
    record = yield from ask.record(f"images/{quote(str(wanted), safe='')}")
    fingerprint = str(record.get("fingerprint", ""))
    if fingerprint in host.images(project):
        return host.images(project)[fingerprint]
    began = host.clock()
    answer = yield from ask.answer(f"images/{quote(fingerprint, safe='')}/export")
    files, kind = sent_files(answer.content_type, answer.answered)
    if hashlib.sha256(b"".join(files)).hexdigest() != fingerprint:
        raise Refused(500, f"Image fingerprint doesn't match. Got {hashlib.sha256(b''.join(files)).hexdigest()}")
    speed = len(answer.answered) / max(host.clock() - began, 0.001) / 10**6
    operation.progress(download_progress=f"100% ({speed:.2f}MB/s)")
    yield 0.0
    if fingerprint in host.images(project):
        return host.images(project)[fingerprint]
    made = imported(host, project, files, str(record.get("type") or kind))
    made.properties = {str(key): str(value) for key, value in (record.get("properties") or {}).items()}
    expires = str(record.get("expires_at") or "")
    made.expires_at = "" if expires in (_ZERO, "1970-01-01T00:00:00Z") else expires
    if source.get("alias"):
        told = {"alias": source["alias"], "certificate": source.get("certificate", ""), "protocol": protocol}
        made.source = {**told, "server": server, "image_type": source.get("image_type", "")}
    return made


@route("POST", "/1.0/images/*/refresh")
def refresh(host: Host, request: Request, fingerprint: str) -> Reply:
    """Look for a newer one where it came from, to be here in its place; a failure for what came from nowhere."""
    found, project = find(host, request.project, fingerprint), request.project
    owner = host.keeper(project, "images")

    def work(operation: Operation) -> Work:
        yield 0.01
        if found.source is None:
            why = f'Failed to update image "{found.fingerprint}" in project "{owner.name}": Image source not found'
            raise Refused(404, why)
        try:
            made = yield from _fetched(host, project, found.source, operation)
        except Refused:  # which servers only note in their log
            made = found
        operation.metadata = {}
        operation.progress(refreshed=made is not found)
        if made is not found:
            made.public, made.auto_update, made.profiles = found.public, found.auto_update, found.profiles
            for alias in owner.aliases.values():
                alias.target = made.fingerprint if alias.target == found.fingerprint else alias.target
            owner.images.pop(found.fingerprint, None)
            host.tell("image-refreshed", found.url, project)

    return Async(host.operations.begin(project, "Refreshing image", {}, work))


def _reached(host: Host, server: str, certificate: str, *, fetching: bool = True) -> Talk[None]:
    """See that a server is there. Raises Refused."""
    called = "the server" if host.flavour.incus else "LXD server"
    failed = f'Failed to connect to {called} "{server}": ' if fetching else ""
    if certificate and "-----BEGIN CERTIFICATE-----" not in certificate:
        raise Refused(500, f"{failed}Invalid remote certificate")
    errand = yield from sent(host, Errand("GET", f"{server}/1.0", certificate))
    if errand.failure:
        raise Refused(500, f'{failed}Get "{server}/1.0": {errand.failure}')


class _Asking:
    """Asks another server for an image, as it is to be asked by its source."""

    def __init__(self, host: Host, server: str, source: Mapping[str, Any]) -> None:
        self._host, self._server, self._source = host, server, source

    def answer(self, path: str) -> Talk[Errand]:
        told = {key: self._source[key] for key in ("secret", "project") if self._source.get(key)}
        url = f"{self._server}/1.0/{path}{'?' if told else ''}{urlencode(told)}"
        errand = yield from sent(self._host, Errand("GET", url, self._source.get("certificate", "")))
        if errand.failure:
            raise Refused(500, f'Get "{url.partition("?")[0]}": {errand.failure}')
        if errand.status >= 400:
            began = "" if self._source.get("secret") else "Failed getting remote image info: "
            raise Refused(errand.status, f"{began}{_error_of(errand)}")
        return errand

    def record(self, path: str) -> Talk[dict[str, Any]]:
        errand = yield from self.answer(path)
        return _metadata_of(errand)


def _error_of(errand: Errand) -> str:
    try:
        return str(json.loads(errand.answered)["error"])
    except (ValueError, KeyError, TypeError):
        return f"Failed to fetch {errand.url.partition('?')[0]}: {errand.status}"


def _metadata_of(errand: Errand) -> dict[str, Any]:
    try:
        told = json.loads(errand.answered)["metadata"]
    except (ValueError, KeyError, TypeError):
        told = None
    if not isinstance(told, dict):
        raise Refused(500, f"{errand.url.partition('?')[0]} does not answer as a server does")
    return told


# --- brought


@route("POST", "/1.0/images/*/export")
def bring(host: Host, request: Request, fingerprint: str) -> Reply:
    """Bring an image to another server, which has asked for it."""
    found = find(host, request.project, fingerprint)
    asked = read(request.body, "ImageExportPost", _ORDER)
    target, certificate, project = asked.get("target", ""), asked.get("certificate", ""), request.project
    reached = Errand("GET", f"{target}/1.0", certificate)
    host.lines.send(reached)
    caller = host.asking

    def work(operation: Operation) -> Work:
        content_type, body = _form(found)
        headers = {"Content-Type": content_type}
        for name, value in (("secret", asked.get("secret", "")), ("fingerprint", found.fingerprint)):
            headers |= {f"X-{product}-{name}": value for product in ("LXD", "Incus")}
        query = urlencode({"project": asked["project"]}) if asked.get("project") else ""
        url = f"{target}/1.0/images{'?' if query else ''}{query}"
        headers |= {f"X-{product}-filename": found.fingerprint for product in ("LXD", "Incus")}
        answer = yield from sent(host, Errand("POST", url, certificate, headers, body))
        if answer.failure or answer.status >= 400:
            raise Refused(answer.status or 500, answer.failure or _error_of(answer))
        begun = _metadata_of(answer)
        secret = (begun.get("metadata") or {}).get("secret", "")
        waits = f"{target}/1.0/operations/{quote(str(begun.get('id')), safe='')}/wait?{urlencode({'secret': secret})}"
        ended = yield from sent(host, Errand("GET", waits, certificate))
        _check_ended(host, ended)

    def begin() -> Async:
        if reached.failure:
            raise Refused(500, f'Get "{target}/1.0": {reached.failure}')
        with host.asked_by(caller):
            return Async(host.operations.begin(project, "Downloading image", {}, work))

    return Waits(reached.whenever_over, None, begin)


def _check_ended(host: Host, ended: Errand) -> None:
    if ended.failure:
        raise Refused(500, ended.failure)
    told = None
    try:
        told = json.loads(ended.answered)
    except ValueError:
        pass
    if not isinstance(told, dict):
        raise Refused(500, f"{ended.url.partition('?')[0]} does not answer as a server does")
    record = told.get("metadata") or {}
    failure = told.get("error") or record.get("err")
    if failure or record.get("status") != "Success":
        words = failure or f"the operation of the other server is {record.get('status')}"
        raise Refused(500, words if host.flavour.incus else f'Failed operation "Failure": "{words}"')


def _form(image: Image) -> tuple[str, bytes]:
    """Return an image's files as the body of a request, and what that is."""
    if len(image.files) == 1:
        return "application/octet-stream", image.files[0]
    boundary = hashlib.sha256(image.fingerprint.encode()).hexdigest()[:40]
    rootfs = "rootfs.img" if image.archive.kind == "virtual-machine" else "rootfs"
    parts: list[bytes] = []
    for name, file in zip(("metadata", rootfs), image.files, strict=True):
        head = f'Content-Disposition: form-data; name="{name}"; filename="{image.fingerprint}"'
        parts += [f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(), file, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)
