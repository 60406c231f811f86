"""An image from one server to another: pulled by the target, pushed by the source, or relayed through here."""
# What is private to a client is its images' too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb import api
from lxdnb.models._image_create import ended, headers
from lxdnb.models._image_export import checked
from lxdnb.models._offer import address_of
from lxdnb.models._transfer import Heard, Meter, outgoing, received

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.image import Image
    from lxdnb.models.operation import Operation

__all__ = ["pull", "push", "relay"]

STAGE = "copy"


def pull(image: Image, target: Client, public: bool, auto_update: bool, aliases: list[dict[str, str]]) -> Operation:
    """Have the target fetch it from the server that has it."""
    if aliases:
        target.assert_has_api_extension("image_create_aliases")
    client = image.client
    environment = client.host_info.get("environment") or {}  # told to those alone whom the server trusts
    source: dict[str, Any] = {
        "type": "image",
        "mode": "pull",
        "server": address_of(client),
        # Either of them takes both from another server, but from another project of its own its own name alone.
        "protocol": target.product,
        "fingerprint": image.fingerprint,
        "certificate": environment.get("certificate") or client._transport.peer_certificate(),
        "project": client.project or "default",
    }
    if not image.public:
        secret = api.metadata(image.api.secret.post())["metadata"]["secret"]
        source["secret"] = secret
    request: dict[str, Any] = {"public": public, "auto_update": auto_update, "source": source}
    if aliases:
        request["aliases"] = aliases
    return target.operations.from_record(api.metadata(target.api.images.post(json=request)))


def push(image: Image, target: Client, public: bool, aliases: list[dict[str, str]]) -> Operation:
    """Have the server that has it send it to the target, and return the operation by which it does."""
    client = image.client
    for each in (client, target):
        each.assert_has_api_extension("images_push_relay")
    address = address_of(target)
    request: dict[str, Any] = {
        "public": public,
        "properties": image.properties,  # else it would have none there
        "expires_at": image.expires_at,
        "aliases": aliases,
        "source": {"type": "image", "mode": "push", "fingerprint": image.fingerprint},
    }
    waits = api.metadata(target.api.images.post(json=request))
    order = {
        "target": address,
        "certificate": target.host_info["environment"]["certificate"],
        "secret": waits["metadata"]["secret"],
        "project": target.project or "default",
    }
    return client.operations.from_record(api.metadata(image.api.export.post(json=order)))


def relay(image: Image, target: Client, public: bool, on_progress: Heard) -> None:
    """Fetch it here and send it on, piece by piece: what does not have its fingerprint never becomes whole there."""
    told: dict[str, str | bytes] = {
        **headers(target, public=public, filename=image.filename or None, properties=image.properties)
    }
    with received(image.api.export, stage=STAGE, on_progress=on_progress) as (response, pieces):
        told["Content-Type"] = response.headers.get("Content-Type", "application/octet-stream")
        body = checked(response, pieces, image.fingerprint)
        answer = outgoing(target.api.images, body, Meter(STAGE, None), headers=told)
    ended(target, answer)
