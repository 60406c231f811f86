"""Two servers, each behind a proxy that shows its own certificate, so that they reach each other that way as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import lxdnb
from tests import daemons
from tests.faults.proxy import Moment, Proxy, down, up

__all__ = ["MIDDLE", "MODES", "NOISE", "Side", "between", "in_the_middle"]

MEGABYTE = 1_000_000
NOISE = 12 * MEGABYTE  # more than all the buffers on the way hold
MIDDLE = 5 * MEGABYTE
MODES = ("pull", "push", "relay")


class Side(NamedTuple):
    """A server, the way to it, and a client that goes that way."""

    server: daemons.Daemon
    way: Proxy
    client: lxdnb.Client


@contextmanager
def between(giver: daemons.Daemon, taker: daemons.Daemon, folder: Path) -> Iterator[tuple[Side, Side]]:
    """The server that gives, and the one that takes."""
    with ExitStack() as stack:
        made = []
        for each in (giver, taker):
            (own := folder / each.directory.name).mkdir()
            identity = (each.directory / "server.crt", each.directory / "server.key")
            way = stack.enter_context(Proxy(each.socket, own, "tls", identity))
            certificate = (str(each.client_certificate[0]), str(each.client_certificate[1]))
            client = lxdnb.Client(way.endpoint, cert=certificate, fingerprint=each.fingerprint)
            stack.callback(client.close)
            made.append(Side(each, way, client))
        yield made[0], made[1]


def in_the_middle(sides: tuple[Side, Side], mode: str) -> tuple[Proxy, Moment]:
    """The way that the files go, and the moment when a good part of them has gone."""
    giver, taker = sides
    return (taker.way, up(MIDDLE)) if mode == "push" else (giver.way, down(MIDDLE))
