"""The operation of a crossing, on either side: it waits with secrets for whoever comes, or goes to the other server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.crossings import NAMES, Crossing
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Waits

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["begin_crossing", "check_target", "prepared"]


def prepared(host: Host, source: Mapping[str, Any], what: str = "instance") -> dict[str, Any] | None:
    """Return where the source is to be fetched from; None where it is awaited. Raises Refused."""
    if source.get("mode") != "pull":
        return None
    target = {"operation": source.get("operation", ""), "certificate": source.get("certificate", "")}
    target["secrets"] = source.get("secrets", {})
    check_target(host, target, "sink", what)
    return target


def check_target(host: Host, target: Mapping[str, Any], side: str, what: str = "instance") -> None:
    """Refuse where to go if it is not all there: `side` is what servers call the side that goes."""
    certificate, secrets = target.get("certificate", ""), target.get("secrets", {})
    if certificate and "-----BEGIN CERTIFICATE-----" not in certificate:
        if not host.flavour.incus or what == "volume":
            raise Refused(500, "Invalid certificate")
        failed = f"Failed setting up websocket dialer for migration {side} connections"
        raise Refused(500, f"{failed}: Failed PEM decoding certificate")
    for name in NAMES:
        if not secrets.get(name):
            if not host.flavour.incus:
                raise Refused(500, f"Missing {name} secret")
            asked = f"migration {side} target request"
            raise Refused(500, f'Expected "{name}" connection secret missing from {asked}')


def begin_crossing(
    host: Host,
    crossing: Crossing,
    project: str,
    description: str,
    resources: Mapping[str, list[str]],
    work: Callable[[Operation], Work],
    *,
    target: Mapping[str, Any] | None,
    may_cancel: bool = False,
) -> Reply:
    """Begin the operation of a crossing: one that goes to a target, or that waits if there is none."""
    if target is None:
        operation = host.operations.begin(
            project,
            description,
            resources,
            work,
            kind="websocket",
            may_cancel=may_cancel,
            metadata=dict(crossing.secrets),
            crossing=crossing,
        )
        return Async(operation)
    crossing.dial(target["operation"], target["certificate"], target["secrets"])

    def begin() -> Async:
        if failure := crossing.failure:
            raise Refused(500, failure)
        with host.asked_by(caller):
            return Async(host.operations.begin(project, description, resources, work))

    caller = host.asking
    # LXD has both connections before it answers who asks it to bring something.
    if host.flavour.incus or crossing.side == "target":
        return Async(host.operations.begin(project, description, resources, work))
    return Waits(crossing.whenever_settled, None, begin)
