"""An instance or a volume, or a snapshot of one, on its way to another server: pulled, pushed, or carried from here.

The server that has it offers it, as an operation with a secret for each of its websockets; the other one takes it.
https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_post
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lxdnb import api, checks
from lxdnb.exceptions import LXDAPIException, LXDError
from lxdnb.models._relay import Relay
from lxdnb.models.operation import Operation

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["Journey", "Mode", "address_of", "base_image", "check_mode", "hand_over", "offered"]

Mode = Literal["pull", "push", "relay"]
"""Which server connects to the other: the taking one, the giving one, or neither, so that all goes through here."""


class Journey(NamedTuple):
    """What is under way: the answer of the server that takes it, the operation of the one that gives it, the relay."""

    answer: Response
    giving: Operation
    relay: Relay | None = None


def check_mode(mode: str) -> Mode:
    """Return a mode of going to another server. Raises TypeError and ValueError for what is none."""
    if checks.text("mode", mode) not in ("pull", "push", "relay"):
        raise ValueError(f"mode is pull, push or relay, not {checks.shown(mode)}")
    return mode  # pyright: ignore[reportReturnType]


def hand_over(
    giver: Client,
    node: APINode,
    taker: Client,
    collection: APINode,
    description: Mapping[str, Any],
    request: Mapping[str, Any],
    mode: Mode,
) -> Journey:
    """Have what is at `node` of one server made anew in a `collection` of another, by a description without a source.

    `request` has the `name` that it has here, and what both are told of it, as `live` and `instance_only`. Raises
    what either refuses, and then leaves no offer behind.
    """
    if mode == "pull":
        address_of(giver)
        with offered(giver, node, request) as (giving, source):
            source |= _for_taker(request) | base_image(description)
            answer = collection.post(json={**description, "source": source})
            return Journey(answer, giving)
    address = address_of(taker) if mode == "push" else ""
    source = {"type": "migration", "mode": "push", **_for_taker(request), **base_image(description)}
    answer = collection.post(json={**description, "source": source})
    taking = taker.operations.from_record(api.metadata(answer))
    secrets = _secrets(answer)
    with _withdrawn(taking, secrets):
        if mode == "push":
            target = {
                "operation": f"{address}/1.0/operations/{taking.id}",
                "certificate": taker.host_info["environment"]["certificate"],
                "secrets": secrets,
            }
            pushed = node.post(json={"migration": True, **request, "target": target})
            return Journey(answer, giver.operations.from_record(api.metadata(pushed)))
        with offered(giver, node, request) as (giving, source):
            given = source["secrets"]
    return Journey(answer, giving, _carried(giver, giving, given, taker, taking, secrets))


@contextmanager
def offered(giver: Client, node: APINode, request: Mapping[str, Any]) -> Generator[tuple[Operation, dict[str, Any]]]:
    """Offer what is at a node, and return the operation that offers it, and the `source` by which it is taken.

    If the block fails the offer is withdrawn.
    """
    answer = node.post(json={"migration": True, **request})
    giving = giver.operations.from_record(api.metadata(answer))
    secrets = _secrets(answer)
    with _withdrawn(giving, secrets):
        environment = giver.host_info["environment"]
        source: dict[str, Any] = {"type": "migration", "mode": "pull", "certificate": environment["certificate"]}
        source |= {"operation": f"{giver.https_address}/1.0/operations/{giving.id}", "secrets": secrets}
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
    return {key: value for key, value in request.items() if key in _BOTH}


_BOTH = ("live", "instance_only", "volume_only", "refresh", "refresh_exclude_older")


def base_image(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the part of a source that names the image it was made of, which a server that has it starts from."""
    image: str | None = description["config"].get("volatile.base_image")
    return {} if image is None else {"base-image": image}


def _secrets(answer: Response) -> dict[str, str]:
    metadata = api.metadata(answer)["metadata"]
    return {key: value for key, value in metadata.items() if isinstance(value, str)}


@contextmanager
def _withdrawn(operation: Operation, secrets: Mapping[str, str]) -> Generator[None]:
    """End an operation if the block fails: it would wait for somebody who does not come.

    One that cannot be cancelled, as an offer of a volume, ends when whoever has come for it hangs up. That is done only
    where the other server has refused, and so has not come: LXD 5.0 dies of a second connection. Else it runs out.
    """
    try:
        yield
    except BaseException as error:
        try:
            operation.cancel()
        except LXDError:
            if isinstance(error, LXDAPIException) and error.response.status_code < 500:
                node = operation._client.api.operations[operation.id]  # pyright: ignore[reportPrivateUsage]
                with suppress(LXDError), ExitStack() as stack:
                    for secret in secrets.values():
                        stack.callback(node.websocket.open_websocket({"secret": secret}).close)
        raise


def _carried(
    giver: Client,
    giving: Operation,
    given: Mapping[str, str],
    taker: Client,
    taking: Operation,
    taken: Mapping[str, str],
) -> Relay:
    """Connect the websockets of both servers here, and carry what comes from each to the other."""
    relay = Relay()
    ends = ((giver.api.operations[giving.id], given), (taker.api.operations[taking.id], taken))
    try:
        # The control channel last or first is the same to servers; a name that one side alone has is for nothing.
        for name in sorted(given.keys() & taken.keys()):
            relay.pair(*(partial(node.websocket.open_websocket, {"secret": secrets[name]}) for node, secrets in ends))
        relay.start()
    except BaseException:
        relay.close()
        for operation in (giving, taking):
            with suppress(LXDError):
                operation.cancel()
        raise
    return relay
