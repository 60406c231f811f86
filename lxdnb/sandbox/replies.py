"""What goes between the server and the handlers of requests: a request as values, and what it is answered with.

Pure: nothing here knows of sockets. The server writes replies out in the envelope that LXD and Incus have in common:
https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#return-values
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.callers import ROOT, Caller
from lxdnb.sandbox.refusals import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.operations import Operation

__all__ = ["Async", "Content", "Pieces", "Refused", "Reply", "Request", "Sync", "Waits", "etag_of"]


@dataclass(frozen=True)
class Request:
    """A request, its path taken apart already."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By names in small letters."""
    body: bytes = b""
    caller: Caller = ROOT
    at: Member | None = None
    """The member of a cluster that was asked."""

    @property
    def project(self) -> str:
        """The name of the project that it is about."""
        return self.query.get("project") or "default"

    @property
    def recursion(self) -> int:
        try:
            return int(self.query.get("recursion", "0"))
        except ValueError:
            return 0

    @property
    def of_all_projects(self) -> bool:
        return self.query.get("all-projects", "").lower() in ("1", "true", "yes", "on")

    def check_match(self, tag: str) -> None:
        """Refuse it if it is for another state of things than the one with this tag."""
        wanted = self.headers.get("if-match", "")
        if wanted and wanted.strip('"') != tag:
            raise Refused(412, f"ETag doesn't match: {tag} vs {wanted}")


@dataclass(frozen=True)
class Sync:
    """Done. `created` is the URL of what was made; `etag` the tag of what is shown."""

    metadata: Any = None
    etag: str | None = None
    created: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Async:
    """Begun, as an operation; `forwarded` where that is said of it, in a cluster."""

    operation: Operation
    forwarded: bool = False


@dataclass(frozen=True)
class Waits:
    """An answer once something has come about, or so many seconds have passed: made then.

    `whenever` has a function called once it has, and returns what takes that back.
    """

    whenever: Callable[[Callable[[], None]], Callable[[], None]]
    seconds: float | None
    answer: Callable[[], Sync | Async]


@dataclass(frozen=True)
class Content:
    """Files, as they are: one, or the two of an image, as a form."""

    files: tuple[bytes, ...]
    name: str
    kind: str
    """What they are, as a media type."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Pieces:
    """A text that is made as it is sent, so that others have their turn between two pieces; some may be empty."""

    pieces: Iterator[bytes]
    kind: str
    """What it is, as a media type."""


Reply = Sync | Async | Waits | Content | Pieces


def etag_of(*parts: Any) -> str:
    """Return the tag of a state of things: equal for what is equal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
