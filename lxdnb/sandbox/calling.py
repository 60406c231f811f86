"""What a host asks of other servers: connections to their operations, and files over HTTP.

Pure: connections are made by whoever is the host's lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.crossings import Channel, Talk

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["Errand", "Lines", "NoLines", "sent"]


@dataclass
class Errand:
    """A request to another server, pinned to its certificate, and once it is back what came of it."""

    method: str
    url: str
    certificate: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    done: Gate = field(default_factory=Gate)
    over: bool = False
    status: int = 0
    answered: bytes = b""
    content_type: str = ""
    failure: str | None = None
    """Why nobody answered."""

    def end(self) -> None:
        self.over = True
        self.done.open()

    def whenever_over(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have something called once it is back; what is returned takes that back."""
        wanted = [call]
        if self.over:
            wanted.pop()()
        else:
            self.done.wait(lambda: wanted and wanted.pop()())
        return wanted.clear


class Lines(Protocol):
    """What connects a host to other servers."""

    def connect(self, url: str, certificate: str, channel: Channel) -> None:
        """Open a websocket for a channel, to a server with this certificate, and carry what goes through it."""
        ...

    def send(self, errand: Errand) -> None:
        """Send a request, and bring back the answer."""
        ...


class NoLines:
    """The lines of a host without a network."""

    def connect(self, url: str, certificate: str, channel: Channel) -> None:
        channel.fail("there is no network")

    def send(self, errand: Errand) -> None:
        errand.failure = "there is no network"
        errand.end()


def sent(host: Host, errand: Errand) -> Talk[Errand]:
    """Send a request, and return it once it is back."""
    host.lines.send(errand)
    while not errand.over:
        yield errand.done
    return errand
