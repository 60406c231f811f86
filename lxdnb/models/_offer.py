"""An instance, or a snapshot of one, on its way to another server: pulled, pushed, or carried by this process.

The server that has it offers it, as an operation with a secret for each of its websockets; the other one takes it.
https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_post
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lxdnb import api, checks
from lxdnb.exceptions import LXDError, NotFound
from lxdnb.models.operation import Operation

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode
    from lxdnb.client import Client
    from lxdnb.transport import Channel

__all__ = ["Journey", "Mode", "address_of", "arrived", "base_image", "check_mode", "hand_over", "offered"]

Mode = Literal["pull", "push", "relay"]
"""Which server connects to the other: the taking one, the giving one, or neither, so that all goes through here."""


class Journey(NamedTuple):
    """What is under way: the answer of the server that takes it, and the operation of the one that gives it."""

    answer: Response
    giving: Operation


def check_mode(mode: str) -> Mode:
    """Return a mode of going to another server. Raises TypeError and ValueError for what is none."""
    if checks.text("mode", mode) not in ("pull", "push", "relay"):
        raise ValueError(f"mode is pull, push or relay, not {checks.shown(mode)}")
    return mode  # pyright: ignore[reportReturnType]


def hand_over(
    giver: Client, node: APINode, taker: Client, description: Mapping[str, Any], request: Mapping[str, Any], mode: Mode
) -> Journey:
    """Have what is at `node` of one server made anew on another, by a description without a source.

    `request` has the `name` that it has here, and what both are told of it, as `live` and `instance_only`. Raises
    what either refuses, and then leaves no offer behind.
    """
    if mode == "pull":
        address_of(giver)
        with offered(giver, node, request) as (giving, source):
            source |= _for_taker(request) | base_image(description)
            answer = taker.api.instances.post(json={**description, "source": source})
            return Journey(answer, giving)
    address = address_of(taker) if mode == "push" else ""
    source = {"type": "migration", "mode": "push", **_for_taker(request), **base_image(description)}
    answer = taker.api.instances.post(json={**description, "source": source})
    taking = taker.operations.from_record(api.metadata(answer))
    secrets = _secrets(answer)
    with _withdrawn(taking):
        if mode == "relay":
            with offered(giver, node, request) as (giving, source):
                _carry(giver, giving, source["secrets"], taker, taking, secrets)
            return Journey(answer, giving)
        target = {
            "operation": f"{address}/1.0/operations/{taking.id}",
            "certificate": taker.host_info["environment"]["certificate"],
            "secrets": secrets,
        }
        pushed = node.post(json={"migration": True, **request, "target": target})
        return Journey(answer, giver.operations.from_record(api.metadata(pushed)))


def arrived(taking: Operation | None, journey: Journey | None) -> None:
    """Wait until both servers say that it has arrived. Raises what the taking one says, else what the giving one."""
    if taking is not None:
        taking.wait()
    if journey is not None:
        try:
            journey.giving.wait()
        except NotFound:
            pass  # it ended so long ago that its server has forgotten it


@contextmanager
def offered(giver: Client, node: APINode, request: Mapping[str, Any]) -> Generator[tuple[Operation, dict[str, Any]]]:
    """Offer what is at a node, and return the operation that offers it, and the `source` by which it is taken.

    If the block fails the offer is withdrawn.
    """
    answer = node.post(json={"migration": True, **request})
    giving = giver.operations.from_record(api.metadata(answer))
    with _withdrawn(giving):
        environment = giver.host_info["environment"]
        source: dict[str, Any] = {"type": "migration", "mode": "pull", "certificate": environment["certificate"]}
        source |= {"operation": f"{giver.https_address}/1.0/operations/{giving.id}", "secrets": _secrets(answer)}
        yield giving, source


def address_of(client: Client) -> str:
    """Return the address at which other servers reach a client's. Raises ValueError where there is none."""
    address = client.https_address
    if address is None:
        raise ValueError(
            f"{client!r} listens on no address at which another server could reach it: set one, as in "
            "`lxc config set core.https_address :8443`, or let all go through here by mode='relay'"
        )
    return address


def _for_taker(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key in ("live", "instance_only", "refresh")}


def base_image(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the part of a source that names the image it was made of, which a server that has it starts from."""
    image: str | None = description["config"].get("volatile.base_image")
    return {} if image is None else {"base-image": image}


def _secrets(answer: Response) -> dict[str, str]:
    metadata = api.metadata(answer)["metadata"]
    return {key: value for key, value in metadata.items() if isinstance(value, str)}


@contextmanager
def _withdrawn(operation: Operation) -> Generator[None]:
    """Cancel an operation if the block fails: it would wait for somebody who does not come."""
    try:
        yield
    except BaseException:
        with suppress(LXDError):
            operation.cancel()
        raise


def _carry(
    giver: Client,
    giving: Operation,
    given: Mapping[str, str],
    taker: Client,
    taking: Operation,
    taken: Mapping[str, str],
) -> None:
    """Connect the websockets of both servers here, and carry what comes from each to the other, in threads."""
    pairs: list[tuple[Channel, Channel]] = []
    opened: list[Channel] = []
    try:
        # The control channel last or first is the same to servers; a name that one side alone has is for nothing.
        for name in sorted(given.keys() & taken.keys()):
            ends: list[Channel] = []
            for client, operation, secrets in ((giver, giving, given), (taker, taking, taken)):
                node = client.api.operations[operation.id].websocket
                ends.append(node.open_websocket({"secret": secrets[name]}))
                opened.append(ends[-1])
            pairs.append((ends[0], ends[1]))
    except BaseException:
        for channel in opened:
            channel.close()
        raise
    for one, other in pairs:
        for source, sink in ((one, other), (other, one)):
            threading.Thread(target=_pump, args=(source, sink), name="lxdnb relay", daemon=True).start()


def _pump(source: Channel, sink: Channel) -> None:
    try:
        while (message := source.receive()) is not None:
            if isinstance(message, bytes):
                sink.send(message)
            else:
                sink.send_text(message)
    except ConnectionError:
        pass  # the other side is gone: its operation says why
    finally:
        # What each side still has to say is said: only the end is passed on.
        sink.close()
        source.close()
