"""The files of an image, read in memory: what its metadata tell, and nothing else of it.

https://documentation.ubuntu.com/lxd/stable-5.0/reference/image_format/
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import yaml

from lxdnb.sandbox.replies import Refused

__all__ = ["Archive", "ending_of", "files_of", "opened", "simulated_image"]

_METADATA = "metadata.yaml"


@dataclass(frozen=True)
class Archive:
    """What the files of an image tell of it."""

    architecture: str
    created: float
    properties: dict[str, str]
    kind: str
    """`container` or `virtual-machine`."""


def files_of(content_type: str, body: bytes) -> tuple[tuple[bytes, ...], str]:
    """Return the files that a request's body has, one, or the two of a form, and of what type of instance they are."""
    if not content_type.startswith("multipart/form-data"):
        return (body,), "container"
    parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = {str(part.get_param("name", "", "content-disposition")): part for part in parsed.iter_parts()}
    metadata = parts.get("metadata")
    root = next((name for name in parts if name in ("rootfs", "rootfs.img")), None)
    if metadata is None or root is None:
        raise Refused(400, "Invalid multipart image")
    kind = "virtual-machine" if root == "rootfs.img" else "container"
    return (_payload(metadata), _payload(parts[root])), kind


def _payload(part: Any) -> bytes:
    return part.get_payload(decode=True) or b""


def opened(files: tuple[bytes, ...], kind: str = "container") -> Archive:
    """Read the metadata of an image's files. Raises Refused for what is none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(files[0])) as archive:
            member = next((each for each in archive if each.name.removeprefix("./") == _METADATA), None)
            text = archive.extractfile(member) if member is not None and member.isfile() else None
            told = yaml.safe_load(text.read()) if text else None
    except (tarfile.TarError, EOFError, OSError, ValueError):
        raise Refused(500, "Unsupported compression") from None
    except yaml.YAMLError as error:
        raise Refused(500, f"Could not parse {_METADATA}: {error}") from None
    if told is None:
        raise Refused(500, "Metadata tarball is missing metadata.yaml")
    if not isinstance(told, dict):
        raise Refused(500, f"Could not parse {_METADATA}: yaml: cannot unmarshal into api.ImageMetadata")
    properties = told.get("properties") or {}
    return Archive(
        str(told.get("architecture", "x86_64")),
        float(told.get("creation_date") or 0),
        {str(key): str(value) for key, value in properties.items()},
        kind,
    )


def ending_of(file: bytes) -> str:
    """Return what the name of such a file ends with, by its first bytes."""
    return next((ending for magic, ending in _ENDINGS.items() if file.startswith(magic)), ".tar")


_ENDINGS = {
    b"\x1f\x8b": ".tar.gz",
    b"BZh": ".tar.bz2",
    b"\xfd7zXZ": ".tar.xz",
    b"\x28\xb5\x2f\xfd": ".tar.zst",
    b"hsqs": ".squashfs",
    b"QFI\xfb": ".qcow2",
}


def simulated_image() -> bytes:
    """Return the one image that a sandbox begins with, always the same bytes."""
    properties = {
        "architecture": "x86_64",
        "description": "Simulated BusyBox (x86_64)",
        "name": "simulated-busybox",
        "os": "BusyBox",
        "release": "simulated",
    }
    metadata = {"architecture": "x86_64", "creation_date": 1_700_000_000, "properties": properties}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, text in ((_METADATA, json.dumps(metadata)), ("rootfs/etc/hostname", "simulated\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return written.getvalue()
